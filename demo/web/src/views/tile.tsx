/** One rectangle of the room: somebody's camera or screen, with name and state. */

import { useRef } from "preact/hooks";

import type { Box } from "./layout";
import type { RemoteStream } from "../state";
import { Avatar } from "./avatar";
import { Icon } from "./icons";
import { VideoView } from "./media-elements";
import { Signal } from "./signal";

export interface TileContent {
  readonly key: string;
  readonly peerId: string;
  readonly name: string;
  readonly kind: "camera" | "share";
  readonly own: boolean;
  /** No person, but a program that sends into the room. */
  readonly program: boolean;
  readonly track: MediaStreamTrack | null;
  readonly muted: boolean;
  readonly speaking: boolean;
  /** 0 to 10, of what we get from this person or they get from us; null while nothing is sent. */
  readonly score: number | null;
  /** What arrives here; null for our own tiles and where no video comes. */
  readonly stream: RemoteStream | null;
}

interface TileProps {
  readonly content: TileContent;
  readonly box: Box;
  /** Shown big, at this person's wish. */
  readonly pinned: boolean;
  readonly onPin: () => void;
  readonly menuOpen: boolean;
  /** Told of the button that was pressed. */
  readonly onMenu: (opener: HTMLElement) => void;
}

/** What a tile is called, to the eye and to a screen reader. */
export function tileName({ name, kind, own }: TileContent): string {
  if (kind === "share") return own ? "Your screen" : `${name}'s screen`;
  return own ? `${name} (you)` : name;
}

export function Tile({ content, box, pinned, onPin, menuOpen, onMenu }: TileProps) {
  const { name, kind, own, program, track, muted, speaking, score, stream, peerId } = content;
  const root = useRef<HTMLElement>(null);
  const place = {
    transform: `translate(${Math.round(box.x)}px, ${Math.round(box.y)}px)`,
    width: `${Math.floor(box.width)}px`,
    height: `${Math.floor(box.height)}px`,
  };
  const shown = tileName(content);
  const stalled = track !== null && stream?.current === null;
  return (
    <article
      ref={root}
      class={`tile${speaking ? " speaking" : ""}${kind === "share" ? " sharing" : ""}${box.width < 200 ? " tiny" : ""}`}
      style={place}
      aria-label={shown}
      data-peer={peerId}
      data-kind={kind}
      data-own={own}
      onDblClick={(event) => {
        const onButton = event.target instanceof Element && event.target.closest("button") !== null;
        if (!own && !onButton) onPin();
      }}
    >
      <Avatar name={name} seed={peerId} />
      {track && <VideoView track={track} label={shown} mirrored={own && kind === "camera"} contain={kind === "share"} />}
      {stalled && (
        <p class="stalled">
          <span class="spinner" aria-hidden="true" />
          Waiting for the picture
        </p>
      )}
      <div class={`tile-actions${menuOpen ? " open" : ""}`}>
        {track && kind === "share" && document.fullscreenEnabled && (
          <button
            type="button"
            class="tile-action"
            aria-label={`Full screen of ${shown}`}
            title="Full screen"
            onClick={() => void toggleFullscreen(root.current)}
          >
            <Icon name="fullscreen" />
          </button>
        )}
        {!own && (
          <button
            type="button"
            class={`tile-action tile-pin${pinned ? " on" : ""}`}
            aria-label={`Pin ${shown}`}
            aria-pressed={pinned}
            title={pinned ? "Unpin" : "Pin: show big"}
            onClick={onPin}
          >
            <Icon name="pin" />
          </button>
        )}
        {stream && (
          <button
            type="button"
            class="tile-action"
            aria-label={`Options for ${shown}`}
            aria-haspopup="dialog"
            aria-expanded={menuOpen}
            title="Options"
            onClick={(event) => onMenu(event.currentTarget)}
          >
            <Icon name="more" />
          </button>
        )}
      </div>
      <footer class="name-plate">
        {muted && (
          <span class="muted-mark" role="img" aria-label="Muted">
            <Icon name="micOff" />
          </span>
        )}
        {kind === "share" && <Icon name="share" />}
        {program && (
          <span class="program-mark" role="img" aria-label="Broadcast" title="A broadcast: sent by a program">
            <Icon name="broadcast" />
          </span>
        )}
        <span class="name">{shown}</span>
        {score !== null && <Signal score={score} whose={own ? "Your signal" : "Signal"} />}
      </footer>
    </article>
  );
}

async function toggleFullscreen(element: HTMLElement | null): Promise<void> {
  try {
    await (document.fullscreenElement ? document.exitFullscreen() : element?.requestFullscreen());
  } catch {
    // The browser or the frame around this page forbids it: the tile stays as big as it is.
  }
}
