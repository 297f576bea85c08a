import { AppShell, Burger, Group, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useEffect } from "react";
import { Link, Outlet, useLocation, useNavigate } from "react-router";
import { goBy } from "@/app/announce";
import { AwayLine } from "@/app/away-line";
import { Live } from "@/app/live";
import { Rail } from "@/app/rail";
import { SignedIn } from "@/app/session";
import { TopBar } from "@/app/top-bar";
import { useKept } from "@/lib/use-kept";

const WIDE = 208;
const NARROW = 64;

/** The rail at the left, the bar at the top, and the page between. */
export function Frame() {
  return (
    <SignedIn>
      <Live>
        <Inside />
      </Live>
    </SignedIn>
  );
}

function Inside() {
  const [open, { toggle, close }] = useDisclosure(false);
  const [narrow, setNarrow] = useKept("tunesmith-rail-narrow", (kept) => kept === true);
  const { pathname } = useLocation();
  const navigate = useNavigate();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the drawer closes because another page opened
  useEffect(close, [pathname]);
  useEffect(() => goBy((path) => void navigate(path)), [navigate]);
  return (
    <AppShell
      header={{ height: 56 }}
      navbar={{ width: narrow ? NARROW : WIDE, breakpoint: "sm", collapsed: { mobile: !open } }}
      padding={{ base: "md", sm: "lg" }}
      transitionDuration={0}
    >
      <a href="#main" className="skip-link">
        Skip to the page
      </a>
      <AppShell.Header>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="sm" wrap="nowrap">
            <Burger
              opened={open}
              onClick={toggle}
              hiddenFrom="sm"
              size="sm"
              aria-label={open ? "Close the menu" : "Open the menu"}
            />
            <Link to="/" style={{ textDecoration: "none", color: "inherit" }}>
              <Group gap={8} wrap="nowrap">
                <img src="/icon.svg" alt="" width={24} height={24} />
                <Text fw={650} size="lg">
                  Tunesmith
                </Text>
              </Group>
            </Link>
          </Group>
          <TopBar />
        </Group>
      </AppShell.Header>
      <AwayLine />
      <Rail narrow={narrow} onNarrow={setNarrow} />
      {/* Room above each title, also on a phone, in which the line about a lost connection lies. */}
      <AppShell.Main id="main" tabIndex={-1} pt="calc(var(--app-shell-header-offset, 0rem) + 24px)">
        <Outlet />
      </AppShell.Main>
    </AppShell>
  );
}
