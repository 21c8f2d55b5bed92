/** Figures of every stream, asked of the browser every two seconds while the panel is open. */

import { useEffect, useState } from "preact/hooks";

import { useApp, useAppState } from "../app";
import { type StreamRates, type StreamReport, withRates } from "../media/stats";
import { toast } from "../state";
import { layerNumbers } from "./layers";
import { PanelFrame } from "./panel";

const POLL_MS = 2000;
const SOURCE_NAMES = { mic: "Microphone", camera: "Camera", share: "Screen" } as const;

export function StatsPanel() {
  const { client, store } = useApp();
  const { connections, serverVersion, phase, downlink } = useAppState();
  const reports = useReports();
  const people = byPerson(reports);
  const path = reports.find(({ protocol }) => protocol !== "");
  const restart = (): void => {
    client.restartIce().then(
      () => toast(store, "good", "ICE was restarted."),
      (error: unknown) => toast(store, "bad", `ICE restart failed: ${error instanceof Error ? error.message : String(error)}`),
    );
  };
  return (
    <PanelFrame title="Statistics">
      <dl class="facts">
        <Fact name="Sending" value={connections.send ?? "off"} />
        <Fact name="Receiving" value={connections.recv ?? "off"} />
        <Fact name="Media path" value={path ? `${path.protocol.toUpperCase()} ${path.serverAddress}` : "–"} />
        <Fact name="Downlink, estimated" value={formatBitrate(downlink?.availableBps ?? null)} />
        <Fact name="Downlink, wanted" value={formatBitrate(downlink?.desiredBps ?? null)} />
        <Fact name="Server version" value={serverVersion || "–"} />
      </dl>
      <button type="button" class="button quiet wide" disabled={phase !== "joined"} onClick={restart}>
        Restart ICE
      </button>
      {reports.length === 0 && <p class="panel-empty">No stream is sent or received yet.</p>}
      {[...people].map(([peerId, streams]) => (
        <section key={peerId} class="stat-person">
          <h3>
            {streams[0]?.displayName}
            <small>{streams[0]?.direction === "send" ? "sent by you" : "received"}</small>
          </h3>
          {streams.map((stream) => (
            <StreamCard key={stream.id} stream={stream} />
          ))}
        </section>
      ))}
    </PanelFrame>
  );
}

function StreamCard({ stream }: { stream: StreamRates }) {
  const { streams } = useAppState();
  const { kind, source, codec, paused, direction, sentSizes } = stream;
  const layered = streams.find(({ id, type }) => id === stream.id && type !== "simple");
  const size = stream.width && stream.height ? `${stream.width}×${stream.height}` : "–";
  const loss = stream.lossPercent;
  return (
    <div class={`stat-card${paused ? " paused" : ""}`}>
      <header>
        <strong>{SOURCE_NAMES[source]}</strong>
        <span class="tag">{codec || "–"}</span>
        {paused && <span class="tag">paused</span>}
      </header>
      <dl class="facts">
        <Fact name="Bitrate" value={formatBitrate(stream.bitrateBps)} />
        <Fact
          name="Loss"
          value={loss === null ? "–" : `${loss.toFixed(1)} %`}
          alarm={loss !== null && loss > 5}
        />
        <Fact name="Jitter" value={formatMs(stream.jitterMs)} />
        <Fact name="Round trip" value={formatMs(stream.rttMs)} />
        {kind === "video" && <Fact name="Size" value={size} />}
        {kind === "video" && <Fact name="Frame rate" value={stream.fps === null ? "–" : `${Math.round(stream.fps)} fps`} />}
        {layered && <Fact name="Layers now" value={layerNumbers(layered.current)} />}
        {layered && <Fact name="Layers preferred" value={layerNumbers(layered.preferred)} />}
        {sentSizes.length > 1 && <Fact name="Sizes sent" value={sentSizes.join(" ")} />}
        <Fact name="Packets lost" value={String(stream.packetsLost)} />
        {kind === "video" && <Fact name={direction === "send" ? "NACK / PLI in" : "NACK / PLI out"} value={`${stream.nackCount} / ${stream.pliCount}`} />}
      </dl>
    </div>
  );
}

function Fact({ name, value, alarm = false }: { name: string; value: string; alarm?: boolean }) {
  return (
    <div class={alarm ? "alarm" : ""}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function useReports(): StreamRates[] {
  const { client } = useApp();
  const [reports, setReports] = useState<StreamRates[]>([]);
  useEffect(() => {
    let before: readonly StreamReport[] = [];
    let stopped = false;
    const poll = async (): Promise<void> => {
      const now = await client.stats();
      if (stopped) return;
      setReports(withRates(before, now));
      before = now;
    };
    void poll();
    const timer = setInterval(() => void poll(), POLL_MS);
    return () => {
      stopped = true;
      clearInterval(timer);
    };
  }, [client]);
  return reports;
}

function byPerson(reports: readonly StreamRates[]): Map<string, StreamRates[]> {
  const people = new Map<string, StreamRates[]>();
  for (const report of reports) people.set(report.peerId, [...(people.get(report.peerId) ?? []), report]);
  return people;
}

function formatBitrate(bps: number | null): string {
  if (bps === null) return "–";
  return bps >= 1_000_000 ? `${(bps / 1_000_000).toFixed(2)} Mbit/s` : `${Math.round(bps / 1000)} kbit/s`;
}

function formatMs(value: number | null): string {
  return value === null ? "–" : `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}
