const LATEST_MS = 5000;

let shown: () => void = () => {};
const firstView = new Promise<void>((resolve) => {
  shown = resolve;
});

/** Said by the page that is shown first. */
export function markShown(): void {
  shown();
}

/** Comes once a page is shown, at the latest after five seconds: for what the first view does without. */
export function afterFirstView(): Promise<void> {
  return Promise.race([firstView, new Promise<void>((resolve) => setTimeout(resolve, LATEST_MS))]);
}
