/** The first characters of a text that is much longer than `most`, cut between words; null when it is short enough. */
export function shortened(text: string, most: number): string | null {
  if (text.length <= most * 1.25) return null;
  const cut = text.slice(0, most);
  const space = cut.lastIndexOf(" ");
  return `${space > 0.8 * most ? cut.slice(0, space) : cut}…`;
}

/** OpenAI's tool call as one reads it: `name(arguments)`. */
export function callText(call: Record<string, unknown>): string {
  const inner = call.function as { name?: unknown; arguments?: unknown } | undefined;
  if (typeof inner?.name !== "string") return JSON.stringify(call);
  const given = inner.arguments;
  return `${inner.name}(${typeof given === "string" ? given : JSON.stringify(given ?? {})})`;
}
