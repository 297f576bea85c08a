"""Encoders in memory: a base that embeds and carries adapters, a fully tuned embedding model or classifier."""

import asyncio
import contextlib
import itertools
import sys
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import structlog
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from tunesmith.base_models.prompts import encoder_ids
from tunesmith.base_models.weights import check_folder
from tunesmith.engines import precision
from tunesmith.engines.adapters import AdapterRack
from tunesmith.engines.artifacts import Artifacts, digest
from tunesmith.engines.batching import EncodeLoop, EncodeRun, Lane
from tunesmith.engines.encoder_files import (
    EmbeddingFile,
    LabelsFile,
    Prefixes,
    embedding_file,
    labels_file,
    prefixes_of,
)
from tunesmith.engines.encoder_folders import (
    context_of,
    own_tokenizer,
    read_classifier,
    read_encoder,
    untrained,
    vector_head,
    width_of,
)
from tunesmith.engines.lanes import ClassLane, VectorLane, classifier_upon, read_encoder_adapter
from tunesmith.engines.residents import Loading, Residents
from tunesmith.engines.settings import EngineSettings
from tunesmith.schemas.errors import Invalid
from tunesmith.schemas.inference import ServedModel
from tunesmith.schemas.models import BaseModelEntry
from tunesmith.schemas.shape import Adaptation, Task

log = structlog.get_logger()
Load = Callable[[], Awaitable[Loading[Any]]]
BaseFolder = Callable[[BaseModelEntry], Path]


@dataclass
class Body:
    """An encoder's weights with the thread that runs them."""

    model: PreTrainedModel
    """Without a head; of a fully tuned classifier, with it."""
    head: torch.nn.Module | None
    """From token vectors to one; None of a classifier."""
    tokenizer: PreTrainedTokenizerBase
    dtype: torch.dtype
    own_limit: int | None
    """Tokens that the folder itself allows, where it says so."""
    rack: AdapterRack
    loop: EncodeLoop
    folder: Path
    tokenizing: threading.Lock = field(default_factory=threading.Lock)
    """A fast tokenizer must not be set up by two threads at once."""

    @property
    def size_bytes(self) -> int:
        return self.model.get_memory_footprint()


@dataclass(eq=False)
class LoadedEncoder:
    """An encoder as requests see it (base.Encoder)."""

    entry: BaseModelEntry
    body: Body
    lane: Lane
    tokenizer: PreTrainedTokenizerBase
    context: int
    """Tokens of one input."""
    prefixes: Prefixes = field(default_factory=Prefixes)
    embedding: EmbeddingFile | None = None
    classes: LabelsFile | None = None

    @property
    def vocabulary(self) -> int:
        return int(self.body.model.config.get_text_config().vocab_size)

    def token_ids(self, texts: list[str]) -> list[list[int]]:
        with self.body.tokenizing:
            if self.entry.prompt_format != "text":
                return [encoder_ids(self.tokenizer, self.entry, text, sys.maxsize)[0] for text in texts]
            found: Any = self.tokenizer(texts, truncation=False, padding=False, verbose=False)
        return [list(ids) for ids in found["input_ids"]]

    async def encode(self, rows: list[list[int]]) -> torch.Tensor:
        run = EncodeRun(self.lane, rows)
        self.body.loop.submit(run)
        return await asyncio.wrap_future(run.future)


class Encoders:
    """Loads encoders for an engine; what is loaded lives in the engine's residents."""

    def __init__(
        self, settings: EngineSettings, artifacts: Artifacts, residents: Residents[Any], base_folder: BaseFolder
    ) -> None:
        self._settings = settings
        self._artifacts = artifacts
        self._residents = residents
        self._base_folder = base_folder
        self._adapter_numbers = itertools.count()

    def plan(self, served: ServedModel) -> tuple[str, Load]:
        """The key of the weights and how to load them. Raises Invalid."""
        base_key = f"encoder:{served.base.key}:{served.base.source.model_dump_json()}"
        if served.adaptation is None:
            if served.task is Task.CLASSIFICATION:
                return f"classes:{base_key}", lambda: self._load_base_classifier(served.base)
            return base_key, lambda: self._load_base(served.base)
        if not served.files:
            raise Invalid(f"{served.name} came without files. Ask the server for it again.")
        key = f"{served.adaptation}:{served.task}:{digest(served.files)}:{base_key}"
        if served.adaptation is Adaptation.FULL:
            return key, lambda: self._load_full(served)
        return key, lambda: self._load_adapter(served, base_key)

    async def _load_base(self, entry: BaseModelEntry) -> Loading[LoadedEncoder]:
        folder = await asyncio.to_thread(self._base_folder, entry)
        return _loading(_embedder(entry, await self._open(entry, folder)))

    async def _load_base_classifier(self, entry: BaseModelEntry) -> Loading[LoadedEncoder]:
        """A base that has classes of its own: an operator may name one in the catalogue."""
        folder = await asyncio.to_thread(self._base_folder, entry)
        if labels_file(folder) is None:
            raise Invalid(
                f"'{entry.key}' is a base without classes. Fine-tune it on labelled texts (task classification) and "
                "call POST /v1/classify with the tuned model's name.",
                param="model",
            )
        return _loading(_classifier(entry, await self._open(entry, folder, has_classes=True)))

    async def _load_full(self, served: ServedModel) -> Loading[LoadedEncoder]:
        folder = await self._artifacts.folder(served.files)
        try:
            body = await self._open(served.base, folder, has_classes=served.task is Task.CLASSIFICATION)
            make = _classifier if served.task is Task.CLASSIFICATION else _embedder
            loading = _loading(make(served.base, body))
        except BaseException:
            self._artifacts.release(folder)
            raise

        async def free() -> None:
            await loading.free()
            self._artifacts.release(folder)

        return Loading(loading.thing, loading.size_bytes, free)

    async def _load_adapter(self, served: ServedModel, base_key: str) -> Loading[LoadedEncoder]:
        """The base is held for as long as the adapter stays; other requests on it go on meanwhile."""
        holding = contextlib.AsyncExitStack()
        try:
            folder = await self._artifacts.folder(served.files)
            holding.callback(self._artifacts.release, folder)
            load = lambda: self._load_base(served.base)  # noqa: E731
            base: LoadedEncoder = (await holding.enter_async_context(self._residents.hold(base_key, load))).thing
            body = base.body
            has_classes = served.task is Task.CLASSIFICATION
            files, head = await asyncio.to_thread(
                read_encoder_adapter, folder, body.model, body.dtype, has_classes=has_classes
            )
            size_bytes = files.size_bytes + sum(tensor.nbytes for tensor in head.values())
            name = f"adapter_{next(self._adapter_numbers)}"
            async with self._residents.room(size_bytes):
                await asyncio.wrap_future(body.loop.between_steps(lambda: body.rack.attach(name, files)))
            holding.push_async_callback(_detach, body, name)
            tokenizer = await asyncio.to_thread(own_tokenizer, folder, body.tokenizer)
            model = _with_adapter(served, folder, base, head, name, tokenizer)
        except BaseException:
            await holding.aclose()
            raise
        log.info("adapter.attached", model=served.name, base=served.base.key, size_bytes=size_bytes)
        return Loading(model, size_bytes, holding.aclose, base_key)

    async def _open(self, entry: BaseModelEntry, folder: Path, *, has_classes: bool = False) -> Body:
        dtype = precision.choose_for_encoder(self._settings.dtype)
        await asyncio.to_thread(check_folder, folder)
        async with self._residents.room(precision.size_bytes(folder, dtype)):
            read = read_classifier if has_classes else read_encoder
            model, head, tokenizer, limit = await asyncio.to_thread(read, folder, entry, dtype)
        log.info("model.loaded", base=entry.key, dtype=str(dtype), size_bytes=model.get_memory_footprint())
        return Body(
            model,
            head,
            tokenizer,
            dtype,
            limit,
            AdapterRack(model),
            EncodeLoop(entry.key, threads=self._settings.threads, max_rows=self._settings.max_rows),
            folder,
        )


def _embedder(entry: BaseModelEntry, body: Body) -> LoadedEncoder:
    assert body.head is not None
    lane = VectorLane(body.model, body.head, _pad_id(body.tokenizer), body.rack, None)
    stated = embedding_file(body.folder)
    context = context_of(entry, body.model, body.own_limit)
    prefixes = prefixes_of(body.folder, entry, stated)
    return LoadedEncoder(
        entry, body, lane, body.tokenizer, context, prefixes, stated or untrained(body.model, body.head)
    )


def _classifier(entry: BaseModelEntry, body: Body) -> LoadedEncoder:
    classes = labels_file(body.folder)
    n_outputs = cast("int", body.model.config.num_labels)
    if classes is None or len(classes.labels) != n_outputs:
        found = "none" if classes is None else str(len(classes.labels))
        raise Invalid(f"The classifier has {n_outputs} outputs and its labels are {found}. Train it again.")
    lane = ClassLane(body.model, _pad_id(body.tokenizer), None, None)
    return LoadedEncoder(entry, body, lane, body.tokenizer, context_of(entry, body.model), classes=classes)


def _with_adapter(
    served: ServedModel,
    folder: Path,
    base: LoadedEncoder,
    head: dict[str, torch.Tensor],
    name: str,
    tokenizer: PreTrainedTokenizerBase,
) -> LoadedEncoder:
    body, pad_id = base.body, _pad_id(tokenizer)
    # The limit of the base's folder is what its authors trained on; the adapter was trained on more, perhaps.
    context = context_of(served.base, body.model)
    if served.task is Task.CLASSIFICATION:
        classes = labels_file(folder)
        if classes is None:
            raise Invalid(f"{served.name} has no labels.json, so its classes have no names. Train it again.")
        classifier = classifier_upon(body.model, head, len(classes.labels), pad_id)
        lane: Lane = ClassLane(classifier, pad_id, body.rack, name)
        return LoadedEncoder(served.base, body, lane, tokenizer, context, classes=classes)
    stated = embedding_file(folder)
    assert body.head is not None
    head_of_vectors = body.head
    if stated is not None and len(list(body.head.children())) <= 2:  # more than pooling and length stays as it is
        head_of_vectors = vector_head(width_of(body.model), stated.pooling, normalize=stated.normalize)
    lane = VectorLane(body.model, head_of_vectors, pad_id, body.rack, name)
    prefixes = prefixes_of(folder, served.base, stated)
    return LoadedEncoder(served.base, body, lane, tokenizer, context, prefixes, stated or base.embedding)


def _pad_id(tokenizer: PreTrainedTokenizerBase) -> int:
    return int(cast("Any", tokenizer.pad_token_id) or 0)


def _loading(model: LoadedEncoder) -> Loading[LoadedEncoder]:
    async def close() -> None:
        await asyncio.to_thread(model.body.loop.close)

    return Loading(model, model.body.size_bytes, close)


async def _detach(body: Body, name: str) -> None:
    await asyncio.wrap_future(body.loop.between_steps(lambda: body.rack.detach(name)))
