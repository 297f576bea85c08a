import { Anchor, Group, Text } from "@mantine/core";
import { IconDeviceFloppy } from "@tabler/icons-react";
import { Link, useNavigate } from "react-router";
import { type DraftHandle, EMPTY } from "@/features/tune/draft";

/** One quiet line: that nothing typed is lost, and how to begin anew. */
export function DraftNote(props: { handle: DraftHandle }) {
  const { draft, kept, reset, restore } = props.handle;
  const navigate = useNavigate();
  const begun = JSON.stringify(draft) !== JSON.stringify(EMPTY);
  if (!begun && !restore) return null;
  return (
    <Group gap="xs" c="dimmed" fz="xs" pt={8} role="status">
      <IconDeviceFloppy size={14} aria-hidden />
      {begun ? <Text size="xs">{kept ? "Draft kept in this browser." : NOT_KEPT}</Text> : null}
      {draft.clonedFrom ? (
        <Text size="xs">
          Filled from{" "}
          <Anchor component={Link} to={`/jobs/${draft.clonedFrom}`} size="xs">
            {draft.clonedFrom}
          </Anchor>
          .
        </Text>
      ) : null}
      {begun ? (
        <Anchor
          component="button"
          size="xs"
          onClick={() => {
            reset();
            void navigate("/tune?step=goal");
          }}
        >
          Start over
        </Anchor>
      ) : null}
      {restore ? (
        <Anchor
          component="button"
          size="xs"
          onClick={() => {
            restore();
            void navigate("/tune");
          }}
        >
          Bring the draft before back
        </Anchor>
      ) : null}
    </Group>
  );
}

const NOT_KEPT = "This browser keeps no draft (its storage is full or off): it ends when you close the tab.";
