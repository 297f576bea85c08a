"""The README.md in a tuned model's folder: what it is, what it was made from, how it did, and how to load it.

Its front matter is what hubs index. Nothing of the records' text is in it.
"""

import re

from tunesmith.schemas.models import BaseModelEntry, ClassificationDetails, EmbeddingDetails, HubSource
from tunesmith.schemas.shape import Adaptation, Task, TrainingMethod
from tunesmith.schemas.training import TrainingResult, TrainingSpec

LOADING = "## How to load it"
PIPELINES = {
    Task.CHAT: "text-generation",
    Task.PROTEIN: "text-generation",
    Task.CLASSIFICATION: "text-classification",
    Task.EMBEDDING: "sentence-similarity",
}
HUB_LICENCES = frozenset(
    {"apache-2.0", "mit", "bsd-3-clause", "cc-by-4.0", "cc-by-nc-4.0", "gemma", "llama2", "llama3", "llama3.1",
     "llama3.2", "llama3.3", "openrail", "gpl-3.0", "agpl-3.0"}
)  # fmt: skip
"""Identifiers that the hub knows, of licences that base models carry."""


def model_card(spec: TrainingSpec, result: TrainingResult | None, note: str = "") -> str:
    """Markdown; `result` is None for a checkpoint of a run that still goes on. `note` says what was measured."""
    parts = [
        _front_matter(spec),
        f"# {spec.base.title}, fine-tuned for {spec.task}",
        _origin(spec),
        *([_numbers(result), _proof(result, note)] if result else ["A checkpoint from the middle of the run."]),
        f"{LOADING}\n\n{_loading(spec.task, spec.base, merged=spec.adaptation is Adaptation.FULL)}",
        f"## Limits\n\n{_limits(spec, result)}",
    ]
    if result is not None:
        parts += [_table("Hyperparameters", result.hyperparameters.model_dump()), _table("Packages", result.packages)]
    return "\n\n".join(part for part in parts if part) + "\n"


def merged_card(card: str) -> str:
    """The card of an adapter as it stands in the folder of the model that it was merged into."""
    front, _, rest = card.removeprefix("---\n").partition("\n---\n")
    library = "sentence-transformers" if "pipeline_tag: sentence-similarity" in front else "transformers"
    front = front.replace("library_name: peft", f"library_name: {library}").replace(
        "_relation: adapter", "_relation: merge"
    )
    task = next((t for t, p in PIPELINES.items() if f"pipeline_tag: {p}" in front), Task.CHAT)
    loading = f"{LOADING}\n\nThe adapter was merged into its base.\n\n{_loading(task, None, merged=True)}\n\n"
    rest = re.sub(rf"{re.escape(LOADING)}\n.*?(?=^## |\Z)", lambda _: loading, rest, flags=re.DOTALL | re.MULTILINE)
    return f"---\n{front}\n---\n{rest}"


def _front_matter(spec: TrainingSpec) -> str:
    full = spec.adaptation is Adaptation.FULL
    library = "sentence-transformers" if spec.task is Task.EMBEDDING else "transformers"
    licence = spec.base.licence.lower()
    lines = [f"library_name: {library if full else 'peft'}", f"pipeline_tag: {PIPELINES[spec.task]}"]
    repo = hub_id(spec.base)
    if repo is not None:  # another name here is an error to the hub
        lines += [f"base_model: {repo}", f"base_model_relation: {'finetune' if full else 'adapter'}"]
    if licence in HUB_LICENCES:
        lines.append(f"license: {licence}")
    else:
        name = re.sub(r"[^a-z0-9.]+", "-", licence).strip("-") or "unknown"
        lines += ["license: other", f"license_name: {name}"]
    tags = ["tunesmith", str(spec.task), str(spec.adaptation)]
    if spec.method is TrainingMethod.DPO:
        tags.append("dpo")
    if spec.task is Task.EMBEDDING:
        tags += ["sentence-transformers", "feature-extraction"]
    lines += ["tags:", *(f"- {tag}" for tag in tags)]
    return "\n".join(["---", *lines, "---"])


def hub_id(entry: BaseModelEntry) -> str | None:
    """The base's name on the hub, if it has one there."""
    if isinstance(entry.source, HubSource):
        return entry.source.repo
    return next((alias for alias in entry.aliases if alias.count("/") == 1), None)


def _origin(spec: TrainingSpec) -> str:
    lines = [
        "Trained by Tunesmith.",
        "",
        f"- Job: {spec.job_id}",
        f"- Task: {spec.task}; adaptation: {spec.adaptation}; method: {spec.method}",
        f"- Base: {spec.base.key} ({spec.base.licence}; the base's licence holds for this model too)",
        f"- Training file: sha256 {spec.training_file.sha256}",
    ]
    if spec.validation_file is not None:
        lines.append(f"- Validation file: sha256 {spec.validation_file.sha256}")
    return "\n".join([*lines, f"- Seed: {spec.seed}"])


def _numbers(result: TrainingResult) -> str:
    return "\n".join(
        [
            "## What it was trained on",
            "",
            f"- Records: {result.n_train} trained on, {result.n_held_out} held out",
            f"- Fingerprint of the records trained on: {result.record_fingerprint}",
            f"- Steps: {result.steps}; trained tokens: {result.trained_tokens:,}",
        ]
    )


def _proof(result: TrainingResult, note: str) -> str:
    lines = ["## Held-out records, before and after", ""]
    lines += [f"- {c.sentence}" for c in result.comparisons] or ["Nothing was held out: how it does is not known."]
    if result.comparisons:
        lines += [
            "",
            "Base and tuned model were measured on the same records by the same code; none of them was trained on. "
            "Intervals are 95 %, by bootstrap over the records.",
            *([note] if note else []),
        ]
    lines += ["", note] if note else []
    if result.classification is not None:
        lines += ["", *_classes(result.classification)]
    if result.embedding is not None:
        lines += ["", *_embedding(result.embedding)]
    return "\n".join(lines)


def _classes(details: ClassificationDetails) -> list[str]:
    rows = [f"| {c.label} | {c.support} | {c.precision:.3f} | {c.recall:.3f} | {c.f1:.3f} |" for c in details.classes]
    error = f"Expected calibration error: {details.expected_calibration_error:.3f}."
    return ["| class | held out | precision | recall | F1 |", "|---|---|---|---|---|", *rows, "", error]


def _embedding(details: EmbeddingDetails) -> list[str]:
    lines = [f"Loss: {details.loss}. {details.n_queries} queries against {details.n_documents} documents held out."]
    return lines + [f"- first {size} dimensions: {score:.3f}" for size, score in details.by_dimensions.items()]


_N_LABELS = ", num_labels=NUMBER_OF_LABELS"
_LOADERS = {
    Task.CHAT: "AutoModelForCausalLM",
    Task.PROTEIN: "AutoModelForCausalLM",
    Task.CLASSIFICATION: "AutoModelForSequenceClassification",
    Task.EMBEDDING: "AutoModel",
}


def _loading(task: Task, entry: BaseModelEntry | None, *, merged: bool) -> str:
    """Python that loads the folder or the repository that the card lies in; `entry` is the base of an adapter."""
    own = '"PATH_OR_REPO"'
    base = own if entry is None else f'"{hub_id(entry) or _folder_of(entry)}"'
    if task is Task.EMBEDDING:
        code = ["from sentence_transformers import SentenceTransformer", ""]
        code += [f"model = SentenceTransformer({own if merged else base})"]
        code += [] if merged else [f"model.load_adapter({own})"]
        return _python([*code, 'vectors = model.encode(["a text"])'])
    loader = _LOADERS[task]
    tokenizer = f"tokenizer = AutoTokenizer.from_pretrained({own})"
    if merged:
        code = [f"from transformers import {loader}, AutoTokenizer", "", tokenizer]
        return _python([*code, f"model = {loader}.from_pretrained({own})"])
    code = ["from peft import PeftModel", f"from transformers import {loader}, AutoTokenizer", "", tokenizer]
    code += [f"base = {loader}.from_pretrained({base}{_N_LABELS if task is Task.CLASSIFICATION else ''})"]
    return _python([*code, f"model = PeftModel.from_pretrained(base, {own})"])


def _folder_of(entry: BaseModelEntry) -> str:
    return f"FOLDER_OF_{re.sub(r'[^A-Za-z0-9]+', '_', entry.key).upper()}"


def _python(lines: list[str]) -> str:
    return "\n".join(["```python", *lines, "```"])


def _limits(spec: TrainingSpec, result: TrainingResult | None) -> str:
    lines = [
        "- The figures above are of records like those it was trained on. Of others, and of safety, they say nothing."
    ]
    if spec.adaptation is Adaptation.QLORA:
        lines.append(
            "- It was trained over its base in four bits (NF4, double quantisation). The adapter is a plain one and is "
            "served on the unquantised base."
        )
    if spec.task is Task.PROTEIN:
        lines.append("- Sequences it makes are guesses: none was folded or made in a laboratory.")
    if spec.task is Task.CLASSIFICATION:
        lines.append("- It knows no class but its own and always gives probabilities to them.")
    if result is not None and 0 < result.n_held_out < 100:
        lines.append(f"- Only {result.n_held_out} records were held out, so the intervals are wide.")
    return "\n".join(lines)


def _table(title: str, facts: dict[str, object] | dict[str, str]) -> str:
    return "\n".join([f"## {title}", "", *(f"- {name}: {value}" for name, value in facts.items())])
