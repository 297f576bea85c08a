import { Alert, Anchor, Button, Radio, Skeleton, Stack, Text, Title } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { catalogQuery, tunedModelsQuery } from "@/api/models";
import { type Draft, type StepProps, taskOf } from "@/features/tune/draft";
import { CompareModels } from "@/features/tune/model/compare-models";
import type { Fit } from "@/features/tune/model/fit";
import { ModelCard } from "@/features/tune/model/model-card";
import classes from "@/features/tune/model/model-step.module.css";
import { type Offer, offersOf } from "@/features/tune/model/offers";
import { type Recommendation, recommend } from "@/features/tune/model/recommend";
import { useEnglish } from "@/features/tune/model/use-english";
import { type Fits, useFits } from "@/features/tune/model/use-fits";
import { StepButtons } from "@/features/tune/step-buttons";
import { EmptyState } from "@/ui/empty-state";
import { ErrorState } from "@/ui/error-state";
import { Loaded } from "@/ui/loaded";

/** The model to start from: what can do the task here, with one recommended. */
export function ModelStep(props: StepProps) {
  const catalog = useQuery(catalogQuery());
  const tuned = useQuery(tunedModelsQuery());
  const task = taskOf(props.draft);
  const offers = useMemo(
    () => (catalog.data && task ? offersOf(catalog.data.data, tuned.data?.data ?? [], task, props.draft.kind) : null),
    [catalog.data, tuned.data, task, props.draft.kind],
  );
  return (
    <Stack gap="md">
      <Loaded query={catalog} what="The catalogue" skeleton={<CardShapes />}>
        {() =>
          offers && task && offers.bases.length ? (
            <Choice {...props} bases={offers.bases} tuned={offers.tuned} ready={!tuned.isPending} />
          ) : (
            <NothingFits back={props.back} />
          )
        }
      </Loaded>
      {tuned.error ? (
        <ErrorState
          error={tuned.error}
          what="Your own models could not be loaded"
          onRetry={() => void tuned.refetch()}
        />
      ) : null}
    </Stack>
  );
}

const SHOWN = 4;

function Choice(props: StepProps & { bases: Offer[]; tuned: Offer[]; ready: boolean }) {
  const { draft, set, bases } = props;
  const [all, setAll] = useState(false);
  const chosen = draft.baseModel;
  const own = all ? props.tuned : props.tuned.filter((offer, i) => i < SHOWN || offer.id === chosen);
  const offers = useMemo(() => [...bases, ...own], [bases, own]);
  const told = useFits(draft, offers);
  const english = useEnglish(draft);
  const task = taskOf(draft);
  const best = task ? recommend(bases, told.fits, { task, english }) : null;
  const isOffered = chosen !== null && [...bases, ...props.tuned].some((offer) => offer.id === chosen);
  const dropped = useDropped(chosen, props.ready && !isOffered, set);
  useEffect(() => {
    if (best && chosen === null) set({ baseModel: best.id });
  }, [best, chosen, set]);
  const fit = chosen ? told.fits.get(chosen) : undefined;
  return (
    <Stack gap="lg">
      {dropped ? (
        <Alert color="yellow" icon={<IconAlertTriangle aria-hidden />} title={`${dropped} was put aside`}>
          It cannot do this task with these examples. Choose another one below.
        </Alert>
      ) : null}
      <Radio.Group value={chosen} onChange={(id) => set({ baseModel: id })} aria-label="Model to start from">
        <Stack gap="lg">
          <Cards offers={bases} told={told} best={best} />
          {own.length ? (
            <Stack gap="sm">
              <Title order={3}>Go on from a model of yours</Title>
              <Cards offers={own} told={told} best={null} />
              {own.length < props.tuned.length ? (
                <Anchor component="button" type="button" size="sm" onClick={() => setAll(true)} ta="start">
                  Show all {props.tuned.length}
                </Anchor>
              ) : null}
            </Stack>
          ) : null}
        </Stack>
      </Radio.Group>
      <CompareModels offers={offers} told={told} />
      {fit ? <Caution fit={fit} /> : null}
      <StepButtons
        back={props.back}
        next={props.next}
        nextLabel="Settings"
        lacks={isOffered ? null : "Choose a model"}
      />
    </Stack>
  );
}

/** The model that was chosen before and cannot be any more: it is taken out of the draft, and said so. */
function useDropped(chosen: string | null, gone: boolean, set: (change: Partial<Draft>) => void): string | null {
  const [dropped, setDropped] = useState<string | null>(null);
  useEffect(() => {
    if (chosen === null || !gone) return;
    setDropped(chosen);
    set({ baseModel: null });
  }, [chosen, gone, set]);
  return dropped;
}

function Cards(props: { offers: Offer[]; told: Fits; best: Recommendation | null }) {
  return (
    <div className={classes.grid}>
      {props.offers.map((offer) => (
        <ModelCard
          key={offer.id}
          offer={offer}
          fit={props.told.fits.get(offer.id) ?? { state: "asking", text: "" }}
          estimate={props.told.estimates.get(offer.id)}
          recommended={props.best?.id === offer.id ? props.best.reason : undefined}
        />
      ))}
    </div>
  );
}

/** What is chosen and cannot run now says so, before anybody waits for it. */
function Caution(props: { fit: Fit }) {
  const { state, text } = props.fit;
  if (state === "fits" || state === "asking") return null;
  const titles = {
    tight: "It may run out of memory",
    does_not_fit: "No connected worker can run it",
    no_worker: "Nothing runs before a worker is connected",
    unknown: "It cannot be used like this",
  };
  const advice = {
    tight: "A smaller length or batch in the settings makes room. One that runs out is tried once more by itself.",
    does_not_fit: "Choose a smaller one, or four bits (QLoRA) in the settings. The job would wait for a larger worker.",
    no_worker: "You can go on: the job waits, and the last step tells how a worker is connected.",
    unknown: "Choose another model, or change what the sentence names.",
  };
  return (
    <Alert
      color={state === "unknown" || state === "does_not_fit" ? "red" : "yellow"}
      icon={<IconAlertTriangle aria-hidden />}
      title={titles[state]}
    >
      <Text size="sm">
        {text}
        {text.endsWith(".") ? "" : "."} {advice[state]}
      </Text>
    </Alert>
  );
}

function NothingFits(props: { back: () => void }) {
  return (
    <EmptyState
      title="No model reads these examples for this goal"
      text="The catalogue has none that does this task with such records. Choose other examples or another goal; an operator can add models with the setting catalog_file."
      action={<Button onClick={props.back}>Back to the examples</Button>}
    />
  );
}

function CardShapes() {
  return (
    <div className={classes.grid}>
      {["one", "two", "three"].map((key) => (
        <Skeleton key={key} h={190} radius="md" />
      ))}
    </div>
  );
}
