import { Grid, Stack } from "@mantine/core";
import { missing, type StepProps } from "@/features/tune/draft";
import { placeOf, wordsBeside } from "@/features/tune/review/places";
import { Advanced } from "@/features/tune/settings/advanced";
import { EstimateRail } from "@/features/tune/settings/estimate-rail";
import classes from "@/features/tune/settings/settings.module.css";
import { Simple } from "@/features/tune/settings/simple";
import { useEstimate } from "@/features/tune/settings/use-estimate";
import { YamlView } from "@/features/tune/settings/yaml-view";
import { StepButtons } from "@/features/tune/step-buttons";
import { ErrorState } from "@/ui/error-state";

/** Everything is chosen already, each with its reason; beside it what the job will take. */
export function SettingsStep(props: StepProps) {
  const { draft, set } = props;
  const told = useEstimate(draft);
  const place = told.asking ? null : placeOf(told.error);
  const refusals: Record<string, string> =
    place?.step === "settings" && place.field ? { [place.field]: wordsBeside(told.error) } : {};
  const refused = Object.keys(refusals).length ? "Mend what is marked red" : null;
  const lacks = missing(draft).find((each) => each.step === "settings")?.text ?? refused;
  const parts = { draft, set, estimate: told.estimate, refusals };
  return (
    <Grid gap="xl">
      <Grid.Col span={{ base: 12, md: 8 }}>
        <Stack gap="lg">
          {place && place.step !== "settings" ? (
            <ErrorState error={told.error} what="The server would refuse this job" />
          ) : null}
          <Simple {...parts} />
          <Advanced {...parts} />
          <YamlView draft={draft} />
        </Stack>
      </Grid.Col>
      <Grid.Col span={{ base: 12, md: 4 }}>
        <div className={classes.rail}>
          <EstimateRail told={told} />
        </div>
      </Grid.Col>
      <Grid.Col span={12}>
        <StepButtons back={props.back} next={props.next} nextLabel="Review" lacks={lacks} />
      </Grid.Col>
    </Grid>
  );
}
