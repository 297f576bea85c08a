import { Button, Group, Modal, Stack, TextInput } from "@mantine/core";
import { useState } from "react";

const LONGEST = 120;

/** Asks for the job's name; it is shown in lists and part of nothing. */
export function RenameDialog(props: {
  name: string;
  shown: string;
  onClose: () => void;
  onRename: (name: string) => void;
}) {
  const [name, setName] = useState(props.name);
  const wanted = name.trim();
  return (
    <Modal opened onClose={props.onClose} title={`Rename ${props.shown}`}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!wanted) return;
          if (wanted !== props.name) props.onRename(wanted);
          props.onClose();
        }}
      >
        <Stack>
          <TextInput
            label="Name"
            description="Shown wherever the job is; nothing else changes."
            value={name}
            maxLength={LONGEST}
            error={wanted ? null : "A name has at least one character"}
            onChange={(event) => setName(event.currentTarget.value)}
            data-autofocus
          />
          <Group justify="flex-end">
            <Button variant="default" onClick={props.onClose}>
              Keep the old one
            </Button>
            <Button type="submit">Rename</Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
