import { Button, Card, PasswordInput, Stack, Text, Title } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { signIn } from "@/api/accounts";
import { messageOf } from "@/api/error";

/** Signs in with an API key: the session may what the key may, and ends with it. */
export function KeyForm(props: { onSignedIn: () => void }) {
  const [key, setKey] = useState("");
  const [missing, setMissing] = useState(false);
  const begin = useMutation({ ...signIn(useQueryClient()) });

  function submit(event: FormEvent) {
    event.preventDefault();
    const wanted = key.trim();
    setMissing(!wanted);
    if (wanted) begin.mutate({ key: wanted }, { onSuccess: props.onSignedIn });
  }

  return (
    <Card>
      <form onSubmit={submit}>
        <Stack gap="xs">
          <Title order={2}>By an API key</Title>
          <Text c="dimmed">
            Yours, or the one in admin.key in the server's data folder. It is not kept in this browser.
          </Text>
          <PasswordInput
            label="API key"
            placeholder="tsk_..."
            autoComplete="off"
            spellCheck={false}
            value={key}
            onChange={(event) => {
              setKey(event.currentTarget.value);
              setMissing(false);
              begin.reset();
            }}
            error={missing ? "Paste a key first." : begin.error ? messageOf(begin.error) : null}
          />
          <Button type="submit" variant="default" loading={begin.isPending}>
            Sign in with the key
          </Button>
        </Stack>
      </form>
    </Card>
  );
}
