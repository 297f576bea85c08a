"""Figures for Prometheus: requests by route, and what else a domain adds to the registry of its app."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import Scope

_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class Metrics:
    """One app's registry. Routes are labelled by their pattern, so that ids do not make new series."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "tunesmith_requests", "Answers by route and status.", ("method", "route", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "tunesmith_request_seconds",
            "Time to the end of the answer, streams and long polls included.",
            ("method", "route"),
            buckets=_BUCKETS_S,
            registry=self.registry,
        )

        self._jobs = Gauge("tunesmith_jobs", "Jobs that have not ended.", ("status",), registry=self.registry)
        self._series: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        """The two series of an answer, since looking them up by labels costs more than counting."""
        self._engines = Gauge("tunesmith_engines", "Engines that can be asked.", registry=self.registry)

    def observe(self, scope: Scope, status: int, seconds: float) -> None:
        """Counts one answer; 499 is a client that left before it began."""
        key = (scope["method"], getattr(scope.get("route"), "path", "none"), status)
        series = self._series.get(key)
        if series is None:
            method, route, _ = key
            of_status = self._requests.labels(method, route, str(status))
            series = self._series[key] = of_status, self._seconds.labels(method, route)
        series[0].inc()
        series[1].observe(seconds)

    def count(self, *, jobs: Mapping[str, int], engines: int) -> None:
        """What the database says now; each figure is the same on every replica."""
        for status, n in jobs.items():
            self._jobs.labels(status).set(n)
        self._engines.set(engines)

    def text(self) -> bytes:
        """The registry in Prometheus' text format."""
        return generate_latest(self.registry)
