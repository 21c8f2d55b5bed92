/** Streams, sessions and what has lately happened. Whatever others chose (paths, addresses) is text here, never markup. */

import type { Recordings } from "../src/operators/recordings";
import { bits, bytes, duration } from "../src/operators/words";
import { RecordButton, recordingInWords } from "../src/views/record-button";
import type { LiveEvent, Session, Stream, Track } from "./api";

interface StreamsProps {
  readonly streams: Stream[];
  readonly total: number;
  readonly recordings: Recordings;
  readonly onPlay: (path: string) => void;
  readonly onEnd: (path: string) => void;
}

export function Streams(props: StreamsProps) {
  return (
    <section aria-labelledby="streams">
      <h2 id="streams">Streams ({props.total})</h2>
      {props.streams.length === 0 && <p class="soft">Nobody publishes. Send something to rtmp://THIS-HOST/live/NAME.</p>}
      <ul class="cards">
        {props.streams.map((stream) => (
          <li key={stream.path}>
            <h3>{stream.path}</h3>
            <p>
              <span class={`state ${stream.status}`}>{stream.status}</span> {bits(stream.inBps)} in, {bits(stream.outBps)} out,{" "}
              {stream.subscribers} {stream.subscribers === 1 ? "player" : "players"}
            </p>
            <ul class="tracks">
              {stream.tracks.map((track) => (
                <li key={track.track}>{trackText(track)}</li>
              ))}
            </ul>
            {stream.gop !== null && (
              <p class="soft">
                since the last key frame: {stream.gop.packets} packets, {bytes(stream.gop.bytes)}, {stream.gop.durationMs} ms
              </p>
            )}
            <p role="status" class="soft">
              {recordingInWords(stream.path, props.recordings)}
            </p>
            <p class="actions">
              <button type="button" onClick={() => props.onPlay(stream.path)} aria-label={`Play ${stream.path}`}>
                Play
              </button>
              <RecordButton path={stream.path} recordings={props.recordings} />
              <button type="button" class="danger" onClick={() => props.onEnd(stream.path)} aria-label={`End ${stream.path}`}>
                End
              </button>
            </p>
          </li>
        ))}
      </ul>
    </section>
  );
}

function trackText(track: Track): string {
  const parts = [`${track.track}: ${track.codec ?? "unknown codec"}`];
  if (track.width !== null) parts.push(`${track.width}×${track.height}`);
  const rate = track.frameRate ?? track.measuredFrameRate;
  if (rate !== null) parts.push(`${Math.round(rate * 100) / 100} per second`);
  if (track.sampleRate !== null) parts.push(`${track.sampleRate} Hz`);
  if (track.channels !== null) parts.push(track.channels === 1 ? "mono" : track.channels === 2 ? "stereo" : `${track.channels} channels`);
  if (track.bitrate !== null) parts.push(bits(track.bitrate / 8));
  return parts.join(", ");
}

export function Sessions(props: { sessions: Session[]; total: number; now: number; onKick: (id: string) => void }) {
  return (
    <section aria-labelledby="sessions">
      <h2 id="sessions">Sessions ({props.total})</h2>
      <div class="wide" tabIndex={0} role="region" aria-labelledby="sessions">
        <table>
          <thead>
            <tr>
              {["Role", "Stream", "Protocol", "Address", "Since", "In", "Out", "Dropped", ""].map((name) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {props.sessions.map((session) => (
              <tr key={session.id}>
                <td>{session.role}</td>
                <td>{session.path}</td>
                <td>{session.protocol}</td>
                <td>{session.ip}</td>
                <td>{session.startTime === null ? "waits" : duration((props.now - session.startTime) / 1000)}</td>
                <td>{session.inBytes === 0 ? "" : `${bytes(session.inBytes)}, ${bits(session.inBps)}`}</td>
                <td>{session.outBytes === 0 ? "" : `${bytes(session.outBytes)}, ${bits(session.outBps)}`}</td>
                <td>{session.droppedPackets || ""}</td>
                <td>
                  <button type="button" class="danger" onClick={() => props.onKick(session.id)} aria-label={`Kick ${session.role} of ${session.path}, ${session.ip}`}>
                    Kick
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {props.total > props.sessions.length && <p class="soft">The first {props.sessions.length} are shown.</p>}
    </section>
  );
}

export function Happenings(props: { events: LiveEvent[] }) {
  return (
    <section aria-labelledby="events">
      <h2 id="events">What happened</h2>
      <ol class="events" reversed>
        {props.events.map((event, at) => (
          <li key={props.events.length - at}>
            <time>{new Date(event.time).toLocaleTimeString()}</time> {event.action} {event.path}{" "}
            <span class="soft">{[event.protocol, event.ip, event.track, event.codec, event.reason].filter(Boolean).join(", ")}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}
