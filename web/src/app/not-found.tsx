import { Button } from "@mantine/core";
import { Link, useLocation } from "react-router";
import { Page } from "@/ui/page";

export function NotFound() {
  const { pathname } = useLocation();
  return (
    <Page title="There is no such page" lead={`Nothing lives at ${pathname}. The link may be old, or mistyped.`}>
      <Button component={Link} to="/" w="fit-content">
        Go home
      </Button>
    </Page>
  );
}
