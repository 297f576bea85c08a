"""The Python SDK: `Tunesmith` and `AsyncTunesmith`, over httpx and the wire shapes alone.

from tunesmith.client import Tunesmith

client = Tunesmith()
data = client.files.create("examples.jsonl")
job = client.jobs.create(model="smollm2-135m-instruct", training_file=data.id)
for event in client.jobs.follow(job.id):
    print(event.message)
"""

from tunesmith.client._client import AsyncTunesmith, Tunesmith
from tunesmith.client._config import Config
from tunesmith.client._download import Download
from tunesmith.client.errors import ServerUnreachable, UnreadableReply, problem_of
from tunesmith.schemas.errors import TunesmithError

__all__ = [
    "AsyncTunesmith",
    "Config",
    "Download",
    "ServerUnreachable",
    "Tunesmith",
    "TunesmithError",
    "UnreadableReply",
    "problem_of",
]
