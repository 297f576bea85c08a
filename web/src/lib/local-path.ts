/** The path if it leads to a page of ours, else home: an address in a link must not lead away from here. */
export function localPath(wanted: string | null): string {
  if (!wanted?.startsWith("/") || wanted.startsWith("/sign-in")) return "/";
  const there = URL.parse(wanted, "http://here.invalid");
  return there?.origin === "http://here.invalid" ? there.pathname + there.search + there.hash : "/";
}
