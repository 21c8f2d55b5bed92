/** The tiles of everybody in the room, laid out for the space there is. */

import type { types } from "mediasoup-client";
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

import { useAppState } from "../app";
import { type Box, gridLayout, stageLayout } from "./layout";
import { isBroadcaster, type PeerInfo, type State } from "../state";
import { AudioView } from "./media-elements";
import { Tile, type TileContent, tileName } from "./tile";
import { TileMenu } from "./tile-menu";

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
  const [pinned, setPinned] = useState<string | null>(null);
  const placed = useMemo(() => place(tilesOf(state), pinned, area), [state, pinned, area]);
  const [menu, setMenu] = useState<{ readonly key: string; readonly opener: HTMLElement } | null>(null);
  const chosen = placed.find(({ content }) => content.key === menu?.key)?.content;
  const openMenu = (key: string, opener: HTMLElement): void => setMenu(menu?.key === key ? null : { key, opener });
  return (
    <>
      <main class="stage" ref={frame} aria-label="Participants">
        {placed.map(({ content, box }) => (
          <Tile
            key={content.key}
            content={content}
            box={box}
            pinned={pinned === content.key}
            onPin={() => setPinned(pinned === content.key ? null : content.key)}
            menuOpen={menu?.key === content.key}
            onMenu={(opener) => openMenu(content.key, opener)}
          />
        ))}
        {state.streams
          .filter(({ kind }) => kind === "audio")
          .map(({ id, track }) => (
            <AudioView key={id} track={track} />
          ))}
      </main>
      {menu && chosen?.stream && (
        <TileMenu
          key={menu.key}
          stream={chosen.stream}
          title={tileName(chosen)}
          opener={menu.opener}
          onClose={() => setMenu(null)}
        />
      )}
    </>
  );
}

/** Everybody's camera, our own first, and every shared screen. */
function tilesOf(state: State): TileContent[] {
  const { local, displayName, peerId, activeSpeakerId, connections } = state;
  const own = { peerId, name: displayName || "You", own: true, program: false, stream: null };
  const score = overWay(connections.send, local.camera.score ?? local.mic.score);
  const speaking = activeSpeakerId === peerId && !local.mic.muted;
  const tiles: TileContent[] = [
    {
      ...own,
      key: "own",
      kind: "camera",
      track: local.camera.track,
      muted: local.mic.muted || !local.mic.track,
      speaking,
      score,
    },
  ];
  if (local.share.track) {
    const { track } = local.share;
    const shareScore = overWay(connections.send, local.share.score);
    tiles.push({ ...own, key: "own-share", kind: "share", track, muted: false, speaking: false, score: shareScore });
  }
  for (const peer of state.peers) tiles.push(...tilesOfPeer(state, peer));
  return tiles;
}

/** A score that the server gave is worth nothing while its way is broken. */
function overWay(way: types.ConnectionState | null, score: number | null): number | null {
  const broken = way === "disconnected" || way === "failed";
  return broken && score !== null ? 0 : score;
}

function tilesOfPeer({ streams, activeSpeakerId, connections }: State, peer: PeerInfo): TileContent[] {
  const theirs = streams.filter(({ peerId }) => peerId === peer.id);
  const audio = theirs.filter(({ kind }) => kind === "audio");
  const camera = theirs.find(({ kind, share }) => kind === "video" && !share);
  const program = isBroadcaster(peer);
  const person = { peerId: peer.id, name: peer.displayName || "Guest", own: false, program };
  const speaking = activeSpeakerId === peer.id;
  const live = theirs.filter(({ paused, share }) => !paused && !share);
  const score = live.length === 0 ? null : overWay(connections.recv, Math.min(...live.map((stream) => stream.score)));
  const muted = audio.every(({ paused }) => paused) && !(program && audio.length === 0);
  const track = camera && !camera.paused ? camera.track : null;
  const shares = theirs.filter(({ kind, share }) => kind === "video" && share);
  return [
    { ...person, key: peer.id, kind: "camera", track, muted, speaking, score, stream: track && camera ? camera : null },
    ...shares.map((stream): TileContent => {
      const shown = { key: stream.id, track: stream.track, score: overWay(connections.recv, stream.score), stream };
      return { ...person, ...shown, kind: "share", muted: false, speaking: false };
    }),
  ];
}

/** What is pinned gets the stage; otherwise shared screens do. While there is neither, all tiles are of one size. */
function place(tiles: readonly TileContent[], pinned: string | null, area: Box): { content: TileContent; box: Box }[] {
  const isPinned = ({ key }: TileContent): boolean => key === pinned;
  const isBig = tiles.some(isPinned) ? isPinned : ({ kind }: TileContent): boolean => kind === "share";
  const big = tiles.filter(isBig);
  const small = tiles.filter((tile) => !isBig(tile));
  if (big.length === 0) return pair(small, gridLayout(small.length, area));
  const { stage, strip } = stageLayout(big.length, small.length, area);
  return [...pair(small, strip), ...pair(big, stage)];
}

function pair(tiles: readonly TileContent[], boxes: readonly Box[]): { content: TileContent; box: Box }[] {
  return tiles.flatMap((content, index) => {
    const box = boxes[index];
    return box ? [{ content, box }] : [];
  });
}
