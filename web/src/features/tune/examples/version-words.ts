import type { Fix } from "@/api/datasets";
import type { DatasetVersion, Finding } from "@/api/generated";
import { roleWords } from "@/features/tune/examples/words";
import { count, counted } from "@/lib/format";

/** "12 records fewer: duplicates dropped". */
export function versionSentence(version: DatasetVersion): string {
  const columnsAlone = version.fixes?.length && version.fixes.every((fix) => fix.type === "set_columns");
  const change = columnsAlone ? "" : changed(version);
  const done = version.fixes?.map(fixDone).join(", ");
  if (!done) return change || version.note || (version.version === 1 ? "as uploaded" : "another file");
  return change ? `${change}: ${done}` : done;
}

function changed(version: DatasetVersion): string {
  const parts = [
    ...(version.added ? [`${counted(version.added, "record")} more`] : []),
    ...(version.removed ? [`${counted(version.removed, "record")} fewer`] : []),
  ];
  return parts.join(", ");
}

const FOUND: Record<string, string> = {
  likely_secrets: "records with likely secrets",
  personal_data: "records with personal data",
  very_short: "very short records",
  very_long: "very long records",
  one_character: "records of one character",
  answer_repeats_prompt: "answers that repeat their prompt",
  same_texts: "records with the same text twice",
  conflicting_labels: "texts with conflicting labels",
  nucleotides: "nucleotide sequences",
  rare_labels: "records of rare labels",
};

function fixDone(fix: Fix): string {
  switch (fix.type) {
    case "drop_faulty":
      return "unreadable lines left out";
    case "drop_duplicates":
      return fix.near ? "near duplicates dropped" : "duplicates dropped";
    case "drop_found":
      return `${FOUND[fix.code] ?? fix.code} dropped`;
    case "rename_label":
      return `label “${fix.label}” renamed to “${fix.to}”`;
    case "set_columns":
      return "columns set";
  }
}

/** What the button says that makes the repair. */
export function fixLabel(fix: Fix, finding?: Finding): string {
  const n = finding ? `${count(finding.count)} ` : "";
  switch (fix.type) {
    case "drop_faulty":
      return `Leave out the ${n}unreadable lines`;
    case "drop_duplicates":
      return fix.near ? "Keep one of each group" : "Drop the duplicates";
    case "drop_found":
      return finding?.count === 1 ? "Drop the record" : `Drop the ${n}records`;
    case "rename_label":
      return `Rename “${fix.label}” to “${fix.to}”`;
    case "set_columns":
      return `Take ${columnList(fix.roles)}`;
  }
}

function columnList(roles: Record<string, string>): string {
  const used = Object.entries(roles).filter(([, role]) => role);
  return used.map(([name, role]) => `“${name}” as ${roleWords(role).split(":")[0]?.toLowerCase() ?? role}`).join(", ");
}
