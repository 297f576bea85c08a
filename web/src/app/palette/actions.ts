import {
  type Icon,
  IconDeviceDesktop,
  IconHome,
  IconKey,
  IconListDetails,
  IconLogout,
  IconMoon,
  IconPlayerPlay,
  IconSettings,
  IconSun,
  IconWand,
} from "@tabler/icons-react";

export type Doing =
  | { what: "go"; path: string }
  | { what: "scheme"; scheme: "light" | "dark" | "auto" }
  | { what: "sign-out" };

export interface PaletteAction {
  label: string;
  /** Other words that a person may type for it. */
  words: string;
  icon: Icon;
  does: Doing;
}

export const ACTIONS: readonly PaletteAction[] = [
  {
    label: "Tune a model",
    words: "new train start fine-tune job",
    icon: IconWand,
    does: { what: "go", path: "/tune" },
  },
  { label: "Jobs", words: "runs list trainings", icon: IconListDetails, does: { what: "go", path: "/jobs" } },
  {
    label: "Running jobs",
    words: "live now",
    icon: IconPlayerPlay,
    does: { what: "go", path: "/jobs?status=running" },
  },
  { label: "Home", words: "start overview", icon: IconHome, does: { what: "go", path: "/" } },
  { label: "Settings", words: "account preferences", icon: IconSettings, does: { what: "go", path: "/settings" } },
  { label: "Keys", words: "api token make revoke", icon: IconKey, does: { what: "go", path: "/settings/keys" } },
  { label: "Light appearance", words: "theme bright", icon: IconSun, does: { what: "scheme", scheme: "light" } },
  { label: "Dark appearance", words: "theme night", icon: IconMoon, does: { what: "scheme", scheme: "dark" } },
  {
    label: "Appearance as the system",
    words: "theme auto",
    icon: IconDeviceDesktop,
    does: { what: "scheme", scheme: "auto" },
  },
  { label: "Sign out", words: "leave log out", icon: IconLogout, does: { what: "sign-out" } },
];

/** Actions of which each word typed begins some word; those whose label begins with it first. */
export function actionsFor(typed: string): PaletteAction[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const asked = words.join(" ");
  return ACTIONS.filter((action) => {
    const begins = `${action.label} ${action.words}`.toLowerCase().split(/[\s-]+/);
    return words.every((word) => begins.some((each) => each.startsWith(word)));
  }).sort((a, b) => Number(b.label.toLowerCase().startsWith(asked)) - Number(a.label.toLowerCase().startsWith(asked)));
}
