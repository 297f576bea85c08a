import { Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { revokeKey } from "@/api/accounts";
import { messageOf } from "@/api/error";
import type { ApiKey } from "@/api/generated";
import { whatStops } from "@/features/settings/keys/key-words";
import { Ago } from "@/ui/ago";
import { askFirst } from "@/ui/ask-first";

/** Asks before a key is revoked, saying what will stop. */
export function useRevoke(): (key: ApiKey) => void {
  const { mutate } = useMutation(revokeKey(useQueryClient()));
  return (key) =>
    askFirst({
      title: `Revoke ${key.name}?`,
      children: (
        <Stack gap="xs">
          <Text>{whatStops(key)}</Text>
          <Text c="dimmed">
            {key.last_used_at ? (
              <>
                Last used <Ago at={key.last_used_at} />.
              </>
            ) : (
              "It was never used."
            )}{" "}
            A revoked key cannot be brought back; make a new one instead.
          </Text>
        </Stack>
      ),
      labels: { confirm: "Revoke", cancel: "Keep it" },
      confirmProps: { color: "red" },
      onConfirm: () =>
        mutate(key.id, {
          onSuccess: () => notifications.show({ message: `${key.name} is revoked.` }),
          onError: (error) =>
            notifications.show({ color: "red", title: `${key.name} is not revoked`, message: messageOf(error) }),
        }),
    });
}
