import { Alert, Button, Group, NumberInput, Radio, SegmentedControl, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import type { Adaptation, JobEstimate } from "@/api/generated";
import { type Draft, taskOf } from "@/features/tune/draft";
import { withSetting } from "@/features/tune/settings/advanced";
import classes from "@/features/tune/settings/settings.module.css";
import { Term } from "@/ui/term";

interface Props {
  draft: Draft;
  set: (change: Partial<Draft>) => void;
  estimate: JobEstimate | null;
  refusals: Record<string, string>;
}

/** The four questions that matter: how long, how much of the model, how it learns, how much is kept to judge by. */
export function Simple(props: Props) {
  return (
    <Stack gap="lg">
      <Length {...props} />
      <HowMuch {...props} />
      <Method {...props} />
      <HeldOut {...props} />
    </Stack>
  );
}

function Part(props: { title: ReactNode; reason?: string; error?: string; children: ReactNode }) {
  return (
    <Stack gap="xs">
      <Title order={3}>{props.title}</Title>
      {props.children}
      {props.error ? (
        <Text size="sm" c="red" role="alert">
          {props.error}
        </Text>
      ) : null}
      <Text size="sm" c="dimmed" mih="1.5em">
        {props.reason}
      </Text>
    </Stack>
  );
}

const MOST_EPOCHS = 50;

/** Quick, usual and thorough, in epochs; a number of one's own stays as it is. */
export function paces(usual: number, now: number): { value: string; label: string; epochs: number }[] {
  const quick = Math.max(1, Math.round(usual / 2));
  const found = [
    ...(quick < usual ? [{ value: "quick", label: "Quick", epochs: quick }] : []),
    { value: "usual", label: "Usual", epochs: usual },
    { value: "thorough", label: "Thorough", epochs: Math.min(MOST_EPOCHS, 2 * usual) },
  ];
  return found.some((pace) => pace.epochs === now) ? found : [...found, { value: "own", label: "Own", epochs: now }];
}

function Length(props: Props) {
  const { draft, set, estimate } = props;
  const usual = estimate?.defaults.n_epochs;
  const asked = draft.hyperparameters.n_epochs;
  const now = typeof asked === "number" ? asked : usual;
  const all = usual && now ? paces(usual, now) : [];
  const choose = (value: string) => {
    const pace = all.find((each) => each.value === value);
    if (!pace) return;
    const epochs = pace.epochs === usual ? undefined : pace.epochs;
    set({ hyperparameters: withSetting(draft.hyperparameters, "n_epochs", epochs) });
  };
  return (
    <Part
      title={
        <>
          How long it trains, in <Term means="One pass over all your examples.">epochs</Term>
        </>
      }
      reason={estimate?.reasons.n_epochs}
      error={props.refusals.n_epochs}
    >
      {all.length ? (
        <SegmentedControl
          aria-label="How long it trains"
          value={all.find((pace) => pace.epochs === now)?.value ?? "usual"}
          onChange={choose}
          data={all.map((pace) => ({ value: pace.value, label: `${pace.label}: ${pace.epochs}` }))}
          className={classes.wide}
        />
      ) : (
        <div className={classes.waiting} />
      )}
    </Part>
  );
}

const WAYS: { value: Adaptation; title: string; text: string }[] = [
  {
    value: "lora",
    title: "A small adapter (LoRA)",
    text: "Trains a few extra weights beside the model. Little memory, small files, many adapters share one base.",
  },
  {
    value: "qlora",
    title: "An adapter over four bits (QLoRA)",
    text: "The base is held in a quarter of the memory. For models that else do not fit; each step is slower.",
  },
  {
    value: "full",
    title: "All weights",
    text: "Trains everything. Most memory and the largest files; right for small models.",
  },
];

function HowMuch(props: Props) {
  const { draft, set, estimate } = props;
  const task = taskOf(draft);
  const noFourBits = task === "classification" || task === "embedding";
  const ways = WAYS.filter((way) => way.value !== "qlora" || !noFourBits || draft.adaptation === "qlora");
  return (
    <Part
      title="How much of the model is trained"
      reason={estimate?.reasons.adaptation}
      error={props.refusals.adaptation}
    >
      <Radio.Group
        aria-label="How much of the model is trained"
        value={draft.adaptation ?? estimate?.adaptation ?? null}
        onChange={(value) => set({ adaptation: value as Adaptation })}
      >
        <div className={classes.cards}>
          {ways.map((way) => (
            <Radio.Card key={way.value} value={way.value} className={classes.card} radius="md" aria-label={way.title}>
              <Group gap="xs" wrap="nowrap" align="flex-start">
                <Radio.Indicator mt={2} />
                <div>
                  <Text fw={600}>{way.title}</Text>
                  <Text size="sm" c="dimmed">
                    {way.text}
                  </Text>
                </div>
              </Group>
            </Radio.Card>
          ))}
        </div>
      </Radio.Group>
    </Part>
  );
}

/** The records decide the method; what does not go together is told with the button that mends it. */
function Method(props: Props) {
  const { draft, set, estimate } = props;
  const right = draft.kind === null ? draft.method : draft.kind === "preference" ? "dpo" : "supervised";
  return (
    <Part title="How it learns" reason={estimate?.reasons.method} error={props.refusals.method}>
      <Text>
        {draft.method === "dpo" ? (
          <>
            From pairs of a better and a worse answer (
            <Term means="Direct preference optimisation: the preferred answer is made likelier than the rejected one.">
              DPO
            </Term>
            ).
          </>
        ) : (
          <>
            From examples of what is right (
            <Term means="The model is trained to give what each record shows.">supervised</Term>).
          </>
        )}
      </Text>
      {right === draft.method ? null : (
        <Alert color="yellow" title="The method does not fit the examples">
          <Button variant="default" onClick={() => set({ method: right })}>
            {right === "dpo" ? "Learn from pairs (DPO)" : "Learn from examples (supervised)"}
          </Button>
        </Alert>
      )}
    </Part>
  );
}

const USUAL_SPLIT = 0.1;

function HeldOut(props: Props) {
  const { draft, set, estimate } = props;
  if (draft.validationFileId)
    return (
      <Part title="What it is judged by" reason={estimate?.reasons.validation_split}>
        <Text>The validation file that you gave.</Text>
      </Part>
    );
  const share = draft.validationSplit ?? USUAL_SPLIT;
  return (
    <Part
      title={
        <>
          How much is{" "}
          <Term means="Records that are kept from training, to compare base and tuned model on.">held out</Term>
        </>
      }
      reason={estimate?.reasons.validation_split}
      error={props.refusals.validation_split}
    >
      <NumberInput
        aria-label="Share of the records that is held out, in percent"
        value={Math.round(1000 * share) / 10}
        suffix=" %"
        min={0}
        max={90}
        step={5}
        decimalScale={1}
        maw={140}
        onChange={(percent) => {
          if (typeof percent !== "number") return;
          set({ validationSplit: percent === 100 * USUAL_SPLIT ? null : percent / 100 });
        }}
      />
    </Part>
  );
}
