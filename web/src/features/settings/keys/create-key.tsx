import { Modal } from "@mantine/core";
import { useState } from "react";
import type { CreatedKey } from "@/api/generated";
import { KeyForm } from "@/features/settings/keys/key-form";
import { ShownOnce } from "@/features/settings/keys/shown-once";

/** A dialog of two steps: what the key is for, and the key. The second is left by its button alone. */
export function CreateKey(props: { opened: boolean; onClose: () => void }) {
  const [created, setCreated] = useState<CreatedKey | null>(null);
  return (
    <Modal
      opened={props.opened}
      onClose={props.onClose}
      onExitTransitionEnd={() => setCreated(null)}
      title={created ? "Your new key" : "Create a key"}
      size="lg"
      withCloseButton={!created}
      closeOnClickOutside={false}
      closeOnEscape={!created}
    >
      {created ? <ShownOnce created={created} onDone={props.onClose} /> : <KeyForm onCreated={setCreated} />}
    </Modal>
  );
}
