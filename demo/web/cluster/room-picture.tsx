/** A room drawn: its parts on a circle, those of one host beside each other, and the pipes between them. */

import type { Report, Room, Shard } from "./report";
import { counted, nameOf, pipesOf, placeOf } from "./report";

const MOST_LETTERS = 14;

interface Point {
  x: number;
  y: number;
}

export function RoomPicture(props: { report: Report; room: Room }) {
  const { report, room } = props;
  const shards = room.shards.toSorted((one, other) => compare(one.node, other.node) || compare(one.shard, other.shard));
  const radius = Math.max(70, shards.length * 16);
  const size = radius + 50;
  const places = new Map(shards.map(({ shard }, at) => [shard, onCircle(at, shards.length, radius)]));
  const pipes = pipesOf(room);
  const label = `Room ${room.name}: ${counted(shards.length, "part")}, ${counted(pipes.length, "pipe")}`;
  return (
    <svg class="room" viewBox={`${-size} ${-size} ${2 * size} ${2 * size}`} role="img" aria-label={label}>
      {pipes.map((pipe) => {
        const from = places.get(pipe.from);
        const to = places.get(pipe.to);
        if (from === undefined || to === undefined) return null;
        const kind = ["pipe", pipe.data && "data", !pipe.connected && "unconnected"].filter(Boolean).join(" ");
        const bend = pipe.data ? 0.18 : 0;
        return (
          <path key={`${pipe.from} ${pipe.to} ${pipe.data}`} class={kind} d={arc(from, to, bend)}>
            <title>{`${pipe.data ? "data" : "media"}, ${counted(pipe.streams, "stream")}, ${pipe.connected ? "connected" : "not connected"}${pipe.encrypted ? ", encrypted" : ""}`}</title>
          </path>
        );
      })}
      {shards.map((shard) => (
        <Part key={shard.shard} shard={shard} at={places.get(shard.shard) ?? { x: 0, y: 0 }} report={report} />
      ))}
    </svg>
  );
}

function Part(props: { shard: Shard; at: Point; report: Report }) {
  const { shard, at, report } = props;
  const host = nameOf(report, shard.node);
  const short = host.length > MOST_LETTERS ? `${host.slice(0, MOST_LETTERS - 1)}…` : host;
  const worker = shard.own === undefined ? "" : ` / ${shard.own.worker ?? "†"}`;
  return (
    <g class={shard.own === undefined ? "part" : "part own"} transform={`translate(${at.x} ${at.y})`}>
      <title>{`${placeOf(report, shard)}: ${counted(shard.participants, "participant")}`}</title>
      <circle r={12 + 3 * Math.log2(1 + shard.participants)} />
      <text class="count" y="4" text-anchor="middle">
        {shard.participants}
      </text>
      <text y={at.y < 0 ? -34 : 44} text-anchor="middle">
        {short + worker}
      </text>
    </g>
  );
}

function onCircle(at: number, count: number, radius: number): Point {
  if (count === 1) return { x: 0, y: 0 };
  const angle = (2 * Math.PI * at) / count - Math.PI / 2;
  return { x: Math.round(radius * Math.cos(angle)), y: Math.round(radius * Math.sin(angle)) };
}

/** A line, or one that is bent to its side by a share of its length. */
function arc(from: Point, to: Point, bend: number): string {
  const x = (from.x + to.x) / 2 - (to.y - from.y) * bend;
  const y = (from.y + to.y) / 2 + (to.x - from.x) * bend;
  return `M${from.x} ${from.y} Q${x} ${y} ${to.x} ${to.y}`;
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
