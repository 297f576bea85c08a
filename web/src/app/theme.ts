import { createTheme, type MantineColorsTuple, rem } from "@mantine/core";

/** From nearly white to nearly black; the eighth on white has a contrast of 4.9:1. */
const teal: MantineColorsTuple = [
  "#e8f7f5",
  "#d5eeeb",
  "#a9dcd6",
  "#79cac1",
  "#51baaf",
  "#36b0a4",
  "#1f9e92",
  "#0f8b7f",
  "#0b7f73",
  "#076b61",
];

/** Grey is what was there (the base model), teal what Tunesmith made of it, everywhere. */
export const theme = createTheme({
  colors: { teal },
  primaryColor: "teal",
  primaryShade: { light: 8, dark: 8 },
  autoContrast: true,
  fontFamily: '"Inter Variable", system-ui, -apple-system, "Segoe UI", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", monospace',
  fontSizes: { xs: rem(12), sm: rem(14), md: rem(14), lg: rem(16), xl: rem(20) },
  headings: {
    fontWeight: "600",
    sizes: {
      h1: { fontSize: rem(28), lineHeight: "1.25" },
      h2: { fontSize: rem(20), lineHeight: "1.35" },
      h3: { fontSize: rem(16), lineHeight: "1.4" },
    },
  },
  spacing: { xs: rem(8), sm: rem(12), md: rem(16), lg: rem(24), xl: rem(32) },
  defaultRadius: "md",
  respectReducedMotion: true,
  cursorType: "pointer",
  components: {
    Tooltip: {
      defaultProps: {
        withArrow: true,
        openDelay: 250,
        multiline: true,
        maw: 320,
        events: { hover: true, focus: true, touch: true },
      },
    },
    Card: { defaultProps: { withBorder: true, padding: "md" } },
    Button: { defaultProps: { size: "sm" } },
    Notification: { defaultProps: { closeButtonProps: { "aria-label": "Put it away" } } },
    Table: { defaultProps: { verticalSpacing: "xs" } },
  },
});
