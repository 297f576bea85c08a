"""A job's data check-up and its checkpoints' answers, on the screen."""

from typing import TYPE_CHECKING

from tunesmith.cli.command import Cli

if TYPE_CHECKING:
    from tunesmith.schemas.datasets import Checkup, Histogram, MarkedText
    from tunesmith.schemas.jobs import JobCheckpoint

BAR = 40
"""Characters of the longest bar."""
TEXT = 200
"""Characters of a prompt or an answer."""
SHOWN = 2
"""Records of the first batch."""


def show_checkup(cli: Cli, checkup: "Checkup") -> None:
    """Counts, findings, lengths, and the first records with their trained tokens in brackets."""
    if cli.as_json:
        cli.json(checkup)
        return
    labels = ", ".join(f"{label} {count:,}" for label, count in checkup.labels.items())
    cli.fields(
        [
            ("to train on", f"{checkup.n_train:,} records"),
            ("held out", f"{checkup.n_held_out:,} records"),
            ("cut", f"{checkup.n_truncated:,} at {checkup.max_seq_len:,} tokens"),
            ("trained tokens", f"{100 * checkup.trained_token_share:.0f} %"),
            ("labels", labels or None),
        ]
    )
    for finding in checkup.findings:
        cli.print(f"{finding.level}: {finding.message} {finding.fix}")
    if not checkup.findings:
        cli.print("Nothing odd was found.")
    if checkup.token_lengths is not None:
        cli.print("Lengths in tokens:")
        for line in _bars(checkup.token_lengths):
            cli.print(line)
    shown = checkup.first_batch[:SHOWN]
    if shown:
        cli.print("How the first batch begins, what is trained in [[brackets]]:")
    for record in shown:
        cli.print(f"- {_bracketed(record)}")


def show_checkpoint(cli: Cli, checkpoint: "JobCheckpoint") -> None:
    """Name, figures and answers."""
    figures = ", ".join(f"{name} {value:.4g}" for name, value in checkpoint.metrics.items())
    cli.print(f"step {checkpoint.step_number}: {checkpoint.fine_tuned_model_checkpoint} ({figures})")
    for answer in checkpoint.answers:
        cli.print(f"  prompt   {_short(answer.prompt, end=True)}")
        cli.print(f"  answer   {_short(answer.answer)}")
        cli.print(f"  record   {_short(answer.reference)}")


def _bars(histogram: "Histogram") -> list[str]:
    most = max(histogram.counts, default=0)
    lines: list[str] = []
    for low, high, count in zip(histogram.edges, histogram.edges[1:], histogram.counts, strict=False):
        bar = "#" * max(1 if count else 0, round(BAR * count / max(1, most)))
        lines.append(f"  {low:>7.0f} - {high:<7.0f} {count:>7,} {bar}")
    return lines


def _bracketed(record: "list[MarkedText]") -> str:
    return "".join(f"[[{piece.text}]]" if piece.trained else piece.text for piece in record)


def _short(text: str, *, end: bool = False) -> str:
    """On one line; of a prompt the end matters."""
    line = " ".join(text.split())
    if len(line) <= TEXT:
        return line or "(nothing)"
    return f"...{line[-TEXT:]}" if end else f"{line[:TEXT]}..."
