import { Menu } from "@mantine/core";
import { IconLogout } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "react-router";
import { signOut } from "@/api/accounts";

/** Ends this browser's session, from a menu. */
export function SignOutItem() {
  const leave = useSignOut();
  return (
    <Menu.Item
      leftSection={<IconLogout size={16} aria-hidden />}
      onClick={() => leave.mutate()}
      closeMenuOnClick={false}
    >
      {leave.isError ? "Sign out again: the server did not answer" : "Sign out"}
    </Menu.Item>
  );
}

/** Signs out and shows the sign-in page. */
export function useSignOut() {
  const navigate = useNavigate();
  const ending = signOut(useQueryClient());
  return useMutation({
    mutationFn: ending.mutationFn,
    onSuccess: () => {
      // Away from the page first: what it still shows would ask again, and be refused.
      void Promise.resolve(navigate("/sign-in")).then(ending.onSuccess);
    },
  });
}
