import { Tooltip } from "@mantine/core";
import { IconCheck } from "@tabler/icons-react";
import { Link } from "react-router";
import type { Draft, StepId } from "@/features/tune/draft";
import classes from "@/features/tune/step-row.module.css";
import { barrier, isDone, STEPS, type Step } from "@/features/tune/steps";

/** The five steps: which are done, which one is shown, and which open next. */
export function StepRow(props: { draft: Draft; current: StepId }) {
  return (
    <nav aria-label="Steps">
      <ol className={classes.row}>
        {STEPS.map((step, index) => (
          <li key={step.id} className={classes.item}>
            <StepMark step={step} number={index + 1} draft={props.draft} current={props.current === step.id} />
          </li>
        ))}
      </ol>
    </nav>
  );
}

function StepMark(props: { step: Step; number: number; draft: Draft; current: boolean }) {
  const { step, draft, current } = props;
  const shut = barrier(draft, step.id);
  const done = !current && isDone(draft, step.id);
  const inside = (
    <>
      <span className={classes.mark} aria-hidden>
        {done ? <IconCheck size={14} /> : props.number}
      </span>
      <span className={classes.name}>
        {step.name}
        {done ? <span className="visually-hidden">, done</span> : null}
      </span>
    </>
  );
  if (shut)
    return (
      <Tooltip label={`${shut.text} first`}>
        <span className={classes.step}>
          {inside}
          <span className="visually-hidden">, opens later: {shut.text.toLowerCase()} first</span>
        </span>
      </Tooltip>
    );
  const look = current ? classes.current : done ? classes.done : "";
  return (
    <Link
      to={`/tune?step=${step.id}`}
      className={`${classes.step} ${classes.open} ${look}`}
      aria-current={current ? "step" : undefined}
    >
      {inside}
    </Link>
  );
}
