import { ActionIcon, Box, Code, CopyButton, Tooltip } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";

/** Text to copy whole; long lines go on below. */
export function CodeBlock(props: { text: string; what: string; label: string }) {
  return (
    <Box pos="relative">
      <Code
        block
        role="region"
        aria-label={props.label}
        pr={44}
        style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}
      >
        {props.text}
      </Code>
      <CopyButton value={props.text} timeout={1500}>
        {({ copied, copy }) => (
          <Tooltip label={copied ? "Copied" : `Copy ${props.what}`}>
            <ActionIcon
              variant="default"
              pos="absolute"
              top={6}
              right={6}
              onClick={copy}
              aria-label={copied ? "Copied" : `Copy ${props.what}`}
            >
              {copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
            </ActionIcon>
          </Tooltip>
        )}
      </CopyButton>
    </Box>
  );
}
