"""What an upload is refused for by its name, in words that clients of OpenAI know."""

from tunesmith.records.formats import not_readable
from tunesmith.schemas.errors import Invalid

PACKED = (".zip", ".bz2", ".xz", ".zst", ".7z", ".tar", ".tgz")


def wrong_name(filename: str, purpose: str) -> Invalid:
    """A name that the purpose does not take."""
    shown = f"'{filename[:100]}'" if filename else "a file without a name"
    if purpose == "batch":
        return not_readable(f"Invalid file format for Batch API. Must be .jsonl; got {shown}.")
    hint = " Unpack it first." if filename.lower().removesuffix(".gz").endswith(PACKED) else ""
    return not_readable(
        "Invalid file format for Fine-Tuning API. Must be .jsonl, or .csv or .tsv, or .fasta, .fa or .faa for protein "
        f"sequences, each also with .gz; got {shown}.{hint}"
    )
