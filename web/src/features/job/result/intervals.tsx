import { Text } from "@mantine/core";
import type { Comparison, Estimate } from "@/api/generated";
import classes from "@/features/job/result/intervals.module.css";
import { linear, rounded } from "@/features/job/training/scale";
import { figure } from "@/lib/format";

/** Base above tuned on one axis, each a dot in its 95 % interval. Bars that overlap little are a difference to trust. */
export function Intervals(props: { comparison: Comparison }) {
  const { before, after } = props.comparison;
  const x = linear(
    rounded([before.low, before.high, after.low, after.high, before.value, after.value], false),
    [4, 96],
    4,
  );
  return (
    <div aria-hidden>
      <Row label="Base" estimate={before} look={classes.base} place={x.place} ticks={x.ticks} />
      <Row label="Tuned" estimate={after} look={classes.tuned} place={x.place} ticks={x.ticks} />
      <div className={classes.row}>
        <span />
        <svg width="100%" height={18} role="presentation">
          {x.ticks.map((tick) => (
            <text key={tick} className={classes.tick} x={`${x.place(tick)}%`} y={13} textAnchor="middle">
              {figure(tick)}
            </text>
          ))}
        </svg>
      </div>
    </div>
  );
}

function Row(props: {
  label: string;
  estimate: Estimate;
  look: string | undefined;
  place: (value: number) => number;
  ticks: readonly number[];
}) {
  const { value, low, high } = props.estimate;
  const at = (of: number) => `${props.place(of)}%`;
  return (
    <div className={classes.row}>
      <Text size="sm" c="dimmed">
        {props.label}
      </Text>
      <svg width="100%" height={28} role="presentation">
        {props.ticks.map((tick) => (
          <line key={tick} className={classes.grid} x1={at(tick)} x2={at(tick)} y1={0} y2={28} />
        ))}
        <g className={props.look}>
          <line x1={at(low)} x2={at(high)} y1={14} y2={14} strokeWidth={8} strokeOpacity={0.35} strokeLinecap="round" />
          <circle cx={at(value)} cy={14} r={5} />
        </g>
      </svg>
    </div>
  );
}
