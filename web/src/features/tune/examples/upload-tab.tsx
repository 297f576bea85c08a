import { Alert, Button, Card, Group, Progress, Skeleton, Stack, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { lazy, Suspense } from "react";
import { ApiError, messageOf } from "@/api/error";
import type { Upload } from "@/features/tune/examples/use-upload";
import { bytes, percent } from "@/lib/format";

const FileDrop = lazy(async () => ({ default: (await import("@/features/tune/examples/file-drop")).FileDrop }));

/** The place for a file. */
export function UploadTab(props: { onFile: (file: File) => void }) {
  return (
    <Suspense fallback={<Skeleton h={168} />}>
      <FileDrop onFile={props.onFile} />
    </Suspense>
  );
}

/** How far an upload is, or why it failed. */
export function UploadState(props: { upload: Upload; onCancel: () => void }) {
  const { upload } = props;
  switch (upload.phase) {
    case "idle":
      return null;
    case "sending":
      return <Sending name={upload.name} sent={upload.sent.bytes} of={upload.sent.of} onCancel={props.onCancel} />;
    case "reading":
      return (
        <Card role="status">
          <Group justify="space-between">
            <Text>
              <b>{upload.name}</b> is there; its records are being checked.
            </Text>
            <Button variant="default" onClick={props.onCancel}>
              Cancel
            </Button>
          </Group>
          <Progress value={100} striped animated mt="xs" aria-label="Checking the records" />
        </Card>
      );
    case "failed":
      return (
        <Alert
          color="red"
          role="alert"
          icon={<IconAlertTriangle aria-hidden />}
          title={`${upload.name} could not be taken`}
        >
          <Stack gap="sm" align="flex-start">
            <Text style={{ overflowWrap: "anywhere" }}>{messageOf(upload.error)}</Text>
            {upload.error instanceof ApiError && upload.error.away ? (
              <Button variant="default" onClick={upload.again}>
                Send it again
              </Button>
            ) : null}
          </Stack>
        </Alert>
      );
  }
}

function Sending(props: { name: string; sent: number; of: number; onCancel: () => void }) {
  const share = props.of ? props.sent / props.of : 0;
  return (
    <Card>
      <Group justify="space-between">
        <Text style={{ overflowWrap: "anywhere" }}>
          Sending <b>{props.name}</b>: {bytes(props.sent)} of {bytes(props.of)} ({percent(share)})
        </Text>
        <Button variant="default" onClick={props.onCancel}>
          Cancel
        </Button>
      </Group>
      <Progress value={100 * share} mt="xs" aria-label={`Sending ${props.name}`} />
    </Card>
  );
}
