import { Card, Stack, Text, Title } from "@mantine/core";
import { CopyText } from "@/ui/copy-text";

/** Where sign-in links come from. */
export function HowToGetALink() {
  return (
    <Card>
      <Stack gap="xs">
        <Title order={2}>By a sign-in link</Title>
        <Text>On the machine where Tunesmith runs, this prints a link. Open it in this browser.</Text>
        <CopyText text="tunesmith sign-in" what="the command" />
        <Text c="dimmed">
          Somebody else runs it? Ask them for a link: they find it under Settings, Account, Invite a person. A link
          signs in one browser, once.
        </Text>
      </Stack>
    </Card>
  );
}
