/** What `/api/cluster` answers, and what the page makes of it. */

import { askServer } from "../src/operators/asking";

export interface WorkerLoad {
  worker: number;
  cpu: number;
  packetsPerSecond: number;
  shards: number;
}

export interface Host {
  node: string;
  name: string;
  region: string;
  version: string;
  ip: string;
  url: string;
  draining: boolean;
  rooms: number;
  participants: number;
  workers: WorkerLoad[];
}

export interface PipeEnd {
  other: string;
  data: boolean;
  connected: boolean;
  encrypted: boolean;
  sent: number;
  copies: number;
  refused: number;
}

export interface Shard {
  shard: string;
  node: string;
  participants: number;
  own?: { worker: number | null; failedSteps: number; pipes: PipeEnd[]; morePipes: number };
}

export interface Room {
  name: string;
  participants: number;
  shards: Shard[];
  moreShards: number;
}

export interface Report {
  node: string;
  storeAway: boolean;
  refused: Record<string, number>;
  nodes: Host[];
  moreNodes: number;
  rooms: Room[];
  moreRooms: number;
}

export async function getReport(): Promise<Report> {
  const response = await askServer(new URL("../api/cluster", window.location.href));
  return ((await response.json()) as { data: Report }).data;
}

/** A pipe between two parts of a room, as the ends say that this host has. */
export interface Pipe {
  from: string;
  to: string;
  data: boolean;
  connected: boolean;
  encrypted: boolean;
  streams: number;
  refused: number;
}

export function pipesOf(room: Room): Pipe[] {
  const pipes = new Map<string, Pipe>();
  for (const { shard, own } of room.shards) {
    for (const end of own?.pipes ?? []) {
      const [from, to] = shard < end.other ? [shard, end.other] : [end.other, shard];
      const key = JSON.stringify([from, to, end.data]);
      const other = pipes.get(key);
      pipes.set(key, {
        from,
        to,
        data: end.data,
        connected: end.connected && (other?.connected ?? true),
        encrypted: end.encrypted,
        streams: Math.max(end.sent + end.copies, other?.streams ?? 0),
        refused: end.refused + (other?.refused ?? 0),
      });
    }
  }
  return [...pipes.values()];
}

/** What operators call the host of that id; ids are names with something random behind them. */
export function nameOf(report: Report, node: string): string {
  return report.nodes.find((host) => host.node === node)?.name ?? node;
}

export function placeOf(report: Report, shard: Shard): string {
  const host = nameOf(report, shard.node);
  if (shard.own === undefined) return host;
  return shard.own.worker === null ? `${host}, a worker that has died` : `${host}, worker ${shard.own.worker}`;
}

export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
