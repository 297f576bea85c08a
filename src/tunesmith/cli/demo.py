"""`tunesmith demo`: the main job on real data, twice, with proof: a protein family and the documentation of Python."""

import json
import statistics
import sys
import time
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tunesmith.cli import demo_report as report
from tunesmith.cli.command import Cli, Connection
from tunesmith.cli.exit_codes import WorkFailed
from tunesmith.cli.files import upload
from tunesmith.cli.follow import follow, require_success
from tunesmith.cli.words import duration, size

if TYPE_CHECKING:
    from tunesmith.demo.documentation import Pair
    from tunesmith.schemas.datasets import FileObject
    from tunesmith.schemas.models import ModelVersion

FAMILY = "lactate_dehydrogenase"
PROTEIN_HELD_OUT = 0.26
"""Of the family's sequences: half at random, half in clusters that no training sequence is near to."""
PROTEIN_RUN: dict[str, Any] = {"n_epochs": 6, "batch_size": 16, "learning_rate": 1e-3}
CHAT_RUN: dict[str, Any] = {"n_epochs": 1, "batch_size": 8, "learning_rate": 5e-4, "lora_rank": 16}
N_TRAIN, N_HELD_OUT = 320, 80
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
    report.title(cli, f"1/2  A protein model learns a family: {FAMILY.replace('_', ' ')}")
    path = Path(str(files("tunesmith.demo") / "proteins" / f"{FAMILY}.fasta"))
    sequences = path.read_text().split(">")[1:]
    lengths = [len("".join(sequence.split("\n")[1:])) for sequence in sequences]
    report.say(cli, "data", f"{len(sequences)} sequences, median {statistics.median(lengths):.0f} residues")
    report.say(cli, "source", "UniProtKB/Swiss-Prot, licence CC BY 4.0 (The UniProt Consortium)")
    training = _upload(cli, path)
    model = _train(
        cli,
        training,
        None,
        model="protein-mini",
        adaptation="full",
        hyperparameters=PROTEIN_RUN,
        validation_split=PROTEIN_HELD_OUT,
        suffix=FAMILY.replace("_", "-"),
        seed=1,
    )
    cli.print("\n  Five new sequences, best perplexity first:")
    reply = cli.client.generate.create(model=model.id, n=5, temperature=0.9, top_p=0.95, max_residues=400, seed=1)
    report.sequences(cli, reply)
    return model


def tune_chat(cli: Cli, folder: Path) -> "ModelVersion":
    """smollm2-135m-instruct with LoRA on documentation pairs; then answers beside the base's."""
    report.title(cli, "2/2  A chat model learns to answer like a manual: the documentation of Python")
    from tunesmith.demo import documentation

    found = documentation.pairs()
    train, held_out = documentation.sample(N_TRAIN, N_HELD_OUT)
    python = f"Python {sys.version_info.major}.{sys.version_info.minor}"
    report.say(cli, "data", f"{len(found.pairs):,} documented names in {found.n_modules} modules of {python}")
    report.say(
        cli, "sample", f"{len(train)} to train on, {len(held_out)} held out from modules that none of those is of"
    )
    report.say(cli, "source", f"read from this interpreter; {documentation.LICENCE}")
    training = _upload(cli, _written(folder / "demo" / "documentation-train.jsonl", train))
    validation = _upload(cli, _written(folder / "demo" / "documentation-held-out.jsonl", held_out))
    model = _train(
        cli,
        training,
        validation,
        model="smollm2-135m-instruct",
        adaptation="lora",
        hyperparameters=CHAT_RUN,
        validation_split=None,
        suffix="manual",
        seed=1,
    )
    cli.print("\n  Questions about modules that neither model was tuned on:")
    for pair in held_out[:N_ANSWERS]:
        _answers(cli, model, pair)
    return model


def _upload(cli: Cli, path: Path) -> "FileObject":
    found = upload(cli, path)
    checked = cli.client.files.report(found.id)
    if checked.n_faults:
        raise WorkFailed(f"{path.name} has {checked.n_faults} bad lines: tunesmith files show {found.id}")
    facts = f"{path.name}, {checked.n_records} records, {size(found.bytes)}, no bad lines -> {found.id}"
    report.say(cli, "uploaded", facts)
    return found


def _train(cli: Cli, training: "FileObject", validation: "FileObject | None", **options: Any) -> "ModelVersion":
    """The registered model; its progress was shown, and then base against tuned on what was held out."""
    entry = next(e for e in cli.client.models.catalog().data if e.key == options["model"])
    report.say(cli, "base", f"{entry.key}, {entry.parameters / 1e6:.0f} M weights, {entry.licence}")
    settings = ", ".join(f"{name} {value}" for name, value in options["hyperparameters"].items())
    report.say(cli, "run", f"{options['adaptation']}, {settings}")
    job = cli.client.jobs.create(
        training_file=training.id, validation_file=validation.id if validation else None, **options
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


def _written(path: Path, pairs: "list[Pair]") -> Path:
    from tunesmith.demo import documentation

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(documentation.chat_record(pair)) + "\n" for pair in pairs))
    return path


def _answers(cli: Cli, model: "ModelVersion", pair: "Pair") -> None:
    from tunesmith.demo import documentation

    asked = [{"role": "user", "content": documentation.question(pair)}]
    said = [
        cli.client.chat.create(model=name, messages=asked, temperature=0, max_tokens=48).text
        for name in (model.base_model, model.id)
    ]
    report.answers(cli, asked[0]["content"], before=said[0], after=said[1], documented=pair.sentence)
