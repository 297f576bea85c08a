import { Button, Skeleton, Stack, Switch } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconKey, IconPlus } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { keyList } from "@/api/accounts";
import type { ApiKey } from "@/api/generated";
import { useSession } from "@/app/session";
import { CreateKey } from "@/features/settings/keys/create-key";
import { KeyList } from "@/features/settings/keys/key-list";
import { standing } from "@/features/settings/keys/key-words";
import { useRevoke } from "@/features/settings/keys/use-revoke";
import { Section } from "@/features/settings/section";
import { useNow } from "@/lib/use-now";
import { EmptyState } from "@/ui/empty-state";
import { Loaded } from "@/ui/loaded";

/** The keys of the project: made, shown once, revoked. */
export function KeysTab() {
  const session = useSession();
  const keys = useQuery(keyList());
  const [making, { open, close }] = useDisclosure(false);
  const whose = session.sees_all ? "all projects" : `the project ${session.project.name}`;
  return (
    <>
      <Section
        title="API keys"
        lead={`Programs call Tunesmith with a key, as they call OpenAI. These are the keys of ${whose}.`}
        action={
          <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={open}>
            Create a key
          </Button>
        }
      >
        <Loaded query={keys} what="The keys" skeleton={<Skeleton h={220} />}>
          {({ data }) => <Keys keys={data} onCreate={open} />}
        </Loaded>
      </Section>
      <CreateKey opened={making} onClose={close} />
    </>
  );
}

function Keys(props: { keys: ApiKey[]; onCreate: () => void }) {
  const [ended, setEnded] = useState(false);
  const revoke = useRevoke();
  const now = useNow();
  const live = props.keys.filter((key) => standing(key, now) === "live");
  const n_ended = props.keys.length - live.length;
  if (props.keys.length === 0) {
    return (
      <EmptyState
        icon={<IconKey size={32} aria-hidden />}
        title="No keys yet"
        text="A key lets a program, a notebook or the command line act for you. It is shown once, when it is made."
        action={<Button onClick={props.onCreate}>Create a key</Button>}
      />
    );
  }
  return (
    <Stack gap="sm">
      <KeyList keys={ended ? props.keys : live} onRevoke={revoke} />
      {n_ended > 0 ? (
        <Switch
          label={`Show revoked and expired (${n_ended})`}
          checked={ended}
          onChange={(event) => setEnded(event.currentTarget.checked)}
        />
      ) : null}
    </Stack>
  );
}
