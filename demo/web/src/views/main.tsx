/** Lobby or room, with the toasts above either. */

import { useAppState } from "../app";
import { Lobby } from "./lobby";
import { Room } from "./room";
import { Toasts } from "./toasts";

export function Main() {
  const { phase } = useAppState();
  return (
    <>
      {phase === "lobby" ? <Lobby /> : <Room />}
      <Toasts />
    </>
  );
}
