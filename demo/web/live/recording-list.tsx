/** Recordings: those that go on and the latest that are over, and a form to begin one, also of a room. */

import { useState } from "preact/hooks";

import { goesOn, type Recording, type Recordings } from "../src/operators/recordings";
import { bytes, duration } from "../src/operators/words";

const SHOWN = 50;

/** Nothing where the server records nothing. */
export function RecordingList({ recordings }: { recordings: Recordings }) {
  if (recordings.all === null) return null;
  const shown = recordings.all.slice(0, SHOWN);
  return (
    <section aria-labelledby="recordings">
      <h2 id="recordings">Recordings ({recordings.all.filter(goesOn).length} now)</h2>
      <RecordForm onRecord={recordings.start} />
      {recordings.problem !== "" && (
        <p role="alert" class="card">
          It cannot be recorded: {recordings.problem}
        </p>
      )}
      {shown.length > 0 && (
        <div class="wide" tabIndex={0} role="region" aria-labelledby="recordings">
          <table>
            <thead>
              <tr>
                {["Stream", "Began", "State", "Length", "Size", "Files", ""].map((name) => (
                  <th key={name} scope="col">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {shown.map((recording) => (
                <Row key={recording.id} recording={recording} onStop={() => void recordings.stop(recording.id)} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function Row({ recording, onStop }: { recording: Recording; onStop: () => void }) {
  const names = recording.files.map((file) => file.name).filter(Boolean);
  return (
    <tr>
      <td>{recording.path}</td>
      <td>{new Date(recording.startedAt * 1000).toLocaleTimeString()}</td>
      <td>{[recording.state, recording.detail].filter(Boolean).join(": ")}</td>
      <td>{duration(recording.durationSeconds)}</td>
      <td>{bytes(recording.sizeBytes)}</td>
      <td>{names.join(", ") || recording.format}</td>
      <td>
        {goesOn(recording) && (
          <button type="button" class="danger" onClick={onStop} aria-label={`Stop the recording of ${recording.path}`}>
            Stop
          </button>
        )}
      </td>
    </tr>
  );
}

function RecordForm({ onRecord }: { onRecord: (path: string) => Promise<void> }) {
  const [path, setPath] = useState("");
  return (
    <form
      class="line"
      onSubmit={(event) => {
        event.preventDefault();
        void onRecord(path.trim().replace(/^\/+|\/+$/g, ""));
      }}
    >
      <label>
        To be recorded{" "}
        <input value={path} onInput={(event) => setPath(event.currentTarget.value)} placeholder="live/name or rooms/ROOM" required />
      </label>
      <button type="submit">Record</button>
    </form>
  );
}
