"""The README.md in a tuned model's folder: what it is, what it was made from, and how it did."""

from tunesmith.schemas.training import TrainingResult, TrainingSpec


def model_card(spec: TrainingSpec, result: TrainingResult | None) -> str:
    """Markdown; `result` is None for a checkpoint of a run that still goes on."""
    lines = [
        "---",
        f"base_model: {spec.base.key}",
        f"library_name: {'peft' if spec.adaptation == 'lora' else 'transformers'}",
        "tags: [tunesmith]",
        "---",
        f"# {spec.base.title}, fine-tuned",
        "",
        f"- Job: {spec.job_id}",
        f"- Task: {spec.task}; adaptation: {spec.adaptation}; method: {spec.method}",
        f"- Base: {spec.base.key} ({spec.base.licence}; the base's licence holds for this model too)",
        f"- Training file: sha256 {spec.training_file.sha256}",
        f"- Seed: {spec.seed}",
    ]
    if result is None:
        return "\n".join([*lines, "- A checkpoint from the middle of the run.", ""])
    lines.append(f"- Records: {result.n_train} trained on, {result.n_held_out} held out")
    lines += ["", "## Held-out records, before and after", ""]
    lines += [f"- {c.sentence}" for c in result.comparisons] or ["Nothing was held out."]
    lines += ["", "## Hyperparameters", ""]
    lines += [f"- {name}: {value}" for name, value in result.hyperparameters.model_dump().items()]
    lines += ["", "## Packages", ""]
    lines += [f"- {name} {number}" for name, number in result.packages.items()]
    return "\n".join([*lines, ""])
