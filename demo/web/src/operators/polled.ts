/** Asks the server again and again, for as long as the page is shown. */

import { useEffect, useRef, useState } from "preact/hooks";

import { Refused } from "./asking";

const INTERVAL_MS = 2000;

export interface Polled<Answer> {
  /** What it answered last; null before the first answer, and after a refusal. */
  readonly answer: Answer | null;
  /** Why it could not be asked, or what else went wrong; null while it answers. */
  readonly problem: Error | null;
  /** Asks at once, after something was changed. */
  readonly look: () => void;
  /** Shows what went wrong elsewhere, until the next answer. */
  readonly fail: (error: Error) => void;
}

/** An answer that a later question has overtaken is passed over. */
export function usePolled<Answer>(ask: () => Promise<Answer>): Polled<Answer> {
  const [answer, setAnswer] = useState<Answer | null>(null);
  const [problem, setProblem] = useState<Error | null>(null);
  const look = useRef<() => void>(() => undefined);

  useEffect(() => {
    let timer = 0;
    let asked = 0;
    const lookAgain = async () => {
      window.clearTimeout(timer);
      const mine = ++asked;
      let answered: Answer | null = null;
      let failed: Error | null = null;
      try {
        answered = await ask();
      } catch (error) {
        failed = error instanceof Error ? error : new Error(String(error));
      }
      if (mine !== asked) return;
      setProblem(failed);
      if (failed === null || failed instanceof Refused) setAnswer(answered);
      timer = window.setTimeout(lookAgain, INTERVAL_MS);
    };
    look.current = () => void lookAgain();
    void lookAgain();
    return () => {
      asked = -1;
      window.clearTimeout(timer);
    };
  }, []);

  return { answer, problem, look: () => look.current(), fail: setProblem };
}
