// The whole path with the unmodified openai package for Node. Prints one JSON object that the test reads.
// Usage: node openai_node.mjs BASE_URL KEY FILE MODEL
import fs from "node:fs";
import OpenAI from "openai";

const [baseURL, apiKey, file, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });

const uploaded = await client.files.create({ file: fs.createReadStream(file), purpose: "fine-tune" });
const created = await client.fineTuning.jobs.create({
  model,
  training_file: uploaded.id,
  suffix: "node",
  method: { type: "supervised", supervised: { hyperparameters: { n_epochs: 1 } } },
});
let job = created;
while (job.finished_at === null) {
  await new Promise((done) => setTimeout(done, 300));
  job = await client.fineTuning.jobs.retrieve(created.id);
}
const events = [];
for await (const event of client.fineTuning.jobs.listEvents(job.id, { limit: 2 })) events.push(event.message);
const checkpoints = await client.fineTuning.jobs.checkpoints.list(job.id);
const asked = {
  model: job.fine_tuned_model,
  messages: [{ role: "user", content: "red 3?" }],
  temperature: 0,
  max_tokens: 8,
};
const plain = await client.chat.completions.create(asked);
let streamed = "";
for await (const chunk of await client.chat.completions.create({ ...asked, stream: true }))
  streamed += chunk.choices[0]?.delta?.content ?? "";
const refused = await client.fineTuning.jobs.create({ model: "gpt-5", training_file: uploaded.id }).catch((e) => e);
const deleted = await client.models.delete(job.fine_tuned_model);
console.log(
  JSON.stringify({
    status: job.status,
    events,
    checkpoints: checkpoints.data.length,
    plain: plain.choices[0].message.content,
    streamed,
    refused: { status: refused.status, code: refused.code, param: refused.param },
    deleted: deleted.deleted,
  }),
);
