"""What the demo prints: facts, base against tuned, sequences, answers, and how to go on."""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tunesmith.cli.command import Cli
from tunesmith.cli.exit_codes import WorkFailed

if TYPE_CHECKING:
    from tunesmith.schemas.inference import GenerateReply
    from tunesmith.schemas.models import Estimate, ModelVersion

SETS = {
    "random": "random sequences of the family",
    "clusters": "clusters far from all training",
    "held_out": "modules never trained on",
}
"""What was held out, in words."""
_STYLES = {"better": "green", "worse": "bold red", "undecided": "yellow"}
SHOWN_RESIDUES = 60
LONGEST_ANSWER = 160


def title(cli: Cli, text: str) -> None:
    """A heading."""
    cli.print()
    cli.out.print(text, style="bold", soft_wrap=True)


def say(cli: Cli, name: str, fact: str) -> None:
    """One fact."""
    cli.print(f"  {name:<9} {fact}")


def comparisons(cli: Cli, model: "ModelVersion") -> None:
    """A table of base against tuned on each held-out set, with 95 % intervals."""
    head = ("held out", "records", "metric", "before", "after", "difference", "verdict")
    rows = [
        (
            SETS.get(c.set, c.set),
            str(c.count),
            c.metric,
            _interval(c.before),
            _interval(c.after),
            _interval(c.difference),
            "undecided: the interval holds zero" if c.verdict == "undecided" else c.verdict,
        )
        for c in model.comparisons
    ]
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    styles = ["bold", *(_STYLES[c.verdict] for c in model.comparisons)]
    for row, style in zip([head, *rows], styles, strict=True):
        line = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        cli.out.print(f"    {line}", style=style, soft_wrap=True)


def sequences(cli: Cli, reply: "GenerateReply") -> None:
    """Ranked sequences with their identity to the nearest training sequence, shortened to a line."""
    for s in reply.data:
        near = "-" if s.nearest_identity is None else f"{100 * s.nearest_identity:.0f} %"
        ended = "complete" if s.finish_reason == "stop" else "cut"
        valid = "valid" if s.valid else "has letters that are no residues"
        cli.print(
            f"    {s.rank}  perplexity {s.perplexity:5.2f}   {s.length:4d} residues, {ended}, {valid}   "
            f"identity to the nearest training sequence {near}"
        )
        more = "..." if len(s.sequence) > SHOWN_RESIDUES else ""
        cli.print(f"       {s.sequence[:SHOWN_RESIDUES]}{more}")


def answers(cli: Cli, question: str, *, before: str, after: str, documented: str) -> None:
    """One question with the base's answer, the tuned model's, and the documentation's own."""
    cli.print(f"    {question}")
    cli.print(f"      base        {_line(before)}")
    cli.out.print(f"      tuned       {_line(after)}", style="green", soft_wrap=True)
    cli.print(f"      documented  {documented}")


def how_to_go_on(cli: Cli, url: str, data_dir: Path, protein: "ModelVersion", chat: "ModelVersion") -> None:
    """How to open the models, by command, curl and the OpenAI SDK."""
    key = data_dir / "admin.key"
    command = program()
    title(cli, "Use them while this runs")
    cli.print(f"""\
  Command line:
    {command} chat {chat.id} --data-dir {data_dir}
    {command} generate {protein.id} -n 3 --data-dir {data_dir}
    {command} models show {protein.id} --data-dir {data_dir}

  curl:
    curl {url}/v1/chat/completions -H "Authorization: Bearer $(cat {key})" \\
      -H "Content-Type: application/json" \\
      -d '{{"model": "{chat.id}", "messages": [{{"role": "user", "content": "What does `json.loads(s)` do?"}}]}}'

  OpenAI SDK:
    from openai import OpenAI
    client = OpenAI(base_url="{url}/v1", api_key=open("{key}").read().strip())
    print(client.chat.completions.create(
        model="{chat.id}",
        messages=[{{"role": "user", "content": "What does `json.loads(s)` do?"}}],
    ).choices[0].message.content)

  The API's description: {url}/docs""")


def program() -> str:
    """How `tunesmith` is called here: by its name where the shell finds it, else by its path."""
    own = Path(sys.executable).parent / "tunesmith"
    found = shutil.which("tunesmith")
    if found is not None and Path(found).resolve() == own.resolve():
        return "tunesmith"
    return os.path.relpath(own) if own.is_relative_to(Path.cwd()) else str(own)


def raise_if_worse(models: "Sequence[ModelVersion]") -> None:
    """Raises WorkFailed, naming each set on which a tuned model is worse than its base."""
    worse = [f"{m.id}: {c.sentence}" for m in models for c in m.comparisons if c.verdict == "worse"]
    if worse:
        raise WorkFailed("A tuned model is worse on held-out records. " + " ".join(worse))


def _interval(found: "Estimate") -> str:
    return f"{found.value:.3g} ({found.low:.3g} to {found.high:.3g})"


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_ANSWER else line[:LONGEST_ANSWER].rstrip() + " ..."
