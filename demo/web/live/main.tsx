/** The page's entry: asks the server every two seconds, listens to events, and shows both. */

import "../src/styles/base.css";
import "../src/styles/operator-page.css";
import "./live.css";

import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { Refused } from "../src/media/operator";
import { useRecordings } from "../src/media/recordings";
import { bits, bytes, duration } from "../src/media/words";
import { OperatorProblem } from "../src/views/operator-problem";
import { endStream, getSessions, getStats, getStreams, kick, listen } from "./api";
import type { LiveEvent, Session, Stats, Stream } from "./api";
import { Player } from "./player";
import { Plot } from "./plot";
import { RecordingList } from "./recording-list";
import { Happenings, Sessions, Streams } from "./tables";

const INTERVAL_MS = 2000;
const KEPT_VALUES = 150;
const KEPT_EVENTS = 100;

interface Seen {
  streams: { streams: Stream[]; total: number };
  sessions: { sessions: Session[]; total: number };
  stats: Stats;
}

function Page() {
  const [seen, setSeen] = useState<Seen | null>(null);
  const [past, setPast] = useState<Stats[]>([]);
  const [events, setEvents] = useState<LiveEvent[]>([]);
  const [problem, setProblem] = useState<Refused | Error | null>(null);
  const [playing, setPlaying] = useState(new URLSearchParams(window.location.search).get("play"));
  const look = useRef<() => void>(() => undefined);
  const recordings = useRecordings("../");

  useEffect(() => {
    let timer = 0;
    let over = false;
    const lookAgain = async () => {
      window.clearTimeout(timer);
      try {
        const [streams, sessions, stats] = await Promise.all([getStreams(), getSessions(), getStats()]);
        setSeen({ streams, sessions, stats });
        setPast((before) => [...before.slice(1 - KEPT_VALUES), stats]);
        setProblem(null);
      } catch (error) {
        setProblem(error instanceof Error ? error : new Error(String(error)));
        if (error instanceof Refused) setSeen(null);
      }
      window.clearTimeout(timer);
      if (!over) timer = window.setTimeout(lookAgain, INTERVAL_MS);
    };
    look.current = () => void lookAgain();
    void lookAgain();
    return () => {
      over = true;
      window.clearTimeout(timer);
    };
  }, []);

  const mayListen = seen !== null;
  useEffect(() => {
    if (!mayListen) return undefined;
    const ending = new AbortController();
    void listen((event) => setEvents((before) => [event, ...before].slice(0, KEPT_EVENTS)), ending.signal);
    return () => ending.abort();
  }, [mayListen]);

  const does = (what: Promise<unknown>) =>
    void what.catch((error: Error) => setProblem(error)).then(() => look.current());

  return (
    <main class="operator-page">
      <h1>Live streams</h1>
      <PlayForm onPlay={setPlaying} />
      {playing !== null && playing !== "" && <Player path={playing} onClose={() => setPlaying(null)} />}
      <OperatorProblem problem={problem} onSecret={() => look.current()} />
      {seen !== null && (
        <>
          <section class="plots" aria-label="The server">
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
