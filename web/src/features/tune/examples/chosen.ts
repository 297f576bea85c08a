import type { Report } from "@/api/files";
import type { Dataset, DatasetVersion, RecordKind } from "@/api/generated";
import type { Draft } from "@/features/tune/draft";

/** What the draft says once a version of a data set was chosen. */
export function fromVersion(dataset: Pick<Dataset, "id" | "name">, version: DatasetVersion): Partial<Draft> {
  return {
    fileId: version.file.id,
    datasetId: dataset.id,
    datasetName: dataset.name,
    version: version.version,
    ...fromKind(version),
  };
}

/** What the draft says once a file was looked into. */
export function fromReport(report: Report): Partial<Draft> {
  return fromKind(report);
}

/** Preferences are learned by a method of their own, and nothing else is. */
function fromKind(found: { kind: RecordKind | null; n_records: number; n_faults: number }): Partial<Draft> {
  const { kind } = found;
  const method = kind ? { method: kind === "preference" ? ("dpo" as const) : ("supervised" as const) } : {};
  return { kind, nRecords: found.n_records, nFaults: found.n_faults, ...method };
}

export const NOTHING_CHOSEN: Partial<Draft> = {
  fileId: null,
  datasetId: null,
  datasetName: null,
  version: null,
  kind: null,
  nRecords: null,
  nFaults: null,
};
