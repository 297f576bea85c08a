/** The chemical class of a residue's side chain, as textbooks group them. */
export type ResidueClass = "hydrophobic" | "polar" | "acidic" | "basic" | "special" | "other";

export const RESIDUE_CLASSES: { id: ResidueClass; residues: string; means: string }[] = [
  { id: "hydrophobic", residues: "AVILMFWY", means: "Avoids water; often inside the folded protein" },
  { id: "polar", residues: "STNQ", means: "Likes water, uncharged" },
  { id: "acidic", residues: "DE", means: "Negatively charged" },
  { id: "basic", residues: "KRH", means: "Positively charged" },
  {
    id: "special",
    residues: "CGPUO",
    means: "Bends, bridges or frees the chain: cysteine, glycine, proline and rare ones",
  },
];

const CLASS_OF = new Map(RESIDUE_CLASSES.flatMap(({ id, residues }) => [...residues].map((one) => [one, id] as const)));

export function residueClass(residue: string): ResidueClass {
  return CLASS_OF.get(residue) ?? "other";
}

export interface Run {
  class: ResidueClass;
  residues: string;
}

export interface Block {
  /** Position of the block's last residue, counted from 1. */
  end: number;
  /** Neighbours of one class together. */
  runs: Run[];
}

export const BLOCK = 10;

/** The sequence in blocks of ten. */
export function blocks(sequence: string): Block[] {
  const found: Block[] = [];
  for (let start = 0; start < sequence.length; start += BLOCK) {
    const part = sequence.slice(start, start + BLOCK);
    found.push({ end: start + part.length, runs: runs(part) });
  }
  return found;
}

function runs(part: string): Run[] {
  const found: Run[] = [];
  for (const residue of part) {
    const kind = residueClass(residue);
    const last = found.at(-1);
    if (last?.class === kind) last.residues += residue;
    else found.push({ class: kind, residues: residue });
  }
  return found;
}
