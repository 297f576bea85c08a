"""The embedded engine: transformers and PEFT on the CPU, one decode loop per base, adapters side by side."""

import asyncio
import contextlib
import inspect
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
import torch
from transformers import Cache, DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

from tunesmith.base_models.load import load_model, load_tokenizer
from tunesmith.base_models.weights import check_folder
from tunesmith.engines import precision
from tunesmith.engines.adapters import AdapterRack, read_adapter
from tunesmith.engines.artifacts import Artifacts, digest
from tunesmith.engines.base import Decoding
from tunesmith.engines.encoders import Encoders, LoadedEncoder
from tunesmith.engines.residents import Loading, Residents
from tunesmith.engines.scheduler import DecodeLoop, DecodeRun
from tunesmith.engines.settings import EngineSettings
from tunesmith.engines.text import TokenBytes
from tunesmith.schemas.errors import Invalid
from tunesmith.schemas.inference import ServedModel
from tunesmith.schemas.models import BaseModelEntry
from tunesmith.schemas.shape import Adaptation

log = structlog.get_logger()
Load = Callable[[], Awaitable[Loading["LoadedModel"]]]
BaseFolder = Callable[[BaseModelEntry], Path]
"""Brings a base's weights to this machine and answers their folder; may block."""


class TorchWeights:
    """A model's forward pass, through the base or one of its adapters (scheduler.Weights)."""

    def __init__(self, model: PreTrainedModel) -> None:
        self.model = model
        self.rack = AdapterRack(model)
        self._keeps_last = "logits_to_keep" in inspect.signature(model.forward).parameters

    def new_cache(self) -> DynamicCache:
        return DynamicCache(config=self.model.config)

    def logits(self, ids: torch.Tensor, cache: Cache, adapter: str | None, last: int) -> torch.Tensor:
        self.rack.choose(adapter)
        options: dict[str, Any] = {"logits_to_keep": last} if self._keeps_last else {}
        output = self.model(input_ids=ids, past_key_values=cache, use_cache=True, **options)
        return output.logits[:, -last:].float()


@dataclass
class Body:
    """Weights in memory with the thread that runs them: a base, or a fully tuned model."""

    weights: TorchWeights
    loop: DecodeLoop
    tokenizer: PreTrainedTokenizerBase
    dtype: torch.dtype

    @property
    def size_bytes(self) -> int:
        return self.weights.model.get_memory_footprint()


@dataclass(eq=False)
class LoadedModel:
    """A model as requests see it (base.Model): a body, perhaps one of its adapters, and a tokenizer."""

    entry: BaseModelEntry
    body: Body
    tokenizer: PreTrainedTokenizerBase
    folder: Path | None = None
    adapter: str | None = None
    token_bytes: TokenBytes = field(init=False)
    context: int = field(init=False)
    vocabulary: int = field(init=False)
    stop_ids: frozenset[int] = field(init=False)

    def __post_init__(self) -> None:
        model = self.body.weights.model
        self.token_bytes = TokenBytes(self.tokenizer)
        limit = getattr(model.config, "max_position_embeddings", None)
        self.context = min(self.entry.context, limit) if isinstance(limit, int) else self.entry.context
        self.vocabulary = int(model.config.get_text_config().vocab_size)
        self.stop_ids = _stop_ids(model, self.tokenizer)

    def start(self, prompts: list[list[int]], decoding: Decoding) -> DecodeRun:
        stop_ids = self.stop_ids if decoding.stop_ids is None else decoding.stop_ids
        run = DecodeRun(prompts, decoding, self.adapter, stop_ids)
        self.body.loop.submit(run)
        return run


def _stop_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """All end tokens that the model's own settings and its tokenizer name."""
    named = [getattr(model.generation_config, "eos_token_id", None), getattr(model.config, "eos_token_id", None)]
    found: set[int] = set()
    for value in [*named, tokenizer.eos_token_id]:
        found.update(value if isinstance(value, list) else [] if value is None else [int(value)])
    return frozenset(found)


class TransformersEngine:
    """Keeps bases, adapters and fully tuned models in memory, the least recently used freed first (base.Engine)."""

    def __init__(self, settings: EngineSettings, artifacts: Artifacts, base_folder: BaseFolder) -> None:
        self._settings = settings
        self._artifacts = artifacts
        self._base_folder = base_folder
        self._residents: Residents[Any] = Residents(settings.memory_bytes)
        self._encoders = Encoders(settings, artifacts, self._residents, base_folder)
        self._adapter_numbers = itertools.count()

    @contextlib.asynccontextmanager
    async def lease(self, served: ServedModel) -> AsyncIterator[LoadedModel]:
        """The model, loaded if need be, and kept until the block is left (see base.Engine)."""
        key, load = self._plan(served)
        async with self._residents.hold(key, load) as resident:
            resident.names.add(served.name)
            yield resident.thing

    @contextlib.asynccontextmanager
    async def lease_encoder(self, served: ServedModel) -> AsyncIterator[LoadedEncoder]:
        """The same for an embedding model or a classifier."""
        key, load = self._encoders.plan(served)
        async with self._residents.hold(key, load) as resident:
            resident.names.add(served.name)
            yield resident.thing

    def loaded(self) -> list[str]:
        """Names of the models in memory."""
        return self._residents.names()

    def active_rows(self) -> int:
        """Sequences being continued now, over all models."""
        bodies = {id(model.body): model.body for model in self._residents.things()}
        return sum(body.loop.active_rows for body in bodies.values())

    async def unload(self, name: str) -> bool:
        """Frees the model; False when none of that name is loaded. A base takes its idle adapters with it."""
        return await self._residents.drop(name)

    async def close(self) -> bool:
        """Ends every run and frees everything; False when a thread is still busy with a load."""
        await self._residents.close()
        return self._residents.abandoned == 0

    def _plan(self, served: ServedModel) -> tuple[str, Load]:
        """The key of the weights and how to load them. Raises Invalid."""
        if served.adaptation is None:
            return _base_key(served.base), lambda: self._load_base(served.base)
        if not served.files:
            raise Invalid(f"{served.name} came without files. Ask the server for it again.")
        key = f"{served.adaptation}:{digest(served.files)}:{_base_key(served.base)}"
        if served.adaptation is Adaptation.FULL:
            return key, lambda: self._load_full(served)
        return key, lambda: self._load_adapter(served)

    async def _load_base(self, entry: BaseModelEntry) -> Loading[LoadedModel]:
        folder = await asyncio.to_thread(self._base_folder, entry)
        body = await self._open_body(entry, folder)
        return Loading(LoadedModel(entry, body, body.tokenizer), body.size_bytes, _closer(body))

    async def _load_full(self, served: ServedModel) -> Loading[LoadedModel]:
        folder = await self._artifacts.folder(served.files)
        try:
            body = await self._open_body(served.base, folder)
        except BaseException:
            self._artifacts.release(folder)
            raise

        async def free() -> None:
            await _closer(body)()
            self._artifacts.release(folder)

        return Loading(LoadedModel(served.base, body, body.tokenizer, folder), body.size_bytes, free)

    async def _load_adapter(self, served: ServedModel) -> Loading[LoadedModel]:
        """The base is held for as long as the adapter stays; other requests on it go on meanwhile."""
        base_key, load_base = self._plan(served.model_copy(update={"adaptation": None, "files": []}))
        holding = contextlib.AsyncExitStack()
        try:
            folder = await self._artifacts.folder(served.files)
            holding.callback(self._artifacts.release, folder)
            base = (await holding.enter_async_context(self._residents.hold(base_key, load_base))).thing
            body: Body = base.body
            files = await asyncio.to_thread(read_adapter, folder, body.dtype)
            tokenizer = await asyncio.to_thread(_own_tokenizer, folder, body.tokenizer)
            name = f"adapter_{next(self._adapter_numbers)}"
            async with self._residents.room(files.size_bytes):
                await asyncio.wrap_future(body.loop.between_steps(lambda: body.weights.rack.attach(name, files)))
            holding.push_async_callback(_detach, body, name)
        except BaseException:
            await holding.aclose()
            raise
        log.info("adapter.attached", model=served.name, base=served.base.key, size_bytes=files.size_bytes)
        model = LoadedModel(served.base, body, tokenizer, folder, name)
        return Loading(model, files.size_bytes, holding.aclose, base_key)

    async def _open_body(self, entry: BaseModelEntry, folder: Path) -> Body:
        dtype = precision.choose(self._settings.dtype, entry.parameters)
        await asyncio.to_thread(check_folder, folder)
        async with self._residents.room(precision.size_bytes(folder, dtype)):
            model = await asyncio.to_thread(load_model, folder, entry, dtype=dtype)
        tokenizer = await asyncio.to_thread(load_tokenizer, folder)
        weights = TorchWeights(model)
        loop = DecodeLoop(entry.key, weights, threads=self._settings.threads, max_rows=self._settings.max_rows)
        log.info("model.loaded", base=entry.key, dtype=str(dtype), size_bytes=model.get_memory_footprint())
        return Body(weights, loop, tokenizer, dtype)


def _base_key(entry: BaseModelEntry) -> str:
    return f"base:{entry.key}:{entry.source.model_dump_json()}"


def _own_tokenizer(folder: Path, base: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """The tuned model's tokenizer: training may have given it a chat template."""
    return load_tokenizer(folder) if (folder / "tokenizer_config.json").is_file() else base


async def _detach(body: Body, name: str) -> None:
    await asyncio.wrap_future(body.loop.between_steps(lambda: body.weights.rack.detach(name)))


def _closer(body: Body) -> Callable[[], Awaitable[None]]:
    async def close() -> None:
        await asyncio.to_thread(body.loop.close)

    return close
