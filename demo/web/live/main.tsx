/** The page's entry: asks the server every two seconds, listens to events, and shows both. */

import "../src/styles/base.css";
import "../src/styles/operators.css";
import "./live.css";

import { render } from "preact";
import { useEffect, useState } from "preact/hooks";

import { usePolled } from "../src/operators/polled";
import { OperatorProblem } from "../src/operators/problem";
import { useRecordings } from "../src/operators/recordings";
import { bits, bytes, duration } from "../src/operators/words";
import { endStream, getSessions, getStats, getStreams, kick, listen } from "./api";
import type { LiveEvent, Session, Stats, Stream } from "./api";
import { Player } from "./player";
import { Plot } from "./plot";
import { RecordingList } from "./recording-list";
import { Happenings, Sessions, Streams } from "./tables";

const KEPT_VALUES = 150;
const KEPT_EVENTS = 100;

interface Seen {
  streams: { streams: Stream[]; total: number };
  sessions: { sessions: Session[]; total: number };
  stats: Stats;
}

async function getSeen(): Promise<Seen> {
  const [streams, sessions, stats] = await Promise.all([getStreams(), getSessions(), getStats()]);
  return { streams, sessions, stats };
}

function Page() {
  const { answer: seen, problem, look, fail } = usePolled(getSeen);
  const [past, setPast] = useState<Stats[]>([]);
  const [events, setEvents] = useState<LiveEvent[]>([]);
  const [playing, setPlaying] = useState(new URLSearchParams(window.location.search).get("play"));
  const recordings = useRecordings("../");

  useEffect(() => {
    if (seen !== null) setPast((before) => [...before.slice(1 - KEPT_VALUES), seen.stats]);
  }, [seen]);

  const mayListen = seen !== null;
  useEffect(() => {
    if (!mayListen) return undefined;
    const ending = new AbortController();
    void listen((event) => setEvents((before) => [event, ...before].slice(0, KEPT_EVENTS)), ending.signal);
    return () => ending.abort();
  }, [mayListen]);

  const does = (what: Promise<unknown>) => void what.then(look, fail);

  return (
    <main class="operator-page">
      <h1>Live streams</h1>
      <PlayForm onPlay={setPlaying} />
      {playing !== null && playing !== "" && <Player path={playing} onClose={() => setPlaying(null)} />}
      <OperatorProblem problem={problem} onSecret={look} />
      {seen !== null && (
        <>
          <section class="cards" aria-label="The server">
            <Plot title="In" values={past.map((stats) => stats.network.inBps)} shown={bits} />
            <Plot title="Out" values={past.map((stats) => stats.network.outBps)} shown={bits} />
            <Plot title="Players" values={past.map((stats) => stats.sessions.players)} shown={(value) => String(Math.round(value))} />
            <Plot title="CPU" values={past.map((stats) => stats.cpu.percent)} shown={(value) => `${value.toFixed(1)} % of a core`} />
            <Plot title="Memory" values={past.map((stats) => stats.memory.rss)} shown={bytes} />
          </section>
          <p class="soft">up for {duration(seen.stats.server.uptime)}</p>
          <Streams {...seen.streams} recordings={recordings} onPlay={setPlaying} onEnd={(path) => does(endStream(path))} />
          <RecordingList recordings={recordings} />
          <Sessions {...seen.sessions} now={seen.stats.time} onKick={(id) => does(kick(id))} />
          <Happenings events={events} />
        </>
      )}
    </main>
  );
}

function PlayForm(props: { onPlay: (path: string) => void }) {
  const [path, setPath] = useState("");
  return (
    <form
      class="line"
      onSubmit={(event) => {
        event.preventDefault();
        props.onPlay(path.trim().replace(/^\/+|\/+$/g, ""));
      }}
    >
      <label>
        Stream <input value={path} onInput={(event) => setPath(event.currentTarget.value)} placeholder="live/name" required />
      </label>
      <button type="submit">Play</button>
    </form>
  );
}

const root = document.getElementById("live");
if (root !== null) render(<Page />, root);
