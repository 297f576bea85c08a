"""`tunesmith demo`: the main job on real data, twice, with proof: a protein family and the documentation of Python."""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tunesmith.cli import demo_report as report
from tunesmith.cli.command import Cli, Connection
from tunesmith.cli.exit_codes import WorkFailed
from tunesmith.cli.files import upload
from tunesmith.cli.follow import follow, require_success
from tunesmith.cli.words import duration, size

if TYPE_CHECKING:
    from tunesmith.demo.examples import DemoRun
    from tunesmith.schemas.datasets import FileObject
    from tunesmith.schemas.models import ModelVersion

N_ANSWERS = 3


def register(app: typer.Typer) -> None:
    app.command("demo")(demo)


def demo(
    data_dir: Annotated[Path, typer.Option(help="Where the demo keeps its data.")] = Path(".demo-data"),
    port: Annotated[int | None, typer.Option(help="Port (8000, else a free one).", min=1, max=65535)] = None,
) -> None:
    """Tune two small models on real data and show, on records they never saw, that they got better.

    Under five minutes on two cores. On a terminal it then keeps serving until Ctrl-C. The exit code is 1 when a tuned
    model is worse on held-out records.
    """
    from tunesmith.cli.processes.installation import installation

    began = time.monotonic()
    folder = data_dir.expanduser().resolve()
    with installation(folder, port, say=typer.echo) as running:
        cli = Cli(Connection(running.url, None, folder))
        try:
            protein = tune_protein(cli)
            chat = tune_chat(cli, folder)
            report.how_to_go_on(cli, running.url, data_dir, protein, chat)
        finally:
            cli.close()
        cli.print(f"\nAll of it took {duration(time.monotonic() - began)}.")
        report.raise_if_worse([protein, chat])
        if sys.stdout.isatty():
            cli.print(f"Serving on {running.url} until Ctrl-C.")
            running.wait()
        else:
            cli.print(f"No terminal: stopping. Serve the models again: {report.program()} up --data-dir {data_dir}")


def tune_protein(cli: Cli) -> "ModelVersion":
    """protein-mini, fully tuned on one enzyme family; then five new sequences of it."""
    from tunesmith.demo.apart import write_apart
    from tunesmith.demo.examples import FAMILY, PROTEIN

    report.title(cli, f"1/2  {PROTEIN.title}: {FAMILY.replace('_', ' ')}")
    with tempfile.TemporaryDirectory() as folder:
        (path,) = write_apart(PROTEIN, Path(folder)).paths
        sequences = path.read_text().split(">")[1:]
        lengths = [len("".join(sequence.split("\n")[1:])) for sequence in sequences]
        report.say(cli, "data", f"{len(sequences)} sequences, median {statistics.median(lengths):.0f} residues")
        report.say(cli, "source", PROTEIN.licence)
        training = _upload(cli, path)
    model = _train(cli, PROTEIN, training, None)
    cli.print("\n  Five new sequences, best perplexity first:")
    reply = cli.client.generate.create(model=model.id, n=5, temperature=0.9, top_p=0.95, max_residues=400, seed=1)
    report.sequences(cli, reply)
    return model


def tune_chat(cli: Cli, folder: Path) -> "ModelVersion":
    """smollm2-135m-instruct with LoRA on documentation pairs; then answers beside the base's."""
    from tunesmith.demo.apart import write_apart
    from tunesmith.demo.examples import CHAT

    report.title(cli, f"2/2  {CHAT.title}: the documentation of Python")
    data = folder / "demo"
    data.mkdir(parents=True, exist_ok=True)
    found = write_apart(CHAT, data)
    train, held_out = (path.read_text().splitlines() for path in found.paths)
    report.say(cli, "data", found.source)
    report.say(
        cli, "sample", f"{len(train)} to train on, {len(held_out)} held out from modules that none of those is of"
    )
    report.say(cli, "source", f"read from this interpreter; {CHAT.licence}")
    training, validation = (_upload(cli, path) for path in found.paths)
    model = _train(cli, CHAT, training, validation)
    cli.print("\n  Questions about modules that neither model was tuned on:")
    for line in held_out[:N_ANSWERS]:
        _answers(cli, model, line)
    return model


def _upload(cli: Cli, path: Path) -> "FileObject":
    found = upload(cli, path)
    checked = cli.client.files.report(found.id)
    if checked.n_faults:
        raise WorkFailed(f"{path.name} has {checked.n_faults} bad lines: tunesmith files show {found.id}")
    facts = f"{path.name}, {checked.n_records} records, {size(found.bytes)}, no bad lines -> {found.id}"
    report.say(cli, "uploaded", facts)
    return found


def _train(cli: Cli, run: "DemoRun", training: "FileObject", validation: "FileObject | None") -> "ModelVersion":
    """The registered model; its progress was shown, and then base against tuned on what was held out."""
    entry = next(e for e in cli.client.models.catalog().data if e.key == run.model)
    report.say(cli, "base", f"{entry.key}, {entry.parameters / 1e6:.0f} M weights, {entry.licence}")
    settings = ", ".join(f"{name} {value}" for name, value in run.hyperparameters.items())
    report.say(cli, "run", f"{run.adaptation}, {settings}")
    job = cli.client.jobs.create(
        model=run.model,
        training_file=training.id,
        validation_file=validation.id if validation else None,
        hyperparameters=run.hyperparameters,
        adaptation=run.adaptation,
        validation_split=run.validation_split,
        suffix=run.suffix,
        seed=run.seed,
    )
    began = time.monotonic()
    done = follow(cli, job.id)
    require_success(done)
    assert done.fine_tuned_model is not None
    model = cli.client.models.registry(done.fine_tuned_model)
    cli.print(f"\n  {model.id} after {duration(time.monotonic() - began)}.")
    cli.print("  Base against tuned on records that it was not trained on, with 95 % intervals:")
    report.comparisons(cli, model)
    return model


def _answers(cli: Cli, model: "ModelVersion", line: str) -> None:
    """Base and tuned model asked what the record's person asks."""
    *asked, documented = json.loads(line)["messages"]
    said = [
        cli.client.chat.create(model=name, messages=asked, temperature=0, max_tokens=48).text
        for name in (model.base_model, model.id)
    ]
    report.answers(cli, asked[-1]["content"], before=said[0], after=said[1], documented=documented["content"])
