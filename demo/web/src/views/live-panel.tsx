/** Live streams: those in the room and those that could be, each to be played here, brought in or taken out. */

import { useEffect, useRef, useState } from "preact/hooks";

import { useApp, useAppState } from "../app";
import { flvAddress, playFlv } from "../media/flv-player";
import { useRecordings, type Recordings } from "../operators/recordings";
import type { LiveInRoom } from "../state";
import { Icon } from "./icons";
import { PanelFrame } from "./panel";
import { RecordButton, recordingInWords } from "./record-button";

const POLL_MS = 3000;
/** How people call what FourCCs stand for. */
const CODEC_NAMES: Readonly<Record<string, string>> = {
  avc1: "H.264",
  hvc1: "HEVC",
  av01: "AV1",
  vp08: "VP8",
  vp09: "VP9",
  mp4a: "AAC",
  ".mp3": "MP3",
  fLaC: "FLAC",
};

export function LivePanel() {
  const { client } = useApp();
  const { live, phase, roomId } = useAppState();
  const recordings = useRecordings("./");
  const [playing, setPlaying] = useState<string | null>(null);
  useEffect(() => {
    void client.live.look();
    const timer = setInterval(() => void client.live.look(), POLL_MS);
    return () => clearInterval(timer);
  }, [client]);
  if (live === null) return null;
  const away = live.inRoom.filter((one) => !live.streams.some(({ stream }) => stream === one.stream));
  const rows = [...live.streams, ...away.map(({ stream }) => ({ stream, codecs: [] }))];
  rows.sort((one, other) => one.stream.localeCompare(other.stream));
  return (
    <PanelFrame title="Live streams">
      {playing !== null && <LivePlayer path={playing} onClose={() => setPlaying(null)} />}
      {recordings.all !== null && <RoomRecording path={`rooms/${roomId}`} recordings={recordings} />}
      {recordings.problem !== "" && (
        <p role="alert" class="panel-empty">
          It cannot be recorded: {recordings.problem}
        </p>
      )}
      {rows.length === 0 && <p class="panel-empty">Nobody publishes a live stream at the moment.</p>}
      <ul class="live-streams">
        {rows.map(({ stream, codecs }) => (
          <Row
            key={stream}
            stream={stream}
            codecs={codecs}
            inRoom={live.inRoom.find((one) => one.stream === stream)}
            ended={live.ended.find((one) => one.stream === stream)?.reason ?? ""}
            mayBringIn={live.mayBringIn && phase === "joined"}
            playing={playing === stream}
            recordings={recordings}
            onPlay={() => setPlaying(playing === stream ? null : stream)}
          />
        ))}
      </ul>
      {live.more && <p class="panel-empty">There are more than are shown here.</p>}
    </PanelFrame>
  );
}

interface RowProps {
  readonly stream: string;
  readonly codecs: readonly string[];
  readonly inRoom: LiveInRoom | undefined;
  /** Why it is not in the room any more; empty: it was not, or has been taken out. */
  readonly ended: string;
  readonly mayBringIn: boolean;
  readonly playing: boolean;
  readonly recordings: Recordings;
  readonly onPlay: () => void;
}

function Row({ stream, codecs, inRoom, ended, mayBringIn, playing, recordings, onPlay }: RowProps) {
  const { client } = useApp();
  const [busy, setBusy] = useState(false);
  const change = (what: Promise<void>): void => {
    setBusy(true);
    void what.finally(() => setBusy(false));
  };
  const what = codecs.map((codec) => CODEC_NAMES[codec] ?? codec).join(", ");
  const where = inRoom === undefined ? ended : inRoom.state === "running" ? "in this room" : inRoom.reason || "on its way";
  return (
    <li>
      <span class="person">
        <strong title={stream}>{stream}</strong>
        <small>{[where, what, recordingInWords(stream, recordings)].filter(Boolean).join(" · ")}</small>
      </span>
      <span class="live-buttons">
        {codecs.length > 0 && (
          <button type="button" class="button quiet" aria-label={`${playing ? "Stop" : "Play"} ${stream}`} onClick={onPlay}>
            {playing ? "Stop" : "Play"}
          </button>
        )}
        <RecordButton path={stream} recordings={recordings} className="button quiet" />
        {mayBringIn && inRoom === undefined && (
          <button
            type="button"
            class="button primary"
            aria-label={`Bring ${stream} in`}
            title="Everybody in the room sees and hears it"
            disabled={busy}
            onClick={() => change(client.live.bringIn(stream))}
          >
            {busy ? "Bringing in…" : "Bring in"}
          </button>
        )}
        {mayBringIn && inRoom?.mayTakeOut && (
          <button
            type="button"
            class="button quiet"
            aria-label={`Take ${stream} out`}
            disabled={busy}
            onClick={() => change(client.live.takeOut(stream))}
          >
            Take out
          </button>
        )}
      </span>
    </li>
  );
}

/** For operators: the room's speaker, as the live stream that the room can be. */
function RoomRecording({ path, recordings }: { path: string; recordings: Recordings }) {
  return (
    <section class="live-room" aria-label="Recording of this room">
      <span class="person">
        <strong>This room</strong>
        <small role="status">{recordingInWords(path, recordings) || "whoever speaks, to be recorded"}</small>
      </span>
      <span class="live-buttons">
        <RecordButton path={path} recordings={recordings} className="button quiet" />
      </span>
    </section>
  );
}

/** For this person only. */
function LivePlayer({ path, onClose }: { path: string; onClose: () => void }) {
  const video = useRef<HTMLVideoElement>(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    setProblem("");
    return video.current === null ? undefined : playFlv(video.current, flvAddress(path, "./"), setProblem);
  }, [path]);
  return (
    <section class="live-player" aria-label={`Playing ${path}`}>
      <header>
        <strong>{path}</strong>
        <button type="button" class="icon-button" aria-label="Close the player" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      <video ref={video} controls playsInline />
      <p role="status">{problem}</p>
    </section>
  );
}
