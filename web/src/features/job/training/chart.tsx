import { Box, Group, Text } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { type KeyboardEvent, memo, type ReactNode, useId, useMemo } from "react";
import classes from "@/features/job/training/chart.module.css";
import { linear, logarithmic, rounded, type Scale } from "@/features/job/training/scale";
import { nearest, type Point } from "@/features/job/training/series";
import { useBrush } from "@/features/job/training/use-brush";
import { count, figure } from "@/lib/format";

export interface Line {
  key: string;
  label: string;
  points: readonly Point[];
  look: "strong" | "faint" | "ghost" | "marks" | "hollow";
}

/** What the charts of a page share: the stretch of steps they show, and the step that is pointed at. */
export interface Shared {
  steps: readonly [number, number];
  at: number | null;
  onAt: (step: number | null) => void;
  onZoom: (steps: readonly [number, number] | null) => void;
}

const LEFT = 56;
const RIGHT = 12;
const TOP = 8;
const BOTTOM = 24;

/** Lines over a run's steps. Drawn by ourselves: 1,500 points are one path, and a new point moves nothing else. */
export function Chart(props: {
  title: ReactNode;
  name: string;
  lines: readonly Line[];
  base?: number | null;
  log?: boolean;
  height: number;
  shared: Shared;
  /** Laid over the lines, given the place of a step. */
  over?: (place: (step: number) => number | null) => ReactNode;
}) {
  const { lines, base = null, log = false, height, shared } = props;
  const { ref, width } = useElementSize();
  const { steps, at } = shared;
  const x = useMemo(
    () => linear(steps, [LEFT, Math.max(width - RIGHT, LEFT + 1)], width < 480 ? 4 : 8),
    [steps, width],
  );
  const y = useMemo(
    () => (log ? logarithmic : linear)(bounds(lines, base, steps, log), [height - BOTTOM, TOP], 4),
    [lines, base, steps, log, height],
  );
  const brush = useBrush(x, shared);
  return (
    <Box>
      <Group justify="space-between" gap="xs" mih={24} mb={4}>
        <Text component="h3" fw={600} size="sm">
          {props.title}
        </Text>
        <Readout lines={lines} base={base} at={at} />
      </Group>
      {/* biome-ignore lint/a11y/useSemanticElements: no element is a chart; the table beside it holds the same figures */}
      <div
        ref={ref}
        className={classes.frame}
        style={{ height }}
        role="group"
        aria-label={`${props.name} by step. Arrow keys move along the curve, Escape shows the whole run.`}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: arrow keys move the crosshair
        tabIndex={0}
        onKeyDown={(event) => steer(event, lines, shared)}
        onBlur={() => shared.onAt(null)}
      >
        {width > 0 ? (
          <svg width={width} height={height} aria-hidden="true">
            <Axes x={x} y={y} width={width} height={height} />
            <Drawn lines={lines} x={x} y={y} base={base} width={width} height={height} />
            {at !== null && at >= x.domain[0] && at <= x.domain[1] ? (
              <line className={classes.cross} x1={x.place(at)} x2={x.place(at)} y1={TOP} y2={height - BOTTOM} />
            ) : null}
            {brush.marked ? (
              <rect
                className={classes.brush}
                x={brush.marked[0]}
                width={brush.marked[1] - brush.marked[0]}
                y={TOP}
                height={height - TOP - BOTTOM}
              />
            ) : null}
            <rect
              className={classes.field}
              x={LEFT}
              y={0}
              width={Math.max(width - LEFT - RIGHT, 0)}
              height={height}
              {...brush.handlers}
            />
          </svg>
        ) : null}
        {width > 0 && props.over
          ? props.over((step) => (step >= x.domain[0] && step <= x.domain[1] ? x.place(step) : null))
          : null}
      </div>
    </Box>
  );
}

function bounds(lines: readonly Line[], base: number | null, steps: readonly [number, number], log: boolean) {
  const values = lines.flatMap((line) =>
    line.points.filter((p) => p.step >= steps[0] && p.step <= steps[1]).map((p) => p.value),
  );
  return rounded(base === null ? values : [...values, base], log);
}

/** The figures at the crosshair, else the newest; in one place that keeps its size. */
function Readout(props: { lines: readonly Line[]; base: number | null; at: number | null }) {
  const shown = props.lines.filter((line) => line.look !== "faint");
  const at = props.at;
  return (
    <Group gap="sm" aria-live={at === null ? "off" : "polite"}>
      <Text size="xs" c="dimmed">
        {at === null ? "newest" : `step ${count(at)}`}
      </Text>
      {shown.map((line) => {
        const point = at === null ? line.points.at(-1) : nearest(line.points, at);
        if (!point) return null;
        return (
          <Text key={line.key} size="xs" c="dimmed">
            {line.label}{" "}
            <Text span inherit c="var(--mantine-color-text)" fw={600}>
              {figure(point.value)}
            </Text>
            {at !== null && point.step !== at ? ` (step ${count(point.step)})` : ""}
          </Text>
        );
      })}
      {props.base !== null ? (
        <Text size="xs" c="dimmed">
          base{" "}
          <Text span inherit fw={600}>
            {figure(props.base)}
          </Text>
        </Text>
      ) : null}
    </Group>
  );
}

const Axes = memo(function Axes(props: { x: Scale; y: Scale; width: number; height: number }) {
  const { x, y, width, height } = props;
  return (
    <g>
      {y.ticks.map((tick) => (
        <g key={tick}>
          <line className={classes.grid} x1={LEFT} x2={width - RIGHT} y1={y.place(tick)} y2={y.place(tick)} />
          <text className={classes.axis} x={LEFT - 8} y={y.place(tick) + 4} textAnchor="end">
            {figure(tick)}
          </text>
        </g>
      ))}
      {x.ticks.filter(Number.isInteger).map((tick) => (
        <text key={tick} className={classes.axis} x={x.place(tick)} y={height - 6} textAnchor="middle">
          {count(tick)}
        </text>
      ))}
    </g>
  );
});

const Drawn = memo(function Drawn(props: {
  lines: readonly Line[];
  x: Scale;
  y: Scale;
  base: number | null;
  width: number;
  height: number;
}) {
  const { x, y, base } = props;
  const clip = useId();
  const right = props.width - RIGHT;
  return (
    <g>
      <clipPath id={clip}>
        <rect x={LEFT - 6} y={0} width={Math.max(right - LEFT + 12, 0)} height={props.height - BOTTOM + 4} />
      </clipPath>
      <g clipPath={`url(#${clip})`}>
        {base !== null ? (
          <>
            <line className={classes.base} x1={LEFT} x2={right} y1={y.place(base)} y2={y.place(base)} />
            <text className={classes.baseName} x={right - 4} y={y.place(base) + (y.place(base) < 24 ? 16 : -6)}>
              base
            </text>
          </>
        ) : null}
        {props.lines.map((line) =>
          line.look === "marks" || line.look === "hollow" ? (
            line.points.map((p) => (
              <circle
                key={`${line.key}-${p.step}`}
                className={classes[line.look]}
                cx={x.place(p.step)}
                cy={y.place(p.value)}
                r={line.look === "marks" ? 4 : 2.5}
              />
            ))
          ) : (
            <path key={line.key} className={classes[line.look]} d={pathOf(line.points, x, y)} />
          ),
        )}
      </g>
    </g>
  );
});

function pathOf(points: readonly Point[], x: Scale, y: Scale): string {
  return points
    .map((p, i) => `${i === 0 ? "M" : "L"}${x.place(p.step).toFixed(1)} ${y.place(p.value).toFixed(1)}`)
    .join("");
}

function steer(event: KeyboardEvent, lines: readonly Line[], shared: Shared) {
  if (event.target !== event.currentTarget) return;
  if (event.key === "Escape") {
    shared.onZoom(null);
    shared.onAt(null);
    return;
  }
  const by = { ArrowRight: 1, ArrowLeft: -1, PageUp: 10, PageDown: -10 }[event.key];
  const points = lines.find((line) => line.points.length > 0)?.points ?? [];
  if (by === undefined || points.length === 0) return;
  event.preventDefault();
  const from = shared.at === null ? points.length - 1 : points.findIndex((p) => p.step >= (shared.at ?? 0));
  const to = Math.min(Math.max((from < 0 ? points.length - 1 : from) + by, 0), points.length - 1);
  shared.onAt(points[to]?.step ?? null);
}
