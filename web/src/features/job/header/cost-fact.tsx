import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { Job, JobEstimate } from "@/api/generated";
import { configOptions, expectedOptions, isLive } from "@/api/job";
import { Fact } from "@/features/job/header/fact";
import { duration, figure } from "@/lib/format";
import { Changed } from "@/ui/changed";
import { Term } from "@/ui/term";

/** What will it cost: so far, and what is expected in all. */
export function CostFact(props: { job: Job }) {
  const { job } = props;
  const config = useQuery({ ...configOptions(job.id), enabled: isLive(job) });
  const expected = useQuery(expectedOptions(job.id, isLive(job) ? config.data?.request : undefined));
  const cost = job.cost;
  const free = (cost?.price_per_hour ?? expected.data?.cost.price_per_hour) === 0;
  const answer = free ? workerTime(job) : cost ? `${money(cost.value)} so far` : "Nothing yet";
  return (
    <Fact question="What will it cost?" answer={<Changed value={answer}>{answer}</Changed>}>
      <Text size="sm" c="dimmed">
        {inAll(job, expected.data, free)}
      </Text>
      {cost || expected.data ? (
        <Text size="xs" c="dimmed">
          {free ? (
            <Term means="The operator sets price_per_hour to have workers' time counted in money.">
              No price is set for workers' time
            </Term>
          ) : (
            `${money(cost?.price_per_hour ?? expected.data?.cost.price_per_hour ?? 0)} an hour of a worker's time${cost ? `, ${duration(cost.worker_s)} used` : ""}`
          )}
        </Text>
      ) : null}
    </Fact>
  );
}

function workerTime(job: Job): string {
  return job.cost && job.cost.worker_s > 0
    ? `${duration(job.cost.worker_s)} of a worker's time`
    : isLive(job)
      ? "Nothing yet"
      : "Nothing";
}

/** From what was used and what is left where it runs; before, from the estimate. */
function inAll(job: Job, expected: JobEstimate | undefined, free: boolean): string {
  if (!isLive(job)) return job.cost?.worker_s ? "In all; it costs nothing more." : "No worker ran it.";
  if (job.status === "running" && typeof job.eta_s === "number" && job.cost) {
    const seconds = job.cost.worker_s + job.eta_s;
    return free
      ? `About ${duration(seconds)} in all.`
      : `About ${money((seconds / 3600) * job.cost.price_per_hour)} in all.`;
  }
  if (!expected) return "What it will need is being worked out.";
  const { low, high } = expected.time_s;
  return free
    ? `Expected: ${duration(low)} to ${duration(high)} of a worker's time.`
    : `Expected: ${money(expected.cost.low)} to ${money(expected.cost.high)}.`;
}

function money(value: number): string {
  return value === 0 ? "0" : value < 0.01 ? "under 0.01" : value < 100 ? value.toFixed(2) : figure(value);
}
