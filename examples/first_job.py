"""From a file of chats to a tuned model that answers, with the unmodified OpenAI SDK.

Start Tunesmith (`make up`), then:

    export OPENAI_BASE_URL=http://127.0.0.1:8000/v1
    export OPENAI_API_KEY=...            # `tunesmith up` says where the key file is
    .venv/bin/python examples/first_job.py
"""

import sys
import time
from pathlib import Path

from openai import OpenAI

CHATS = Path(__file__).with_name("colours.jsonl")
QUESTION = "What colour is a ripe strawberry?"


def main(base_model: str = "smollm2-135m-instruct", question: str = QUESTION) -> int:
    """Trains, then asks base and tuned model the same; 1 when the job did not succeed."""
    client = OpenAI()
    data = client.files.create(file=CHATS, purpose="fine-tune")
    job = client.fine_tuning.jobs.create(model=base_model, training_file=data.id, suffix="colours")
    job = follow(client, job.id)
    if job.status != "succeeded" or job.fine_tuned_model is None:
        print(f"The job ended as {job.status}: {job.error.message if job.error else 'no reason given'}")
        return 1
    for model in (base_model, job.fine_tuned_model):
        reply = client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": question}], temperature=0, max_tokens=40
        )
        print(f"{model}: {reply.choices[0].message.content}")
    return 0


def follow(client: OpenAI, job_id: str):
    """The finished job; prints each new event as it is seen."""
    seen: set[str] = set()
    while True:
        job = client.fine_tuning.jobs.retrieve(job_id)
        for event in reversed(list(client.fine_tuning.jobs.list_events(job_id, limit=100))):
            if event.id not in seen:
                seen.add(event.id)
                print(event.message)
        if job.finished_at is not None:
            return job
        time.sleep(1)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
