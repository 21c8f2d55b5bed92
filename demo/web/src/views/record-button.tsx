/** Begins and ends the recording of one stream, and says how it goes. */

import { useState } from "preact/hooks";

import { goesOn, recordingOf, type Recordings } from "../operators/recordings";
import { bytes, duration } from "../operators/words";

interface Props {
  readonly path: string;
  readonly recordings: Recordings;
  readonly className?: string;
}

/** Nothing where the person is no operator, or the server records nothing. */
export function RecordButton({ path, recordings, className }: Props) {
  const [busy, setBusy] = useState(false);
  if (recordings.all === null) return null;
  const recording = recordingOf(path, recordings.all);
  const isRecording = recording !== undefined && goesOn(recording);
  const change = (): void => {
    setBusy(true);
    const done = isRecording ? recordings.stop(recording.id) : recordings.start(path);
    void done.finally(() => setBusy(false));
  };
  return (
    <button
      type="button"
      class={className}
      aria-label={isRecording ? `Stop recording ${path}` : `Record ${path}`}
      disabled={busy}
      onClick={change}
    >
      {isRecording ? "Stop recording" : "Record"}
    </button>
  );
}

/** What becomes of a stream's recording, in words; empty: there was none. */
export function recordingInWords(path: string, recordings: Recordings): string {
  const recording = recordings.all === null ? undefined : recordingOf(path, recordings.all);
  if (recording === undefined) return "";
  const amount = `${duration(recording.durationSeconds)}, ${bytes(recording.sizeBytes)}`;
  switch (recording.state) {
    case "waiting":
      return "recording begins";
    case "recording":
      return `recording, ${amount}`;
    case "finishing":
      return "recording is being completed";
    case "done":
      return `recorded, ${amount}`;
    case "failed":
      return `recording failed: ${recording.detail}`;
  }
}
