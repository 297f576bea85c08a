import { Button } from "@mantine/core";
import { IconChevronDown, IconChevronUp } from "@tabler/icons-react";

/** Opens and closes what few people need. */
export function FoldButton(props: { label: string; open: boolean; onToggle: () => void }) {
  return (
    <Button
      variant="subtle"
      color="gray"
      onClick={props.onToggle}
      aria-expanded={props.open}
      rightSection={props.open ? <IconChevronUp size={16} /> : <IconChevronDown size={16} />}
    >
      {props.label}
    </Button>
  );
}
