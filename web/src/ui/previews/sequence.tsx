import { ActionIcon, Button, CopyButton, Group, Stack, Text, Tooltip } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { useMemo, useState } from "react";
import { count } from "@/lib/format";
import { blocks, RESIDUE_CLASSES } from "@/lib/residues";
import classes from "@/ui/previews/sequence.module.css";

const SHOWN = 600;

/** A protein in blocks of ten with the position of each block's end; `plain` leaves the colours out. A long one is
 *  shown in part until it is asked for. */
export function Sequence(props: { sequence: string; plain?: boolean; name?: string | null }) {
  const [whole, setWhole] = useState(false);
  const shown = whole ? props.sequence : props.sequence.slice(0, SHOWN);
  const parts = useMemo(() => blocks(shown), [shown]);
  return (
    <Stack gap={6}>
      <Group gap={6}>
        {props.name ? (
          <Text fw={600} style={{ overflowWrap: "anywhere" }}>
            {props.name}
          </Text>
        ) : null}
        <Text c="dimmed" size="xs">
          {count(props.sequence.length)} residues
        </Text>
        <CopyButton value={props.sequence} timeout={1500}>
          {({ copied, copy }) => (
            <Tooltip label={copied ? "Copied" : "Copy the sequence"}>
              <ActionIcon
                variant="subtle"
                color={copied ? "teal" : "gray"}
                size="sm"
                onClick={copy}
                aria-label={copied ? "Copied" : "Copy the sequence"}
              >
                {copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
              </ActionIcon>
            </Tooltip>
          )}
        </CopyButton>
      </Group>
      <div className={classes.sequence}>
        <span className="visually-hidden">{props.sequence}</span>
        {parts.map((block) => (
          <span className={classes.block} key={block.end} aria-hidden>
            <span className={classes.position}>{block.end}</span>
            <span>
              {block.runs.map((run, i) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: the runs of a block never change their order
                <span key={i} className={props.plain ? undefined : classes[run.class]}>
                  {run.residues}
                </span>
              ))}
            </span>
          </span>
        ))}
      </div>
      {props.sequence.length > shown.length ? (
        <Button variant="subtle" size="compact-sm" onClick={() => setWhole(true)} style={{ alignSelf: "flex-start" }}>
          Show all {count(props.sequence.length)} residues
        </Button>
      ) : null}
    </Stack>
  );
}

/** What the colours of a sequence mean. */
export function ResidueLegend() {
  return (
    <Group gap="xs" component="ul" m={0} p={0} style={{ listStyle: "none" }}>
      {RESIDUE_CLASSES.map(({ id, residues, means }) => (
        <Tooltip key={id} label={means}>
          <Text component="li" size="xs">
            <span className={classes[id]} style={{ padding: "1px 5px" }}>
              {residues}
            </span>{" "}
            {id}
          </Text>
        </Tooltip>
      ))}
    </Group>
  );
}
