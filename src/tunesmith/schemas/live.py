"""What one stream tells a page about everything that changes in a project."""

from typing import Literal

from tunesmith.schemas.jobs import Job, JobEvent, JobMetric
from tunesmith.schemas.shape import Shape


class LiveHello(Shape):
    """The stream's first word. A page that holds another `version` is older than its server."""

    object: Literal["live.hello"] = "live.hello"
    version: str
    resumed: bool
    """False where what happened meanwhile may not all be told: look again at what is shown."""


class LiveJob(Shape):
    """A job as it is now; told whenever it changed, at most once in two seconds each."""

    object: Literal["live.job"] = "live.job"
    job: Job


class LiveEvent(Shape):
    """What happened to a job. Told at least once: a client knows it by the event's id."""

    object: Literal["live.event"] = "live.event"
    job_id: str
    event: JobEvent


class LiveMetrics(Shape):
    """New points of a job that the page looks at."""

    object: Literal["live.metrics"] = "live.metrics"
    job_id: str
    points: list[JobMetric]


LiveMessage = LiveHello | LiveJob | LiveEvent | LiveMetrics
"""The `data` of each server-sent event; its `event` is the part of `object` behind the dot."""
