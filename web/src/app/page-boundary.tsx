import { Button, Group } from "@mantine/core";
import { Component, type ReactNode } from "react";
import { Link, useLocation } from "react-router";
import { ErrorState } from "@/ui/error-state";

/** Where a page breaks, its error is shown in its place; the frame around it stays, and another page begins anew. */
export function PageBoundary(props: { children: ReactNode }) {
  const { pathname } = useLocation();
  return <Boundary key={pathname}>{props.children}</Boundary>;
}

/** React knows boundaries as classes alone. */
class Boundary extends Component<{ children: ReactNode }, { error: unknown }> {
  override state: { error: unknown } = { error: null };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    return this.state.error === null ? this.props.children : <Broken error={this.state.error} />;
  }
}

function Broken(props: { error: unknown }) {
  return (
    <ErrorState
      error={props.error}
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
