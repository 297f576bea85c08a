import { useEffect, useRef } from "react";
import type { Job } from "@/api/generated";

export type KeyActions = {
  move: (by: 1 | -1) => void;
  select: () => void;
  cancel: () => void;
  open: () => void;
};

/** j and k move, x selects, c cancels, enter opens; none while something is typed, or a dialog or menu is open. */
export function useJobKeys(actions: KeyActions): void {
  const latest = useRef(actions);
  useEffect(() => {
    latest.current = actions;
  });
  useEffect(() => {
    function pressed(event: KeyboardEvent) {
      if (event.ctrlKey || event.metaKey || event.altKey || busy(event.target)) return;
      const act = actionOf(event.key, latest.current, event.target);
      if (!act) return;
      event.preventDefault();
      act();
    }
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  }, []);
}

function actionOf(key: string, actions: KeyActions, target: EventTarget | null): (() => void) | null {
  switch (key) {
    case "j":
      return () => actions.move(1);
    case "k":
      return () => actions.move(-1);
    case "x":
      return actions.select;
    case "c":
      return actions.cancel;
    case "Enter": // A button or link that has the focus answers it itself.
      return target instanceof Element && target.closest("a, button, input") ? null : actions.open;
    default:
      return null;
  }
}

function busy(target: EventTarget | null): boolean {
  const open = document.querySelectorAll('[role="dialog"], [role="menu"], [role="listbox"]');
  if ([...open].some((part) => part.getClientRects().length > 0)) return true;
  return (
    target instanceof HTMLElement && target.matches("input:not([type=checkbox]), textarea, select, [contenteditable]")
  );
}

/** The job next to the current one, in the order shown; the first where none is current. */
export function neighbour(jobs: readonly Job[], current: string | null, by: 1 | -1): Job | undefined {
  const at = jobs.findIndex((job) => job.id === current);
  if (at < 0) return jobs[0];
  return jobs[Math.min(jobs.length - 1, Math.max(0, at + by))];
}
