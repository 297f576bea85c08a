"""Names of tuned models: ft:BASE:ORG:SUFFIX:ID, and of checkpoints: the same with :ckpt-step-N behind it."""

from tunesmith.server import ids


def new_name(base_key: str, organization: str, suffix: str | None) -> str:
    """A fresh name; without a suffix its field is empty. Colons inside a part would split it, so they are taken out."""
    parts = [base_key, organization, suffix or "", ids.new_id("model")]
    return "ft:" + ":".join(part.replace(":", "-") for part in parts)


def of_checkpoint(model_name: str, step: int) -> str:
    """The name of the job's published checkpoint at `step`."""
    return f"{model_name}:ckpt-step-{step}"


def family_of(base_key: str, suffix: str | None) -> str:
    """Versions are counted by family: the suffix, else the base's key."""
    return suffix or base_key


def is_tuned(name: str) -> bool:
    """True when the name is of a tuned model's form."""
    return name.startswith("ft:")
