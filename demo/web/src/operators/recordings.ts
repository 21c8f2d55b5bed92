/** Recordings of live streams and rooms, as operators see them: which there are, begun and stopped. */

import { useCallback, useEffect, useRef, useState } from "preact/hooks";

import { ask, mayBeOperator, Refused } from "./asking";

const POLL_MS = 2000;
const FORBIDDEN = [401, 403, 404];

export interface RecordedFile {
  readonly name: string;
  readonly error: string;
}

export interface Recording {
  readonly id: string;
  readonly path: string;
  readonly format: string;
  readonly state: "waiting" | "recording" | "finishing" | "done" | "failed";
  /** Why it ended; empty while it goes on. */
  readonly detail: string;
  readonly startedAt: number;
  readonly sizeBytes: number;
  readonly durationSeconds: number;
  readonly files: readonly RecordedFile[];
}

export interface Recordings {
  /** Those that go on, then those that are over, the latest first; null: not known, or none of this person's business. */
  readonly all: readonly Recording[] | null;
  /** Why the latest wish was not fulfilled; empty: it was. */
  readonly problem: string;
  readonly start: (path: string) => Promise<void>;
  readonly stop: (id: string) => Promise<void>;
}

export function goesOn(recording: Recording): boolean {
  return recording.state === "waiting" || recording.state === "recording";
}

/** The recording of a stream that matters most: one that goes on, or else the latest. */
export function recordingOf(path: string, all: readonly Recording[]): Recording | undefined {
  const own = all.filter((one) => one.path === path);
  return own.find(goesOn) ?? own[0];
}

/**
 * Looks again and again, for as long as the view is shown.
 *
 * @param root the server's root as this page reaches it, such as `../`.
 */
export function useRecordings(root: string): Recordings {
  const [all, setAll] = useState<readonly Recording[] | null>(null);
  const [problem, setProblem] = useState("");
  const looks = useRef(0);

  const look = useCallback(async () => {
    const own = ++looks.current;
    if (!mayBeOperator()) return setAll(null);
    try {
      const { data } = (await (await ask(root, "recordings")).json()) as { data: { recordings: Recording[] } };
      if (own === looks.current) setAll(data.recordings);
    } catch (error) {
      if (error instanceof Refused && FORBIDDEN.includes(error.status)) setAll(null);
      // Else the server cannot be reached at the moment: what is known stays.
    }
  }, [root]);

  useEffect(() => {
    void look();
    const timer = window.setInterval(() => void look(), POLL_MS);
    return () => window.clearInterval(timer);
  }, [look]);

  const does = async (path: string, init: RequestInit): Promise<void> => {
    setProblem("");
    try {
      await ask(root, path, init);
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
    await look();
  };
  return {
    all,
    problem,
    start: (path) =>
      does("recordings", { method: "POST", body: JSON.stringify({ path }), headers: { "Content-Type": "application/json" } }),
    stop: (id) => does(`recordings/${encodeURIComponent(id)}`, { method: "DELETE" }),
  };
}
