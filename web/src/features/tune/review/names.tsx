import { SegmentedControl, Stack, Text, TextInput } from "@mantine/core";
import type { Priority } from "@/api/generated";
import type { Draft } from "@/features/tune/draft";
import { faultOfText } from "@/features/tune/review/checks";

interface Props {
  draft: Draft;
  set: (change: Partial<Draft>) => void;
  refusals: Record<string, string>;
  /** All weights are trained: there is no adapter to push by itself. */
  whole: boolean;
}

/** Ids of the fields, for the start button to lead to. */
export const FIELD_IDS: Record<string, string> = {
  name: "review-name",
  suffix: "review-suffix",
  output_model: "review-output-model",
};

/** What the job and its model are called, where the model goes, and which job goes first. */
export function Names(props: Props) {
  const { draft, set, refusals } = props;
  return (
    <Stack gap="md" maw={560}>
      <TextInput
        id={FIELD_IDS.name}
        label="Name of the job"
        description="What you find it by. Leave it empty and the model's name is shown."
        value={draft.name}
        onChange={(event) => set({ name: event.currentTarget.value })}
        error={faultOfText("name", draft.name.trim()) ?? refusals.name}
      />
      <TextInput
        id={FIELD_IDS.suffix}
        label="Suffix of the model"
        description={`Ends the model's own name, as in ft:…:${draft.suffix || "support-v2"}:…; models with one suffix are versions of one family.`}
        value={draft.suffix}
        onChange={(event) => set({ suffix: event.currentTarget.value })}
        error={faultOfText("suffix", draft.suffix) ?? refusals.suffix}
        autoCapitalize="none"
        spellCheck={false}
      />
      <TextInput
        id={FIELD_IDS.output_model}
        label="Push the model to the Hub"
        description="user/model-name. The worker's own HF_TOKEN is used, and the repository is made private. Empty: it stays here."
        placeholder="user/model-name"
        value={draft.outputModel}
        onChange={(event) => set({ outputModel: event.currentTarget.value.trim() })}
        error={faultOfText("output_model", draft.outputModel) ?? refusals.output_model}
        autoCapitalize="none"
        spellCheck={false}
      />
      {draft.outputModel && !props.whole ? (
        <Choice
          label="What is pushed"
          value={draft.outputWeights}
          onChange={(value) => set({ outputWeights: value as Draft["outputWeights"] })}
          data={[
            { value: "adapter", label: "The adapter" },
            { value: "merged", label: "Whole weights, merged" },
          ]}
        />
      ) : null}
      <Choice
        label="Priority"
        value={draft.priority}
        onChange={(value) => set({ priority: value as Priority })}
        data={[
          { value: "low", label: "Low" },
          { value: "normal", label: "Normal" },
          { value: "high", label: "High" },
        ]}
      />
    </Stack>
  );
}

function Choice(props: {
  label: string;
  value: string;
  onChange: (value: string) => void;
  data: { value: string; label: string }[];
}) {
  return (
    <Stack gap={4} align="flex-start">
      <Text size="sm" fw={500}>
        {props.label}
      </Text>
      <SegmentedControl aria-label={props.label} value={props.value} onChange={props.onChange} data={props.data} />
    </Stack>
  );
}
