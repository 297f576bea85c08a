import { type ReactNode, useState } from "react";
import classes from "@/ui/changed.module.css";

/** Marks what it shows for a second whenever `value` has become another while it was looked at. */
export function Changed(props: { value: string | number | null | undefined; children: ReactNode }) {
  const [seen, setSeen] = useState({ value: props.value, times: 0 });
  if (seen.value !== props.value) setSeen({ value: props.value, times: seen.times + 1 });
  return (
    <span key={seen.times} className={seen.times > 0 ? classes.marked : undefined}>
      {props.children}
    </span>
  );
}
