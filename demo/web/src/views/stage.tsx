/** The tiles of everybody in the room, laid out for the space there is. */

import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

import { useAppState } from "../app";
import { type Box, gridLayout, stageLayout } from "../layout";
import type { PeerInfo, State } from "../state";
import { AudioView } from "./media-elements";
import { Tile, type TileContent, WEAK_SCORE } from "./tile";

export function Stage() {
  const state = useAppState();
  const frame = useRef<HTMLElement>(null);
  const [area, setArea] = useState<Box>({ x: 0, y: 0, width: 0, height: 0 });
  useLayoutEffect(() => {
    const element = frame.current;
    if (!element) return;
    const measure = () => setArea({ x: 0, y: 0, width: element.clientWidth, height: element.clientHeight });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const placed = useMemo(() => place(tilesOf(state), area), [state, area]);
  return (
    <main class="stage" ref={frame} aria-label="Participants">
      {placed.map(({ content, box }) => (
        <Tile key={content.key} content={content} box={box} />
      ))}
      {state.streams
        .filter(({ kind }) => kind === "audio")
        .map(({ id, track }) => (
          <AudioView key={id} track={track} />
        ))}
    </main>
  );
}

/** Everybody's camera, our own first, and every shared screen. */
function tilesOf(state: State): TileContent[] {
  const { local, displayName, peerId, activeSpeakerId } = state;
  const own = { peerId, name: displayName || "You", own: true, weak: false };
  const speaking = activeSpeakerId === peerId && !local.mic.muted;
  const tiles: TileContent[] = [
    { ...own, key: "own", kind: "camera", track: local.camera.track, muted: local.mic.muted || !local.mic.track, speaking },
  ];
  if (local.share.track) {
    tiles.push({ ...own, key: "own-share", kind: "share", track: local.share.track, muted: false, speaking: false });
  }
  for (const peer of state.peers) tiles.push(...tilesOfPeer(state, peer));
  return tiles;
}

function tilesOfPeer({ streams, activeSpeakerId }: State, peer: PeerInfo): TileContent[] {
  const theirs = streams.filter(({ peerId }) => peerId === peer.id);
  const audio = theirs.filter(({ kind }) => kind === "audio");
  const camera = theirs.find(({ kind, share }) => kind === "video" && !share);
  const person = { peerId: peer.id, name: peer.displayName || "Guest", own: false };
  const speaking = activeSpeakerId === peer.id;
  const weak = theirs.some(({ paused, score }) => !paused && score < WEAK_SCORE);
  const muted = audio.every(({ paused }) => paused);
  const track = camera && !camera.paused ? camera.track : null;
  const shares = theirs.filter(({ kind, share }) => kind === "video" && share);
  return [
    { ...person, key: peer.id, kind: "camera", track, muted, speaking, weak },
    ...shares.map((share): TileContent => {
      return { ...person, key: share.id, kind: "share", track: share.track, muted: false, speaking: false, weak: false };
    }),
  ];
}

function place(tiles: readonly TileContent[], area: Box): { content: TileContent; box: Box }[] {
  const shares = tiles.filter(({ kind }) => kind === "share");
  const cameras = tiles.filter(({ kind }) => kind === "camera");
  if (shares.length === 0) return pair(cameras, gridLayout(cameras.length, area));
  const { stage, strip } = stageLayout(shares.length, cameras.length, area);
  return [...pair(cameras, strip), ...pair(shares, stage)];
}

function pair(tiles: readonly TileContent[], boxes: readonly Box[]): { content: TileContent; box: Box }[] {
  return tiles.flatMap((content, index) => {
    const box = boxes[index];
    return box ? [{ content, box }] : [];
  });
}
