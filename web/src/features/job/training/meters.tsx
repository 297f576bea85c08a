import { Progress, SimpleGrid, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { Job } from "@/api/generated";
import { configOptions, expectedOptions } from "@/api/job";
import { bytes, count, percent } from "@/lib/format";
import { Changed } from "@/ui/changed";

/** What the run uses now beside what was expected of it. */
export function Meters(props: { job: Job }) {
  const { job } = props;
  const used = job.resources;
  const config = useQuery({ ...configOptions(job.id), enabled: used != null });
  const expected = useQuery(expectedOptions(job.id, used ? config.data?.request : undefined)).data;
  if (!used) return null;
  const onGpu = used.gpu_memory_bytes != null;
  const peak = expected?.peak_memory_bytes;
  const note = peak
    ? `a peak of ${bytes(peak.low)} to ${bytes(peak.high)} was expected`
    : "what was expected is being worked out";
  const cores = used.cpu_percent / 100;
  return (
    <Stack gap={8} component="section" aria-label="What it uses now">
      <Text component="h3" fw={600} size="sm">
        What it uses now{job.worker ? `, on ${job.worker}` : ""}
      </Text>
      <SimpleGrid cols={{ base: 1, xs: 2, md: onGpu ? 4 : 2 }}>
        <Meter
          name="Processor"
          value={`${cores.toFixed(1)} cores`}
          note={`${count(Math.round(used.cpu_percent))} % of one core`}
        />
        <Meter
          name="Memory"
          value={bytes(used.memory_bytes)}
          share={!onGpu && peak ? used.memory_bytes / peak.high : undefined}
          note={onGpu ? "of the machine" : note}
        />
        {used.gpu_percent != null ? (
          <Meter name="GPU" value={percent(used.gpu_percent / 100)} share={used.gpu_percent / 100} note="busy" />
        ) : null}
        {used.gpu_memory_bytes != null ? (
          <Meter
            name="GPU memory"
            value={bytes(used.gpu_memory_bytes)}
            share={peak ? used.gpu_memory_bytes / peak.high : undefined}
            note={note}
          />
        ) : null}
      </SimpleGrid>
    </Stack>
  );
}

function Meter(props: { name: string; value: string; note: ReactNode; share?: number }) {
  return (
    <Stack gap={4}>
      <Text size="xs" c="dimmed">
        {props.name}
      </Text>
      <Text fw={600}>
        <Changed value={props.value}>{props.value}</Changed>
      </Text>
      {props.share === undefined ? null : (
        <Progress
          value={Math.min(100, 100 * props.share)}
          color={props.share > 1 ? "red" : "blue"}
          size="sm"
          aria-label={`${props.name}, of what was expected`}
        />
      )}
      <Text size="xs" c="dimmed">
        {props.note}
      </Text>
    </Stack>
  );
}
