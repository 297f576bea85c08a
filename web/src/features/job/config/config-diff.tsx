import { Alert, Anchor, Button, Card, Group, Select, Stack, Table, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import type { Job, JobConfig } from "@/api/generated";
import { configOptions, siblingsOptions } from "@/api/job";
import classes from "@/features/job/config/diff.module.css";
import { SettingName } from "@/features/job/config/setting-name";
import { differences } from "@/features/job/config/settings";
import { sameData } from "@/features/job/same-data";
import { counted, relative } from "@/lib/format";
import { jobName } from "@/lib/job-words";
import { Loaded } from "@/ui/loaded";
import { stateLabel } from "@/ui/state-badge";

/** This job's settings beside those of another on the same data, with what differs marked. */
export function ConfigDiff(props: { job: Job }) {
  const { job } = props;
  const others = useQuery(siblingsOptions(job));
  const [chosen, setChosen] = useState<string | null>(null);
  const known = (others.data?.data ?? []).filter((other) => other.id !== job.id && sameData(job, other));
  const otherId = chosen ?? known[0]?.id ?? null;
  if (others.data && known.length === 0) return null;
  return (
    <Stack gap="sm" component="section">
      <Title order={2}>Beside another job on the same data</Title>
      <Loaded query={others} what="Jobs on the same data">
        {() => (
          <Stack gap="sm">
            <Select
              label="Compare with"
              maw={480}
              allowDeselect={false}
              value={otherId}
              onChange={setChosen}
              data={known.map((other) => ({
                value: other.id,
                label: `${jobName(other)} (${stateLabel(other.status).toLowerCase()}, ${relative(other.created_at)})`,
              }))}
            />
            {otherId ? <Diff job={job} otherId={otherId} /> : null}
          </Stack>
        )}
      </Loaded>
    </Stack>
  );
}

function Diff(props: { job: Job; otherId: string }) {
  const here = useQuery(configOptions(props.job.id));
  const there = useQuery(configOptions(props.otherId));
  return (
    <Loaded query={here} what="This job's settings">
      {(mine) => (
        <Loaded query={there} what="The other job's settings">
          {(other) => <Changes mine={mine} other={other} job={props.job} otherId={props.otherId} />}
        </Loaded>
      )}
    </Loaded>
  );
}

function Changes(props: { mine: JobConfig; other: JobConfig; job: Job; otherId: string }) {
  const { changed, same } = differences(props.mine, props.other);
  if (changed.length === 0) return <Alert color="gray" title={`All ${same} settings are the same`} />;
  return (
    <Card>
      <Stack gap="sm">
        <Text>
          {counted(changed.length, "setting")} differ{changed.length === 1 ? "s" : ""}, {same} are the same.
        </Text>
        <Table layout="fixed">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Setting</Table.Th>
              <Table.Th>This job</Table.Th>
              <Table.Th>
                <Anchor component={Link} to={`/jobs/${props.otherId}?tab=config`} inherit>
                  The other
                </Anchor>
              </Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {changed.map(({ name, here, there }) => (
              <Table.Tr key={name}>
                <Table.Th scope="row" fw={500} className={classes.cell}>
                  <SettingName name={name} />
                </Table.Th>
                <Table.Td className={`${classes.cell} ${classes.here}`}>{here}</Table.Td>
                <Table.Td className={`${classes.cell} ${classes.there}`}>{there}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
        <Group>
          <Button variant="default" size="xs" component={Link} to={`/tune?clone=${props.job.id}`}>
            Clone this job
          </Button>
          <Button variant="default" size="xs" component={Link} to={`/tune?clone=${props.otherId}`}>
            Clone the other
          </Button>
        </Group>
      </Stack>
    </Card>
  );
}
