/**
 * Room for repairs. A lost packet comes again a round trip after it was asked for, but the browser knows no round-trip
 * time of a connection on which it only receives, and shows pictures sooner than that: they freeze or are skipped. While
 * packets are lost, each video waits a little before it is shown.
 */

import type { types } from "mediasoup-client";

const LOOK_EVERY_MS = 2000;
const LOSSY = 0.01;
const HOLD_MS = 15_000;
const LEAST_MS = 100;
const MOST_MS = 400;

interface Counts {
  readonly packets: number;
  readonly missed: number;
  readonly rttMs: number;
}

/** Looks after a consumer until it is closed. */
export function leaveRoomForRepairs(consumer: types.Consumer): void {
  const receiver = consumer.rtpReceiver;
  if (consumer.kind !== "video" || !receiver || !("jitterBufferTarget" in receiver)) return;
  let before: Counts | undefined;
  let lossyAtMs = Number.NEGATIVE_INFINITY;
  const look = async (): Promise<void> => {
    const now = count(await consumer.getStats());
    const packets = now.packets - (before?.packets ?? now.packets);
    const missed = now.missed - (before?.missed ?? now.missed);
    before = now;
    if (packets > 0 && missed > packets * LOSSY) lossyAtMs = performance.now();
    const isLossy = performance.now() - lossyAtMs < HOLD_MS;
    receiver.jitterBufferTarget = isLossy ? Math.min(Math.max(2 * now.rttMs + 60, LEAST_MS), MOST_MS) : null;
  };
  // A consumer that is closed between two looks has no statistics any more.
  const timer = setInterval(() => void look().catch(() => clearInterval(timer)), LOOK_EVERY_MS);
  consumer.observer.once("close", () => clearInterval(timer));
}

function count(stats: RTCStatsReport): Counts {
  let packets = 0;
  let missed = 0;
  let rttMs = 0;
  stats.forEach((entry: Readonly<Record<string, unknown>>) => {
    const value = (field: string): number => (typeof entry[field] === "number" ? entry[field] : 0);
    if (entry["type"] === "inbound-rtp") {
      packets += value("packetsReceived");
      missed += Math.max(0, value("packetsLost")) + value("retransmittedPacketsReceived");
    } else if (entry["type"] === "candidate-pair" && entry["nominated"] === true) {
      rttMs = value("currentRoundTripTime") * 1000;
    }
  });
  return { packets, missed, rttMs };
}
