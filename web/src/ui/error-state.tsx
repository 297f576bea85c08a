import { Alert, Button, Group, Stack, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { ApiError, messageOf } from "@/api/error";

/** What happened, where, and what to do, with the button that does it. */
export function ErrorState(props: { error: unknown; what: string; onRetry?: () => void; action?: ReactNode }) {
  const code = props.error instanceof ApiError ? props.error.code : null;
  return (
    <Alert color="red" icon={<IconAlertTriangle aria-hidden />} title={props.what} role="alert">
      <Stack gap="sm">
        <Text>{messageOf(props.error)}</Text>
        {code ? (
          <Text size="xs" c="dimmed">
            Code: {code}
          </Text>
        ) : null}
        <Group>
          {props.onRetry ? (
            <Button variant="default" onClick={props.onRetry}>
              Try again
            </Button>
          ) : null}
          {props.action}
        </Group>
      </Stack>
    </Alert>
  );
}
