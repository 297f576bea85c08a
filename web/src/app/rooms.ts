import { type Icon, IconAdjustments, IconHome, IconListDetails, IconWand } from "@tabler/icons-react";

/** The pages of the rail, in order. A new page is a line here and a route. */
export const ROOMS: { path: string; label: string; icon: Icon }[] = [
  { path: "/", label: "Home", icon: IconHome },
  { path: "/tune", label: "Tune", icon: IconWand },
  { path: "/jobs", label: "Jobs", icon: IconListDetails },
  { path: "/settings", label: "Settings", icon: IconAdjustments },
];
