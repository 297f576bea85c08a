"""MLflow's side: points through its client's log_batch to its own server.

`python mlflow_metrics.py URL`, then commands by JSON lines.
"""

import sys
import time

import mlflow
from commands import serve
from mlflow.entities import Metric

client = mlflow.MlflowClient(tracking_uri=sys.argv[1])
state = {"step": 0}


def prepare():
    experiment = client.create_experiment(f"bench-{time.time_ns()}")
    state["run"] = client.create_run(experiment).info.run_id
    return state["run"]


def log(points, per_batch):
    """`points` metrics in batches of `per_batch`, each with a step of its own."""
    for first in range(state["step"], state["step"] + points, per_batch):
        now_ms = int(time.time() * 1000)
        batch = [Metric("train_loss", 1.5 + i / 1e6, now_ms, i) for i in range(first, first + per_batch)]
        client.log_batch(state["run"], metrics=batch, synchronous=True)
    state["step"] += points
    return points


def stored():
    return len(client.get_metric_history(state["run"], "train_loss"))


serve({command.__name__: command for command in (prepare, log, stored)})
