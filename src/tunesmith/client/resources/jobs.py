"""/v1/fine_tuning/jobs."""

from collections.abc import Mapping, Sequence
from typing import Any

from tunesmith.client._call import Call, get, post, segment
from tunesmith.client._resource import Resource, S, endpoint, streamed
from tunesmith.client._stream import Stream, json_item
from tunesmith.schemas.datasets import Checkup
from tunesmith.schemas.estimates import JobEstimate
from tunesmith.schemas.jobs import (
    Job,
    JobCheckpoint,
    JobConfig,
    JobCounts,
    JobCreate,
    JobEvent,
    JobLog,
    JobMetrics,
    JobsCancelled,
    JobScript,
    JobTimeline,
    Priority,
)
from tunesmith.schemas.shape import Adaptation, Page, Task, TrainingMethod
from tunesmith.schemas.training import Hyperparameters

JOBS = "/v1/fine_tuning/jobs"
ESTIMATE = "/v1/fine_tuning/estimate"
SCRIPT = "/v1/fine_tuning/script"


class Jobs(Resource[S]):
    """Fine-tuning jobs."""

    @endpoint
    def create(
        self,
        *,
        model: str,
        training_file: str,
        validation_file: str | None = None,
        hyperparameters: Hyperparameters | Mapping[str, Any] | None = None,
        method: TrainingMethod | str = "supervised",
        suffix: str | None = None,
        seed: int | None = None,
        metadata: Mapping[str, str] | None = None,
        task: Task | str | None = None,
        adaptation: Adaptation | str | None = None,
        validation_split: float | None = None,
        output_model: str | None = None,
        output_weights: str | None = None,
        name: str | None = None,
        priority: Priority | str | None = None,
        project: str | None = None,
    ) -> Call[Job]:
        """Starts a job. `task` is told from the file when left out; `hyperparameters` not given are `auto`."""
        return post(
            JOBS,
            Job,
            {
                "model": model,
                "training_file": training_file,
                "validation_file": validation_file,
                "method": _method(method, hyperparameters),
                "suffix": suffix,
                "seed": seed,
                "metadata": metadata,
                "task": task,
                "adaptation": adaptation,
                "validation_split": validation_split,
                "output_model": output_model,
                "output_weights": output_weights,
                "name": name,
                "priority": priority,
                "project": project,
            },
        )

    @endpoint
    def create_from(self, body: JobCreate | Mapping[str, Any]) -> Call[Job]:
        """Starts the job of a whole body, such as `config(...).request` or what a YAML file says."""
        return post(JOBS, Job, _body(body))

    @endpoint
    def estimate_from(self, body: JobCreate | Mapping[str, Any]) -> Call[JobEstimate]:
        """As `estimate`, of a whole body."""
        return post(ESTIMATE, JobEstimate, _body(body))

    @endpoint
    def script_from(self, body: JobCreate | Mapping[str, Any]) -> Call[JobScript]:
        """The job of a whole body as curl, Python, a command line and YAML. Nothing is made."""
        return post(SCRIPT, JobScript, _body(body))

    @endpoint
    def estimate(
        self,
        *,
        model: str,
        training_file: str,
        validation_file: str | None = None,
        hyperparameters: Hyperparameters | Mapping[str, Any] | None = None,
        method: TrainingMethod | str = "supervised",
        task: Task | str | None = None,
        adaptation: Adaptation | str | None = None,
        validation_split: float | None = None,
    ) -> Call[JobEstimate]:
        """What such a job would need: memory, time, price, and which workers could run it. Nothing is made."""
        return post(
            ESTIMATE,
            JobEstimate,
            {
                "model": model,
                "training_file": training_file,
                "validation_file": validation_file,
                "method": _method(method, hyperparameters),
                "task": task,
                "adaptation": adaptation,
                "validation_split": validation_split,
            },
        )

    @endpoint
    def list(
        self,
        *,
        limit: int | None = None,
        after: str | None = None,
        status: str | Sequence[str] | None = None,
        task: Task | str | None = None,
        project: str | None = None,
        owner: str | None = None,
        search: str | None = None,
        sort: str | None = None,
        order: str | None = None,
        sparkline: bool = False,
    ) -> Call[Page[Job]]:
        """Jobs, newest first unless `sort` (created_at, name, status, priority, started_at, finished_at) says other.

        `search` is a part of the name, suffix, base, id or model's name. `sparkline` adds up to 24 training losses.
        """
        return get(
            JOBS,
            Page[Job],
            limit=limit,
            after=after,
            status=status,
            task=task,
            project=project,
            owner=owner,
            search=search,
            sort=sort,
            order=order,
            include="sparkline" if sparkline else None,
        )

    @endpoint
    def counts(
        self,
        *,
        task: Task | str | None = None,
        project: str | None = None,
        owner: str | None = None,
        search: str | None = None,
    ) -> Call[JobCounts]:
        """How many jobs are in each state, of those that the filters keep."""
        return get(f"{JOBS}/counts", JobCounts, task=task, project=project, owner=owner, search=search)

    @endpoint
    def retrieve(self, job_id: str) -> Call[Job]:
        """The job as it stands."""
        return get(_job(job_id), Job)

    @endpoint
    def update(self, job_id: str, *, name: str | None = None, priority: Priority | str | None = None) -> Call[Job]:
        """Changes the job's name or its place in the queue; what is left out stays."""
        return post(_job(job_id), Job, {"name": name, "priority": priority})

    @endpoint
    def cancel(self, job_id: str) -> Call[Job]:
        """Ends the job: final in this answer; its worker stops with its next report."""
        return post(_job(job_id, "cancel"), Job)

    @endpoint
    def cancel_all(self, job_ids: Sequence[str]) -> Call[JobsCancelled]:
        """Ends up to 100 jobs; what became of each. One that has ended or is not there stops none of the others."""
        return post(f"{JOBS}/cancel", JobsCancelled, {"ids": [*job_ids]})

    @endpoint
    def pause(self, job_id: str) -> Call[Job]:
        """Asks the worker to write a checkpoint and hand the job back; the answer may still say running."""
        return post(_job(job_id, "pause"), Job)

    @endpoint
    def resume(self, job_id: str) -> Call[Job]:
        """Queues a paused job again; it goes on from its checkpoint."""
        return post(_job(job_id, "resume"), Job)

    @endpoint
    def events(self, job_id: str, *, limit: int | None = None, after: str | None = None) -> Call[Page[JobEvent]]:
        """The job's events, newest first."""
        return get(_job(job_id, "events"), Page[JobEvent], limit=limit, after=after)

    @streamed
    def follow(self, job_id: str, *, last_event_id: str | None = None) -> Stream[JobEvent]:
        """The job's events from the first (or after `last_event_id`), oldest first, live until the job has ended.

        A broken connection is opened again where it broke: no event is lost or told twice.
        """
        call = get(_job(job_id, "events"), JobEvent, stream=True)
        if last_event_id:
            call = call.with_headers(Last_Event_ID=last_event_id)
        return Stream(call, json_item(JobEvent), resumable=True)

    @endpoint
    def checkpoints(
        self, job_id: str, *, limit: int | None = None, after: str | None = None
    ) -> Call[Page[JobCheckpoint]]:
        """Published checkpoints, newest first; each is usable as a model."""
        return get(_job(job_id, "checkpoints"), Page[JobCheckpoint], limit=limit, after=after)

    @endpoint
    def checkup(self, job_id: str) -> Call[Checkup]:
        """What the run found in its data before it trained. Raises NotFound until it has told it."""
        return get(_job(job_id, "checkup"), Checkup)

    @endpoint
    def timeline(self, job_id: str) -> Call[JobTimeline]:
        """Where its time went, from first to last."""
        return get(_job(job_id, "timeline"), JobTimeline)

    @endpoint
    def config(self, job_id: str) -> Call[JobConfig]:
        """A body that makes the same job again, and the numbers that the run used."""
        return get(_job(job_id, "config"), JobConfig)

    @endpoint
    def script(self, job_id: str) -> Call[JobScript]:
        """The same job again, as curl, Python, a command line and YAML."""
        return get(_job(job_id, "script"), JobScript)

    @endpoint
    def metrics(
        self, job_id: str, *, limit: int | None = None, after: str | None = None, points: int | None = None
    ) -> Call[JobMetrics]:
        """Figures by step: loss, learning rate, tokens per second. With `points` all of the run, thinned to so many
        points of each figure, extremes among them."""
        return get(_job(job_id, "metrics"), JobMetrics, limit=limit, after=after, points=points)

    @endpoint
    def logs(
        self,
        job_id: str,
        *,
        limit: int | None = None,
        after: str | None = None,
        search: str | None = None,
        order: str | None = None,
    ) -> Call[Page[JobLog]]:
        """What the training program and its worker printed, oldest first unless `order` is desc."""
        return get(_job(job_id, "logs"), Page[JobLog], limit=limit, after=after, search=search, order=order)


def _method(
    method: TrainingMethod | str, hyperparameters: Hyperparameters | Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """OpenAI's method object; None, and so left out, where nothing differs from what is usual."""
    if method == "supervised" and hyperparameters is None:
        return None
    return {"type": method, str(method): {"hyperparameters": hyperparameters or {}}}


def _body(body: JobCreate | Mapping[str, Any]) -> Mapping[str, Any]:
    """What was said of the job, and no default of this version."""
    return body.model_dump(mode="json", exclude_unset=True) if isinstance(body, JobCreate) else body


def _job(job_id: str, tail: str | None = None) -> str:
    return f"{JOBS}/{segment(job_id)}" + (f"/{tail}" if tail else "")
