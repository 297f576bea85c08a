import { Anchor, Card, Stack, Table, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { Job, ModelVersion } from "@/api/generated";
import { resultOptions } from "@/api/job";
import { bytes } from "@/lib/format";
import { CopyText } from "@/ui/copy-text";

/** Where the model comes from: base, data, seed and packages, enough to train it again. */
export function Lineage(props: { job: Job }) {
  const { job } = props;
  const done = job.fine_tuned_model !== null;
  const result = useQuery({ ...resultOptions(job.fine_tuned_model ?? ""), enabled: done });
  const model = result.data;
  return (
    <Stack gap="sm" component="section">
      <Title order={2}>Where it comes from</Title>
      <Card>
        <Table layout="fixed">
          <Table.Tbody>
            <Fact name="Base model">
              <CopyText text={job.base_model} what="the base's name" />
            </Fact>
            {job.model !== job.base_model ? (
              <Fact name="Goes on from">
                <CopyText text={job.model} what="the parent's id" />
              </Fact>
            ) : null}
            {job.dataset ? (
              <Fact name="Data set">
                {job.dataset.name}, version {job.dataset.version}{" "}
                <CopyText text={job.dataset.id} what="the data set's id" />
              </Fact>
            ) : null}
            <Fact name="Training file">
              <CopyText text={job.training_file} what="the file's id" />
            </Fact>
            {job.validation_file ? (
              <Fact name="Validation file">
                <CopyText text={job.validation_file} what="the file's id" />
              </Fact>
            ) : null}
            <Fact name="Seed">{job.seed}</Fact>
            {model ? <OfModel model={model} /> : null}
            {job.result_files.map((id) => (
              <Fact key={id} name="Figures of each step">
                <Anchor href={`/v1/files/${id}/content`} download={`${id}.csv`} size="sm">
                  Download as CSV
                </Anchor>{" "}
                <CopyText text={id} what="the result file's id" />
              </Fact>
            ))}
          </Table.Tbody>
        </Table>
      </Card>
    </Stack>
  );
}

function OfModel(props: { model: ModelVersion }) {
  const { lineage } = props.model;
  return (
    <>
      <Fact name="Made this model">
        <CopyText text={props.model.id} what="the model's id" />{" "}
        <Text span size="sm" c="dimmed">
          {props.model.family} version {props.model.version}, {bytes(props.model.size_bytes)}
        </Text>
      </Fact>
      <Fact name="sha256 of the data">
        <CopyText
          text={lineage.training_sha256}
          shown={`${lineage.training_sha256.slice(0, 16)}...`}
          what="the sha256"
        />
      </Fact>
      {lineage.record_fingerprint ? (
        <Fact name="Fingerprint of the records">
          <CopyText
            text={lineage.record_fingerprint}
            shown={`${lineage.record_fingerprint.slice(0, 16)}...`}
            what="the fingerprint"
          />
        </Fact>
      ) : null}
      <Fact name="Packages">
        {Object.entries(lineage.packages)
          .map(([name, version]) => `${name} ${version}`)
          .join(", ")}
      </Fact>
    </>
  );
}

function Fact(props: { name: string; children: ReactNode }) {
  return (
    <Table.Tr>
      <Table.Th scope="row" fw={500} w="34%">
        {props.name}
      </Table.Th>
      <Table.Td style={{ overflowWrap: "anywhere" }}>{props.children}</Table.Td>
    </Table.Tr>
  );
}
