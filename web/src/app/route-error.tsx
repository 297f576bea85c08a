import { Button, Group } from "@mantine/core";
import { Link, useRouteError } from "react-router";
import { ErrorState } from "@/ui/error-state";

/** What is shown when a page itself breaks; the frame around it stays. */
export function RouteError() {
  const error = useRouteError();
  return (
    <ErrorState
      error={error}
      what="This page could not be shown"
      action={
        <Group>
          <Button onClick={() => window.location.reload()}>Load it again</Button>
          <Button variant="default" component={Link} to="/">
            Go home
          </Button>
        </Group>
      }
    />
  );
}
