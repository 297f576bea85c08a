"""procrastinate's side: jobs deferred, fetched, run (they do nothing) and finished, in one process.

`python procrastinate_queue.py URL`, then commands by JSON lines.
"""

import asyncio
import logging
import random
import sys
import time

from commands import serve
from procrastinate import App, PsycopgConnector

logging.getLogger("procrastinate").setLevel(logging.ERROR)  # it warns that the app lies in the main module
app = App(connector=PsycopgConnector(conninfo=sys.argv[1], min_size=1, max_size=4))
started_at = {}
started = asyncio.Event()
runner = asyncio.Runner()


@app.task(name="nothing")
async def nothing(number):
    started_at[number] = time.monotonic()
    started.set()


async def prepare():
    await app.open_async()
    await app.schema_manager.apply_schema_async()
    return "ready"


async def defer(n):
    await nothing.batch_defer_async(*({"number": i} for i in range(n)))
    return n


async def work():
    """Everything that is deferred; how many jobs."""
    started_at.clear()
    await app.run_worker_async(wait=False, concurrency=1, install_signal_handlers=False, listen_notify=False)
    return len(started_at)


async def latency(n, pause_s):
    """Seconds from before `defer` to the start of the task, with one idle worker that listens."""
    started_at.clear()
    worker = asyncio.create_task(app.run_worker_async(concurrency=1, install_signal_handlers=False))
    await asyncio.sleep(1)
    found = []
    for i in range(n):
        started.clear()
        began = time.monotonic()
        await nothing.defer_async(number=i)
        await started.wait()
        found.append(started_at[i] - began)
        await asyncio.sleep(random.uniform(0.5, 1.5) * pause_s)
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    return found


def blocking(command):
    return lambda **arguments: runner.run(command(**arguments))


serve({command.__name__: blocking(command) for command in (prepare, defer, work, latency)})
runner.run(app.close_async())
