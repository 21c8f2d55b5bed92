/** What the server is asked: the operators' API (docs/live.md), with the secret if one was given. */

import { encodePath } from "../src/media/flv-player";
import { ask } from "../src/operators/asking";

export interface Track {
  track: string;
  codec: string | null;
  width: number | null;
  height: number | null;
  frameRate: number | null;
  measuredFrameRate: number | null;
  sampleRate: number | null;
  channels: number | null;
  bitrate: number | null;
}

export interface Session {
  id: string;
  ip: string;
  protocol: string;
  role: string;
  path: string;
  startTime: number | null;
  inBytes: number;
  outBytes: number;
  inBps: number;
  outBps: number;
  droppedPackets: number;
}

export interface Stream {
  path: string;
  status: string;
  publisher: Session | null;
  subscribers: number;
  inBps: number;
  outBps: number;
  tracks: Track[];
  gop: { packets: number; bytes: number; durationMs: number } | null;
}

export interface Stats {
  server: { uptime: number };
  cpu: { percent: number; cores: number };
  memory: { rss: number };
  sessions: { total: number; publishers: number; players: number };
  network: { inBps: number; outBps: number };
  time: number;
}

export interface LiveEvent {
  action: string;
  time: number;
  path: string;
  ip?: string;
  protocol?: string;
  reason?: string;
  track?: string;
  codec?: string;
}

const ROOT = "../";

async function data<T>(path: string): Promise<T> {
  const body = (await (await ask(ROOT, path)).json()) as { data: T };
  return body.data;
}

export const getStreams = () => data<{ streams: Stream[]; total: number }>("streams?limit=200");
export const getSessions = () => data<{ sessions: Session[]; total: number }>("sessions?limit=200");
export const getStats = () => data<Stats>("stats");
export const kick = (id: string) => ask(ROOT, `sessions/${encodeURIComponent(id)}`, { method: "DELETE" });
export const endStream = (path: string) => ask(ROOT, `streams/${encodePath(path)}`, { method: "DELETE" });

/** Calls back with each event until it is aborted; begins anew when the connection ends. */
export async function listen(told: (event: LiveEvent) => void, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const response = await ask(ROOT, "events", { signal });
      await readEvents(response, told);
    } catch {
      // The other requests tell what is wrong; this one tries again.
    }
    await new Promise((resolve) => setTimeout(resolve, 3000));
  }
}

async function readEvents(response: Response, told: (event: LiveEvent) => void): Promise<void> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (let part = await reader?.read(); part !== undefined && !part.done; part = await reader?.read()) {
    text += part.value;
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const line = block.split("\n").find((one) => one.startsWith("data: "));
      if (line !== undefined && !block.startsWith("event: missed")) told(JSON.parse(line.slice(6)) as LiveEvent);
    }
  }
}
