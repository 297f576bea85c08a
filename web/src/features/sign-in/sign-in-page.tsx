import { Anchor, Button, Card, Center, Group, Loader, Stack, Text, Title } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { Link, useLocation, useNavigate, useSearchParams } from "react-router";
import { sessionQuery, signIn } from "@/api/accounts";
import { HowToGetALink } from "@/features/sign-in/how-to-get-a-link";
import { KeyForm } from "@/features/sign-in/key-form";
import { localPath } from "@/lib/local-path";
import { ErrorState } from "@/ui/error-state";
import { useTitle } from "@/ui/use-title";

/** Signs in by the token behind # at once; without one it says how to get a link, or takes a key. */
export function SignInPage() {
  const { hash, search } = useLocation();
  const navigate = useNavigate();
  const next = localPath(useSearchParams()[0].get("next"));
  const begin = signIn(useQueryClient());
  const byLink = useMutation({ ...begin });
  const asked = useRef<string | null>(null);
  const { mutate } = byLink;

  useTitle("Sign in");

  useEffect(() => {
    const token = hash.slice(1);
    if (!token || asked.current === token) return;
    asked.current = token;
    // Out of the address bar and the history before anything else: it is a secret until it is used.
    void navigate({ search }, { replace: true });
    mutate({ token }, { onSuccess: () => void navigate(next, { replace: true }) });
  }, [hash, search, next, navigate, mutate]);

  const waiting = byLink.isPending || byLink.isSuccess || (hash.length > 1 && asked.current === null);
  return (
    <Center mih="100dvh" p="md" component="main">
      <Stack gap="lg" w="100%" maw={480}>
        <Group gap="sm" justify="center" component="header">
          <img src="/icon.svg" alt="" width={32} height={32} />
          <Title order={1}>Sign in to Tunesmith</Title>
        </Group>
        {waiting ? (
          <Card padding="xl" role="status">
            <Group justify="center" gap="sm">
              <Loader size="sm" />
              <Text>Signing you in</Text>
            </Group>
          </Card>
        ) : (
          <>
            {byLink.error ? <ErrorState error={byLink.error} what="This link does not sign you in" /> : null}
            <Already next={next} />
            <HowToGetALink />
            <KeyForm onSignedIn={() => void navigate(next, { replace: true })} />
          </>
        )}
      </Stack>
    </Center>
  );
}

/** For who came here signed in: the way on. */
function Already(props: { next: string }) {
  const session = useQuery({ ...sessionQuery(), retry: false }).data;
  if (!session) return null;
  return (
    <Card>
      <Group justify="space-between">
        <Text>
          You are signed in as <b>{session.user}</b>.
        </Text>
        <Button component={Link} to={props.next}>
          Go on
        </Button>
      </Group>
      <Text size="xs" c="dimmed" mt="xs">
        Sign in below to be somebody else, or{" "}
        <Anchor component={Link} to="/settings/account" inherit>
          sign out
        </Anchor>
        .
      </Text>
    </Card>
  );
}
