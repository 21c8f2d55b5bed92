/** One rectangle of the room: somebody's camera or screen, with name and state. */

import type { Box } from "../layout";
import { Avatar } from "./avatar";
import { Icon } from "./icons";
import { VideoView } from "./media-elements";

export interface TileContent {
  readonly key: string;
  readonly peerId: string;
  readonly name: string;
  readonly kind: "camera" | "share";
  readonly own: boolean;
  readonly track: MediaStreamTrack | null;
  readonly muted: boolean;
  readonly speaking: boolean;
  /** The server rates what we get from this person as poor. */
  readonly weak: boolean;
}

/** Below this score (of 10) the picture visibly suffers. */
export const WEAK_SCORE = 5;

export function Tile({ content, box }: { content: TileContent; box: Box }) {
  const { name, kind, own, track, muted, speaking, weak, peerId } = content;
  const place = {
    transform: `translate(${Math.round(box.x)}px, ${Math.round(box.y)}px)`,
    width: `${Math.floor(box.width)}px`,
    height: `${Math.floor(box.height)}px`,
  };
  const shown = kind === "share" ? (own ? "Your screen" : `${name}'s screen`) : own ? `${name} (you)` : name;
  return (
    <article
      class={`tile${speaking ? " speaking" : ""}${kind === "share" ? " sharing" : ""}${box.width < 200 ? " tiny" : ""}`}
      style={place}
      aria-label={shown}
      data-peer={peerId}
      data-kind={kind}
      data-own={own}
    >
      <Avatar name={name} seed={peerId} />
      {track && <VideoView track={track} label={shown} mirrored={own && kind === "camera"} contain={kind === "share"} />}
      {weak && (
        <span class="badge weak" title="Poor connection" role="img" aria-label="Poor connection">
          <Icon name="weak" />
        </span>
      )}
      <footer class="name-plate">
        {muted && (
          <span class="muted-mark" role="img" aria-label="Muted">
            <Icon name="micOff" />
          </span>
        )}
        {kind === "share" && <Icon name="share" />}
        <span class="name">{shown}</span>
      </footer>
    </article>
  );
}
