import { Button } from "@mantine/core";
import { Link, useLocation } from "react-router";
import { EmptyState } from "@/ui/empty-state";

export function NotFound() {
  const { pathname } = useLocation();
  return (
    <EmptyState
      title="There is no such page"
      text={`Nothing lives at ${pathname}. The link may be old, or mistyped.`}
      action={
        <Button component={Link} to="/">
          Go home
        </Button>
      }
    />
  );
}
