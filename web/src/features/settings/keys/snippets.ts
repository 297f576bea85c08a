import type { KeyKind } from "@/api/generated";

export type Snippet = { label: string; code: string };

/** How a new key is used: by the OpenAI SDK, on the command line, in a shell; or by a worker. */
export function snippets(kind: KeyKind, key: string, baseUrl: string): Snippet[] {
  const server = baseUrl.replace(/\/v1$/, "");
  if (kind === "worker") {
    return [{ label: "Worker", code: `FINETUNE_WORKER_KEY=${key} \\\n  tunesmith worker --url ${server}` }];
  }
  return [
    {
      label: "OpenAI SDK",
      code: [
        "from openai import OpenAI",
        "",
        `client = OpenAI(base_url="${baseUrl}", api_key="${key}")`,
        "print([model.id for model in client.models.list()])",
      ].join("\n"),
    },
    {
      label: "Command line",
      code: `export TUNESMITH_URL=${server}\nexport TUNESMITH_API_KEY=${key}\ntunesmith jobs ls`,
    },
    { label: "curl", code: `curl ${baseUrl}/models -H "Authorization: Bearer ${key}"` },
  ];
}
