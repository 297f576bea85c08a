import { ActionIcon, Kbd, Text, UnstyledButton } from "@mantine/core";
import { useHotkeys } from "@mantine/hooks";
import { IconSearch } from "@tabler/icons-react";
import { lazy, Suspense, useState } from "react";
import classes from "@/app/palette/palette-button.module.css";

const Palette = lazy(async () => ({ default: (await import("@/app/palette/palette")).Palette }));
const APPLE = /Mac|iPhone|iPad/.test(navigator.userAgent);

/** Opens the search over every object and action, also by Ctrl or Cmd and K. It is loaded when it is first wanted. */
export function PaletteButton() {
  const [asked, setAsked] = useState(0);
  const ask = () => setAsked((n) => n + 1);
  useHotkeys([["mod+K", ask]], []);
  return (
    <>
      <UnstyledButton className={classes.wide} onClick={ask} aria-keyshortcuts="Control+K Meta+K" visibleFrom="sm">
        <IconSearch size={16} aria-hidden />
        <Text span size="sm" flex={1}>
          Search
        </Text>
        <Kbd size="xs">{APPLE ? "⌘ K" : "Ctrl K"}</Kbd>
      </UnstyledButton>
      <ActionIcon variant="subtle" color="gray" size="lg" onClick={ask} aria-label="Search" hiddenFrom="sm">
        <IconSearch size={20} aria-hidden />
      </ActionIcon>
      {asked > 0 ? (
        <Suspense>
          <Palette asked={asked} />
        </Suspense>
      ) : null}
    </>
  );
}
