import type { modals } from "@mantine/modals";
import { markShown } from "@/lib/first-view";

type Question = Parameters<typeof modals.openConfirmModal>[0];

let ready: () => void = () => {};
const dialogsAreThere = new Promise<void>((resolve) => {
  ready = resolve;
});

/** Said by the place where dialogs appear, once it is there. */
export function dialogsAreReady(): void {
  ready();
}

/** Asks before something that cannot be taken back. A click that comes before dialogs are loaded is not lost. */
export function askFirst(question: Question): void {
  markShown();
  void Promise.all([import("@mantine/modals"), dialogsAreThere]).then(([library]) =>
    library.modals.openConfirmModal(question),
  );
}
