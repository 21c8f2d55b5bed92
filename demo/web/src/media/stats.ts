/** What the browser counts for every stream we send or receive, in one shape. */

import type { types } from "mediasoup-client";

import type { Source, State } from "../state";

export interface StreamReport {
  /** Producer or consumer id. */
  readonly id: string;
  readonly direction: "send" | "recv";
  readonly kind: types.MediaKind;
  readonly source: Source;
  /** Our own id for what we send. */
  readonly peerId: string;
  readonly displayName: string;
  readonly paused: boolean;
  /** Without the "audio/" or "video/"; empty until the first packet. */
  readonly codec: string;
  /** "udp", "tcp", or empty while nothing is connected. */
  readonly protocol: string;
  /** The server's address and port; empty while nothing is connected. */
  readonly serverAddress: string;
  /** Milliseconds of the browser's clock. */
  readonly timestampMs: number;
  readonly bytes: number;
  readonly packets: number;
  /** As counted by the receiving end. */
  readonly packetsLost: number;
  readonly jitterMs: number | null;
  readonly rttMs: number | null;
  readonly width: number | null;
  readonly height: number | null;
  readonly fps: number | null;
  /** Decoded (recv) or encoded (send). */
  readonly frames: number | null;
  /** Energy of the sound played so far; null for what we send and for video. */
  readonly audioEnergy: number | null;
  readonly nackCount: number;
  readonly pliCount: number;
  /** Sizes of the versions that are sent now, smallest first; empty for what we receive and for audio. */
  readonly sentSizes: readonly string[];
}

/** A report, and what happened since the one before. */
export interface StreamRates extends StreamReport {
  /** Null in the first report. */
  readonly bitrateBps: number | null;
  /** 0 to 100; null in the first report and while nothing arrives. */
  readonly lossPercent: number | null;
}

type Entry = Readonly<Record<string, unknown>>;

export async function collectReports(
  state: State,
  producers: ReadonlyMap<Source, types.Producer>,
  consumers: ReadonlyMap<string, types.Consumer>,
): Promise<StreamReport[]> {
  const sent = [...producers].map(([source, producer]) => ({
    stream: producer,
    identity: { direction: "send" as const, source, peerId: state.peerId, displayName: state.displayName },
    paused: producer.paused,
  }));
  const received = state.streams.flatMap((info) => {
    const stream = consumers.get(info.id);
    if (!stream) return [];
    const source: Source = info.share ? "share" : info.kind === "audio" ? "mic" : "camera";
    const displayName = state.peers.find(({ id }) => id === info.peerId)?.displayName ?? info.peerId;
    const identity = { direction: "recv" as const, source, peerId: info.peerId, displayName };
    return [{ stream, identity, paused: info.paused }];
  });
  const reports = [...sent, ...received].map(async ({ stream, identity, paused }) => {
    try {
      const { id, kind } = stream;
      return { id, kind, paused, ...identity, ...readReport(await stream.getStats(), identity.direction) };
    } catch {
      // It was closed between the list and the question.
      return null;
    }
  });
  return (await Promise.all(reports)).filter((report) => report !== null);
}

/** Adds the rates since `before`, matched by stream id. */
export function withRates(before: readonly StreamReport[], now: readonly StreamReport[]): StreamRates[] {
  return now.map((report) => {
    const old = before.find(({ id }) => id === report.id);
    const elapsedMs = old ? report.timestampMs - old.timestampMs : 0;
    if (!old || elapsedMs <= 0) return { ...report, bitrateBps: null, lossPercent: null };
    const lost = Math.max(0, report.packetsLost - old.packetsLost);
    const expected = lost + Math.max(0, report.packets - old.packets);
    return {
      ...report,
      bitrateBps: Math.max(0, ((report.bytes - old.bytes) * 8000) / elapsedMs),
      lossPercent: expected > 0 ? (lost * 100) / expected : null,
    };
  });
}

function readReport(stats: RTCStatsReport, direction: "send" | "recv") {
  const entries: Entry[] = [];
  stats.forEach((entry: Entry) => entries.push(entry));
  const ofType = (type: string): Entry[] => entries.filter((entry) => entry["type"] === type);
  // Simulcast has one entry for each version we send.
  const rtp = ofType(direction === "send" ? "outbound-rtp" : "inbound-rtp");
  // What the other end reports of our streams; for what we receive, our own count is the better one.
  const remote = direction === "send" ? ofType("remote-inbound-rtp") : rtp;
  const pair = ofType("candidate-pair").find((entry) => entry["nominated"] === true) ?? {};
  const codec = entries.find((entry) => entry["id"] === rtp[0]?.["codecId"])?.["mimeType"];
  const candidate = entries.find((entry) => entry["id"] === pair["localCandidateId"])?.["protocol"];
  const server = entries.find((entry) => entry["id"] === pair["remoteCandidateId"]);
  const seconds = (value: number | null): number | null => (value === null ? null : value * 1000);
  return {
    codec: typeof codec === "string" ? (codec.split("/")[1] ?? codec) : "",
    protocol: typeof candidate === "string" ? candidate : "",
    serverAddress: server ? `${String(server["address"] ?? "")}:${String(server["port"] ?? "")}` : "",
    timestampMs: most(rtp, "timestamp") ?? performance.timeOrigin + performance.now(),
    bytes: sum(rtp, direction === "send" ? "bytesSent" : "bytesReceived"),
    packets: sum(rtp, direction === "send" ? "packetsSent" : "packetsReceived"),
    packetsLost: sum(remote, "packetsLost"),
    jitterMs: seconds(most(remote, "jitter")),
    rttMs: seconds(most(remote, "roundTripTime") ?? number(pair, "currentRoundTripTime")),
    width: most(rtp, "frameWidth"),
    height: most(rtp, "frameHeight"),
    fps: most(rtp, "framesPerSecond"),
    frames: most(rtp, direction === "send" ? "framesEncoded" : "framesDecoded"),
    audioEnergy: most(rtp, "totalAudioEnergy"),
    nackCount: sum(rtp, "nackCount"),
    pliCount: sum(rtp, "pliCount"),
    sentSizes: direction === "send" ? sentSizes(rtp) : [],
  };
}

function sentSizes(rtp: readonly Entry[]): string[] {
  return rtp
    .filter((entry) => (number(entry, "framesPerSecond") ?? 0) > 0)
    .map((entry) => ({ width: number(entry, "frameWidth") ?? 0, height: number(entry, "frameHeight") ?? 0 }))
    .sort((one, other) => one.width - other.width)
    .map(({ width, height }) => `${width}×${height}`);
}

function sum(entries: readonly Entry[], key: string): number {
  return entries.reduce((total, entry) => total + (number(entry, key) ?? 0), 0);
}

function most(entries: readonly Entry[], key: string): number | null {
  return entries.reduce<number | null>((best, entry) => {
    const value = number(entry, key);
    return value === null ? best : Math.max(value, best ?? value);
  }, null);
}

function number(entry: Entry, key: string): number | null {
  const value = entry[key];
  return typeof value === "number" ? value : null;
}
