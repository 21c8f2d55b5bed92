/** Who is here. */

import { useLayoutEffect, useRef, useState } from "preact/hooks";

import { useApp, useAppState } from "../app";
import { isBroadcaster, MAX_NAME_LENGTH } from "../state";
import { Avatar } from "./avatar";
import { Icon } from "./icons";
import { PanelFrame } from "./panel";
import { InviteButton } from "./invite-button";

export function PeoplePanel() {
  const { peers, peerId, displayName, streams, local, activeSpeakerId, phase } = useAppState();
  const [renaming, setRenaming] = useState(false);
  const others = peers.map((peer) => {
    const { id, displayName: name, device } = peer;
    const audio = streams.filter((stream) => stream.peerId === id && stream.kind === "audio");
    const browser = [device?.name, device?.version].filter(Boolean).join(" ");
    const note = isBroadcaster(peer) ? `Broadcast by ${browser}` : browser;
    return { id, name: name || "Guest", note, muted: audio.every(({ paused }) => paused) };
  });
  const own = { id: peerId, name: displayName, note: "You", muted: local.mic.muted || !local.mic.track };
  return (
    <PanelFrame title="People">
      <ul class="people">
        {[own, ...others].map(({ id, name, note, muted }) => (
          <li key={id} class={activeSpeakerId === id ? "speaking" : ""}>
            <Avatar name={name} seed={id} />
            {id === peerId && renaming ? (
              <NameForm onDone={() => setRenaming(false)} />
            ) : (
              <span class="person">
                <strong>{name}</strong>
                <small>{note}</small>
              </span>
            )}
            {id === peerId && !renaming && (
              <button
                type="button"
                class="icon-button"
                aria-label="Change your name"
                title="Change your name"
                disabled={phase !== "joined"}
                onClick={() => setRenaming(true)}
              >
                <Icon name="edit" />
              </button>
            )}
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

/** Enter takes the name that was typed, Escape keeps the old one. */
function NameForm({ onDone }: { onDone: () => void }) {
  const { client } = useApp();
  const { displayName } = useAppState();
  const [name, setName] = useState(displayName);
  const field = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => field.current?.select(), []);
  const submit = (event: Event): void => {
    event.preventDefault();
    const wanted = name.trim();
    if (!wanted) return;
    if (wanted !== displayName) void client.rename(wanted);
    onDone();
  };
  return (
    <form class="person" onSubmit={submit}>
      <input
        class="input"
        aria-label="Your name"
        autocomplete="name"
        maxLength={MAX_NAME_LENGTH}
        required
        ref={field}
        value={name}
        onInput={(event) => setName(event.currentTarget.value)}
        onBlur={onDone}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          event.stopPropagation(); // the panel stays open
          onDone();
        }}
      />
    </form>
  );
}
