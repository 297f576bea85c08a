import type { ApiKey, KeyKind, Scope } from "@/api/generated";

export const SCOPES: { value: Scope; label: string; means: string }[] = [
  { value: "read", label: "Read", means: "Look at everything of the project." },
  { value: "train", label: "Train", means: "Upload and change data, start and stop jobs, delete models." },
  { value: "infer", label: "Call models", means: "Chat, complete, embed, classify and generate." },
  { value: "manage", label: "Manage", means: "Make and revoke keys, and sign-in links." },
];

export const KINDS: { value: KeyKind; label: string; means: string }[] = [
  { value: "user", label: "User", means: "For programs and notebooks: acts in one project." },
  { value: "worker", label: "Worker", means: "For machines that train: claims jobs, and nothing else." },
  { value: "service", label: "Service", means: "For a gateway that you trust: acts for the users of one project." },
  { value: "admin", label: "Admin", means: "Sees and changes everything, and makes keys for others." },
];

export function kindWords(kind: KeyKind): string {
  return KINDS.find(({ value }) => value === kind)?.label ?? kind;
}

/** What a key may do, in a few words. */
export function rightsWords(key: Pick<ApiKey, "scopes" | "kind">): string {
  if (!key.scopes) return key.kind === "worker" ? "Claim jobs" : "All rights";
  return SCOPES.filter(({ value }) => key.scopes?.includes(value))
    .map(({ label }) => label)
    .join(", ");
}

export type Standing = "live" | "revoked" | "expired";

export function standing(key: Pick<ApiKey, "revoked_at" | "expires_at">, now: number): Standing {
  if (key.revoked_at != null) return "revoked";
  return key.expires_at != null && key.expires_at <= now ? "expired" : "live";
}

/** What ends when the key is revoked. */
export function whatStops(key: Pick<ApiKey, "kind" | "prefix">): string {
  const refused = `Everything that sends ${key.prefix}... is refused from now on`;
  if (key.kind === "worker") return `${refused}: workers with it claim no more jobs. What they train now goes on.`;
  return `${refused}, and browsers that signed in with it are signed out. Jobs that it started go on.`;
}
