import { type PointerEvent, useState } from "react";
import type { Shared } from "@/features/job/training/chart";
import type { Scale } from "@/features/job/training/scale";

const LEAST_PX = 6;

/** Pointing shows a step, drawing sideways marks a stretch to look at closer, a double click goes back to all. */
export function useBrush(x: Scale, shared: Shared) {
  const [from, setFrom] = useState<number | null>(null);
  const [to, setTo] = useState<number | null>(null);

  function placeOf(event: PointerEvent<SVGRectElement>): number {
    const left = event.currentTarget.ownerSVGElement?.getBoundingClientRect().left ?? 0;
    return Math.min(Math.max(event.clientX - left, x.place(x.domain[0])), x.place(x.domain[1]));
  }

  function end(): void {
    if (from !== null && to !== null && Math.abs(to - from) >= LEAST_PX) {
      const steps = [x.value(Math.min(from, to)), x.value(Math.max(from, to))] as const;
      if (steps[1] - steps[0] >= 1) shared.onZoom(steps);
    }
    setFrom(null);
    setTo(null);
  }

  return {
    marked: from !== null && to !== null ? ([Math.min(from, to), Math.max(from, to)] as const) : null,
    handlers: {
      onPointerDown(event: PointerEvent<SVGRectElement>) {
        if (event.button !== 0) return;
        setFrom(placeOf(event));
        event.currentTarget.setPointerCapture(event.pointerId);
      },
      onPointerMove(event: PointerEvent<SVGRectElement>) {
        const place = placeOf(event);
        shared.onAt(Math.round(x.value(place)));
        if (from !== null) setTo(place);
      },
      onPointerUp: end,
      onPointerCancel: end,
      onPointerLeave: () => shared.onAt(null),
      onDoubleClick: () => shared.onZoom(null),
    },
  };
}
