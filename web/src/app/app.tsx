import { MantineProvider } from "@mantine/core";
import { QueryClientProvider } from "@tanstack/react-query";
import { lazy, Suspense, useEffect, useState } from "react";
import { BrowserRouter } from "react-router";
import { queryClient } from "@/api/query-client";
import { Pages } from "@/app/routes";
import { theme } from "@/app/theme";
import { afterFirstView } from "@/lib/first-view";

const Overlays = lazy(async () => ({ default: (await import("@/app/overlays")).Overlays }));

/** What the server put into the page for styles that are written while it runs (its content security policy). */
function styleNonce(): string {
  return document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? "";
}

// A dialog keeps the page under it from scrolling by a style of its own, whose nonce it looks up here.
Object.assign(window, { __webpack_nonce__: styleNonce() });

export function App() {
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto" getStyleNonce={styleNonce}>
      <QueryClientProvider client={queryClient}>
        <BrowserRouter>
          <Pages />
          <AfterThePage />
        </BrowserRouter>
      </QueryClientProvider>
    </MantineProvider>
  );
}

/** What the first view does without: the typeface (the system's own until it is there), notes and dialogs. */
function AfterThePage() {
  const [shown, setShown] = useState(false);
  useEffect(() => {
    void afterFirstView().then(() => {
      setShown(true);
      return import("@fontsource-variable/inter");
    });
  }, []);
  return shown ? (
    <Suspense fallback={null}>
      <Overlays />
    </Suspense>
  ) : null;
}
