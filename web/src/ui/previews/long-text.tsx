import { Anchor } from "@mantine/core";
import { useState } from "react";
import { shortened } from "@/lib/long-text";

const MOST = 1200;

/** A text as it stands, line breaks and all; a very long one is folded. Whatever it holds, it is only text. */
export function LongText(props: { text: string }) {
  const [open, setOpen] = useState(false);
  const short = open ? null : shortened(props.text, MOST);
  if (short === null) return <>{props.text}</>;
  return (
    <>
      {short}{" "}
      <Anchor component="button" size="xs" onClick={() => setOpen(true)}>
        show all
      </Anchor>
    </>
  );
}
