import { Text, Tooltip } from "@mantine/core";
import type { ReactNode } from "react";

/** A word of the field with its one-line explanation, by hover, focus or tap. */
export function Term(props: { means: string; children: ReactNode }) {
  return (
    <Tooltip label={props.means}>
      <Text
        span
        inherit
        tabIndex={0}
        style={{ textDecoration: "underline dotted", textUnderlineOffset: 3, cursor: "help" }}
      >
        {props.children}
      </Text>
    </Tooltip>
  );
}
