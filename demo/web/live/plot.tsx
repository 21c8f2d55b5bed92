/** A number over the last minutes, as a line. */

const WIDTH = 300;
const HEIGHT = 60;

export function Plot(props: { title: string; values: number[]; shown: (value: number) => string }) {
  const most = Math.max(...props.values, 1e-9);
  const step = WIDTH / Math.max(props.values.length - 1, 1);
  const points = props.values.map((value, at) => `${at * step},${HEIGHT - (value / most) * (HEIGHT - 2) - 1}`).join(" ");
  const now = props.values.at(-1);
  const text = now === undefined ? "–" : props.shown(now);
  return (
    <figure class="plot">
      <figcaption>
        {props.title} <strong>{text}</strong>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={`${props.title}: ${text} now, at most ${props.shown(most)}`}>
        <polyline points={points} />
      </svg>
    </figure>
  );
}
