import type { Job } from "@/api/generated";

export interface Snippet {
  label: string;
  code: string;
}

/** How the model is called, by the way its task is called. */
export function snippetsOf(task: Job["task"], model: string, origin: string): Snippet[] {
  const { path, body, python } = CALLS[task](model);
  return [
    {
      label: "curl",
      code: `curl ${origin}${path} \\\n  -H "Authorization: Bearer $TUNESMITH_API_KEY" \\\n  -H "Content-Type: application/json" \\\n  -d '${JSON.stringify(body, null, 2)}'`,
    },
    {
      label: "Python",
      code: `import os\n\n${python(`"${origin}`)}`,
    },
  ];
}

interface Call {
  path: string;
  body: Record<string, unknown>;
  /** Given the origin behind its opening quotation mark. */
  python: (origin: string) => string;
}

const CALLS: Record<Job["task"], (model: string) => Call> = {
  chat: (model) => ({
    path: "/v1/chat/completions",
    body: { model, messages: [{ role: "user", content: "Hello" }] },
    python: (origin) =>
      `${openai(origin)}answer = client.chat.completions.create(\n    model="${model}",\n    messages=[{"role": "user", "content": "Hello"}],\n)\nprint(answer.choices[0].message.content)`,
  }),
  embedding: (model) => ({
    path: "/v1/embeddings",
    body: { model, input: ["a text to find"] },
    python: (origin) =>
      `${openai(origin)}answer = client.embeddings.create(model="${model}", input=["a text to find"])\nprint(len(answer.data[0].embedding))`,
  }),
  classification: (model) => ({
    path: "/v1/classify",
    body: { model, input: ["a text to sort"] },
    python: (origin) => posted(`${origin}/v1/classify"`, { model, input: ["a text to sort"] }),
  }),
  protein: (model) => ({
    path: "/v1/generate",
    body: { model, prompt: "MVLSPADKTN", max_tokens: 100 },
    python: (origin) => posted(`${origin}/v1/generate"`, { model, prompt: "MVLSPADKTN", max_tokens: 100 }),
  }),
};

function openai(origin: string): string {
  return `from openai import OpenAI\n\nclient = OpenAI(base_url=${origin}/v1", api_key=os.environ["TUNESMITH_API_KEY"])\n`;
}

function posted(url: string, body: Record<string, unknown>): string {
  return `import httpx\n\nanswer = httpx.post(\n    ${url},\n    json=${JSON.stringify(body)},\n    headers={"Authorization": f"Bearer {os.environ['TUNESMITH_API_KEY']}"},\n    timeout=60,\n)\nprint(answer.json())`;
}
