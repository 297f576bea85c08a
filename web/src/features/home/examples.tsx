import { Badge, Button, Card, Group, SimpleGrid, Skeleton, Stack, Text, Title } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "react-router";
import { messageOf } from "@/api/error";
import { exampleList, startExample } from "@/api/examples";
import type { Example } from "@/api/generated";
import { count, duration } from "@/lib/format";
import { Loaded } from "@/ui/loaded";

/** The demonstrations: each starts as a real job, and opens where it can be watched. */
export function Examples(props: { hasWorker: boolean | null }) {
  const examples = useQuery(exampleList());
  const client = useQueryClient();
  const navigate = useNavigate();
  const start = useMutation({
    ...startExample(client),
    onError: (error) =>
      notifications.show({ title: "It was not started", message: messageOf(error), color: "red", autoClose: 10_000 }),
  });
  return (
    <Stack gap="sm" component="section" aria-labelledby="examples">
      <div>
        <Title order={2} id="examples">
          Watch a real run first
        </Title>
        <Text c="dimmed">
          These bring their own data and train here, now, on your machine: no result was made beforehand.
          {props.hasWorker === false ? " They wait until a worker is connected." : ""}
        </Text>
      </div>
      <Loaded query={examples} what="The demonstrations" skeleton={<Skeleton h={220} radius="md" />}>
        {({ data }) => (
          <SimpleGrid cols={{ base: 1, sm: Math.min(2, data.length) }}>
            {data.map((example) => (
              <ExampleCard
                key={example.id}
                example={example}
                starting={start.isPending && start.variables === example.id}
                onStart={() =>
                  start.mutate(example.id, { onSuccess: (started) => void navigate(`/jobs/${started.job_id}`) })
                }
              />
            ))}
          </SimpleGrid>
        )}
      </Loaded>
    </Stack>
  );
}

function ExampleCard(props: { example: Example; starting: boolean; onStart: () => void }) {
  const { example, starting, onStart } = props;
  return (
    <Card padding="lg">
      <Stack gap="sm" justify="space-between" h="100%">
        <Stack gap="xs">
          <Group justify="space-between" wrap="nowrap" align="flex-start">
            <Title order={3}>{example.title}</Title>
            <Badge variant="light" color="gray" tt="none" style={{ flexShrink: 0 }}>
              {example.task}
            </Badge>
          </Group>
          <Text size="sm">{example.description}</Text>
          <Text size="xs" c="dimmed">
            {count(example.n_records)} records · base {example.base_model} · {example.licence}
          </Text>
        </Stack>
        <Group gap="sm">
          <Button onClick={onStart} loading={starting}>
            Start it
          </Button>
          <Text size="sm" c="dimmed">
            {starting ? "Its data is being prepared" : `about ${duration(example.expected_s)} on two cores`}
          </Text>
        </Group>
      </Stack>
    </Card>
  );
}
