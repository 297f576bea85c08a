import { Card, Grid, Stack, Text } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { useNavigate } from "react-router";
import { catalogQuery } from "@/api/models";
import { startJob } from "@/api/new-job";
import { type Draft, jobOf, missing, type StepId, type StepProps, useDraft } from "@/features/tune/draft";
import { firstFault } from "@/features/tune/review/checks";
import { FIELD_IDS, Names } from "@/features/tune/review/names";
import { type Place, placeOf, wordsBeside } from "@/features/tune/review/places";
import { ScriptTabs } from "@/features/tune/review/script-tabs";
import { sentencesOf } from "@/features/tune/review/sentence";
import { Start } from "@/features/tune/review/start";
import { Where } from "@/features/tune/review/where";
import { EstimateRail } from "@/features/tune/settings/estimate-rail";
import classes from "@/features/tune/settings/settings.module.css";
import { useEstimate } from "@/features/tune/settings/use-estimate";

/** The job read once more, with its names, its place, and the button that starts it. */
export function ReviewStep(props: StepProps) {
  const { draft, set } = props;
  const told = useEstimate(draft);
  const starting = useStart(draft);
  const navigate = useNavigate();
  const job = jobOf(draft);
  const error = starting.error ?? (told.asking ? null : told.error);
  const place = error ? placeOf(error) : null;
  const beside = isBeside(place);
  const lack = missing(draft)[0] ?? null;
  const go = (step: StepId) => {
    if (step === "review") focusOn(firstFault(draft));
    else void navigate(`/tune?step=${step}`);
  };
  return (
    <Grid gap="xl">
      <Grid.Col span={{ base: 12, md: 8 }}>
        <Stack gap="xl">
          <Sentence draft={draft} told={told} />
          <Names
            draft={draft}
            set={set}
            refusals={beside && place?.field ? { [place.field]: wordsBeside(error) } : {}}
            whole={told.estimate?.adaptation === "full"}
          />
          <Where estimate={told.estimate} failed={!!told.error} />
          {job ? <ScriptTabs job={job} /> : null}
        </Stack>
      </Grid.Col>
      <Grid.Col span={{ base: 12, md: 4 }}>
        <div className={classes.rail}>
          <EstimateRail told={told} workers={false} />
        </div>
      </Grid.Col>
      <Grid.Col span={12}>
        <Start
          lack={lack}
          busy={starting.isPending || starting.isSuccess}
          refusal={error && !beside ? { error, step: place?.step ?? null } : null}
          start={() => job && starting.mutate(job)}
          go={go}
          back={props.back}
        />
      </Grid.Col>
    </Grid>
  );
}

/** Starts the job; when it is made, its page opens and the draft ends. */
function useStart(draft: Draft) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const { reset } = useDraft();
  const started = useRef(false);
  // Not before this page is left: without a draft it would show its first step, and not the job.
  useEffect(
    () => () => {
      if (started.current) reset();
    },
    [reset],
  );
  const { onSuccess, ...options } = startJob(client);
  const mutation = useMutation({
    ...options,
    onSuccess: (job) => {
      onSuccess(job);
      started.current = true;
      void navigate(`/jobs/${job.id}`);
    },
    onError: (error) => {
      const place = placeOf(error);
      if (isBeside(place)) focusOn(place?.field ?? null);
    },
  });
  // What was refused is forgotten once the draft is another one.
  const refused = mutation.error && JSON.stringify(mutation.variables) === JSON.stringify(jobOf(draft));
  return { ...mutation, error: refused ? mutation.error : null };
}

function isBeside(place: Place | null): boolean {
  return place?.step === "review" && place.field !== null && place.field in FIELD_IDS;
}

function focusOn(field: string | null): void {
  const id = field && FIELD_IDS[field];
  if (id) document.getElementById(id)?.focus();
}

function Sentence(props: { draft: Draft; told: ReturnType<typeof useEstimate> }) {
  const { draft, told } = props;
  const catalog = useQuery(catalogQuery());
  const base = catalog.data?.data.find((entry) => entry.key === draft.baseModel);
  const title = base?.title ?? draft.baseModel ?? "a model";
  return (
    <Card>
      <Text size="lg" mih="4.5em" style={{ overflowWrap: "anywhere" }} aria-busy={told.asking}>
        {sentencesOf(draft, title, told.estimate).join(" ")}
      </Text>
    </Card>
  );
}
