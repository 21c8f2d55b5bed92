/** What every view is given. */

import { createContext } from "preact";
import { useContext } from "preact/hooks";

import type { Params } from "./params";
import type { RoomClient } from "./room/room-client";
import type { AppStore, State } from "./state";
import { useStore } from "./store";

export interface App {
  readonly store: AppStore;
  readonly client: RoomClient;
  readonly params: Params;
}

export const AppContext = createContext<App | null>(null);

export function useApp(): App {
  const app = useContext(AppContext);
  if (!app) throw new Error("a view was rendered outside the app");
  return app;
}

export function useAppState(): State {
  return useStore(useApp().store);
}
