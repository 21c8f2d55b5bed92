/** Who is here. */

import { useAppState } from "../app";
import { Avatar } from "./avatar";
import { Icon } from "./icons";
import { InviteButton } from "./invite-button";
import { PanelFrame } from "./panel";

export function PeoplePanel() {
  const { peers, peerId, displayName, streams, local, activeSpeakerId } = useAppState();
  const others = peers.map(({ id, displayName: name, device }) => {
    const audio = streams.filter((stream) => stream.peerId === id && stream.kind === "audio");
    const browser = [device?.name, device?.version].filter(Boolean).join(" ");
    return { id, name, note: browser, muted: audio.every(({ paused }) => paused) };
  });
  const own = { id: peerId, name: displayName, note: "You", muted: local.mic.muted || !local.mic.track };
  return (
    <PanelFrame title="People">
      <ul class="people">
        {[own, ...others].map(({ id, name, note, muted }) => (
          <li key={id} class={activeSpeakerId === id ? "speaking" : ""}>
            <Avatar name={name} seed={id} />
            <span class="person">
              <strong>{name}</strong>
              <small>{note}</small>
            </span>
            <span class={muted ? "muted-mark" : "soft"} role="img" aria-label={muted ? "Muted" : "Microphone on"}>
              <Icon name={muted ? "micOff" : "mic"} />
            </span>
          </li>
        ))}
      </ul>
      <InviteButton />
    </PanelFrame>
  );
}
