/** Four bars, as phones show how well they hear. */

const BARS = [1, 2, 3, 4] as const;
const FULL_SCORE = 10;
/** Below this score (of 10) picture and sound visibly suffer. */
const WEAK_SCORE = 5;

/** What a server's score means, in a word. */
export function signalWord(score: number): string {
  if (score < WEAK_SCORE) return score === 0 ? "none" : "poor";
  return score < 8 ? "fair" : "good";
}

export function Signal({ score, whose }: { score: number; whose: string }) {
  const filled = Math.ceil((score * BARS.length) / FULL_SCORE);
  const label = `${whose}: ${signalWord(score)} (${score} of ${FULL_SCORE})`;
  return (
    <svg class={`signal${score < WEAK_SCORE ? " weak" : ""}`} viewBox="0 0 18 14" role="img" aria-label={label}>
      <title>{label}</title>
      {BARS.map((bar) => (
        <rect
          key={bar}
          class={bar <= filled ? "filled" : ""}
          x={(bar - 1) * 4.6 + 0.6}
          y={13 - bar * 3}
          width="3"
          height={bar * 3}
          rx="1"
        />
      ))}
    </svg>
  );
}
