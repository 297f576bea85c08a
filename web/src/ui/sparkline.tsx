import { figure } from "@/lib/format";

const WIDTH = 64;
const HEIGHT = 20;
const EDGE = 2;

/** A line of a few values, first to newest, scaled to itself. Nothing is drawn of fewer than two. */
export function Sparkline(props: { values: readonly number[]; what: string }) {
  const { values, what } = props;
  const [first, last] = [values[0], values.at(-1)];
  if (values.length < 2 || first === undefined || last === undefined) return null;
  const points = pointsOf(values);
  const [x, y] = points.at(-1) ?? [0, 0];
  return (
    <svg
      width={WIDTH}
      height={HEIGHT}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label={`${what} went from ${figure(first)} to ${figure(last)}`}
      style={{ display: "block", color: "var(--mantine-primary-color-filled)" }}
    >
      <polyline
        points={points.map((point) => point.join(",")).join(" ")}
        fill="none"
        stroke="currentColor"
        strokeWidth={1.5}
        strokeLinejoin="round"
        strokeLinecap="round"
      />
      <circle cx={x} cy={y} r={2} fill="currentColor" />
    </svg>
  );
}

/** Where the values lie in the picture; equal ones lie in the middle. */
export function pointsOf(values: readonly number[]): [number, number][] {
  const low = Math.min(...values);
  const span = Math.max(...values) - low;
  const step = (WIDTH - 2 * EDGE) / Math.max(1, values.length - 1);
  return values.map((value, i) => {
    const share = span > 0 ? (value - low) / span : 0.5;
    return [round(EDGE + i * step), round(HEIGHT - EDGE - share * (HEIGHT - 2 * EDGE))];
  });
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
