import { Card, Stack, Text } from "@mantine/core";
import type { CalibrationBin } from "@/api/generated";
import classes from "@/features/job/result/classification.module.css";
import { count, percent } from "@/lib/format";
import { Term } from "@/ui/term";

const SIDE = 200;
const LEFT = 44;
const RIGHT = 24;
const TOP = 12;
const BOTTOM = 40;

/** How often the model is right when it says that it is so sure; on the diagonal its word can be taken. */
export function Calibration(props: { bins: readonly CalibrationBin[]; error: number }) {
  const bins = props.bins.filter((bin) => bin.count > 0);
  const most = Math.max(1, ...bins.map((bin) => bin.count));
  return (
    <Card>
      <Stack gap="xs">
        <Text component="h3" fw={600}>
          <Term means="Whether a confidence of 90 % means right nine times of ten.">Calibration</Term>
        </Text>
        <Text size="sm" c="dimmed">
          On average its confidence is {percent(props.error)} away from how often it is right. Dots below the line:
          surer than it should be. Larger dots rest on more records.
        </Text>
        <svg
          viewBox={`0 0 ${SIDE + LEFT + RIGHT} ${SIDE + BOTTOM + TOP}`}
          width={SIDE + LEFT + RIGHT}
          style={{ maxWidth: "100%", height: "auto" }}
          aria-hidden="true"
        >
          <rect className={classes.frame} x={LEFT} y={TOP} width={SIDE} height={SIDE} />
          <line className={classes.ideal} x1={LEFT} y1={TOP + SIDE} x2={LEFT + SIDE} y2={TOP} />
          {bins.map((bin) => (
            <circle
              key={bin.low}
              className={classes.dot}
              cx={LEFT + SIDE * bin.confidence}
              cy={TOP + SIDE * (1 - bin.accuracy)}
              r={3 + 5 * Math.sqrt(bin.count / most)}
            />
          ))}
          {[0, 0.5, 1].map((share) => (
            <g key={share} className={classes.tick}>
              <text x={LEFT - 6} y={TOP + 4 + SIDE * (1 - share)} textAnchor="end">
                {percent(share)}
              </text>
              <text x={LEFT + SIDE * share} y={TOP + SIDE + 18} textAnchor="middle">
                {percent(share)}
              </text>
            </g>
          ))}
          <text className={classes.tick} x={LEFT + SIDE / 2} y={TOP + SIDE + 36} textAnchor="middle">
            confidence against how often right
          </text>
        </svg>
        <div className="visually-hidden">
          <table>
            <caption>Confidence against how often it is right</caption>
            <tbody>
              {bins.map((bin) => (
                <tr key={bin.low}>
                  <th scope="row">{percent(bin.confidence)} sure</th>
                  <td>{percent(bin.accuracy)} right</td>
                  <td>{count(bin.count)} records</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </Stack>
    </Card>
  );
}
