import { ActionIcon, Box, Code, CopyButton, Tabs, Tooltip } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import type { Snippet } from "@/features/job/result/use-snippets";

/** The same in several tongues, each ready to be copied. */
export function Snippets(props: { snippets: readonly Snippet[] }) {
  return (
    <Tabs defaultValue={props.snippets[0]?.label} variant="pills">
      <Tabs.List mb="xs">
        {props.snippets.map(({ label }) => (
          <Tabs.Tab key={label} value={label}>
            {label}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      {props.snippets.map(({ label, code }) => (
        <Tabs.Panel key={label} value={label}>
          <Box pos="relative">
            <Code
              block
              tabIndex={0}
              aria-label={`${label} code`}
              style={{ maxHeight: 420, overflow: "auto", paddingRight: 48 }}
            >
              {code}
            </Code>
            <CopyButton value={code} timeout={1500}>
              {({ copied, copy }) => (
                <Tooltip label={copied ? "Copied" : `Copy the ${label} code`}>
                  <ActionIcon
                    pos="absolute"
                    top={8}
                    right={8}
                    variant="default"
                    onClick={copy}
                    aria-label={copied ? "Copied" : `Copy the ${label} code`}
                  >
                    {copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
                  </ActionIcon>
                </Tooltip>
              )}
            </CopyButton>
          </Box>
        </Tabs.Panel>
      ))}
    </Tabs>
  );
}
