import { useEffect } from "react";
import { markShown } from "@/lib/first-view";

/** The page's name in the browser's tab; the page that says it stands there. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Tunesmith`;
    markShown();
  }, [title]);
}
