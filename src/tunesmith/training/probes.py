"""Up to four fixed prompts with what the tuned model makes of them, which an engine must repeat before it is trusted.

A prompt's tokens are those that the training rows have before the answer: what the model learned from, not what a
server would render. The answers are made from the folder that was written, in the number format that the engine uses,
an adapter on the plain base; so they are of the model as it is served, whatever it was trained over.
"""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from transformers import DynamicCache, PreTrainedTokenizerBase

from tunesmith.base_models.errors import PromptUnsupported
from tunesmith.base_models.fetch import local_folder
from tunesmith.base_models.load import load_tokenizer
from tunesmith.base_models.prompts import encoder_ids, rendered_ids, sequence_prompt_ids
from tunesmith.base_models.serving import decoder_dtype
from tunesmith.schemas.errors import TunesmithError
from tunesmith.schemas.models import BaseModelEntry, Probe
from tunesmith.schemas.records import (
    ChatRecord,
    LabelledRecord,
    LabelledSequenceRecord,
    Message,
    PreferenceRecord,
    Record,
    RecordKind,
    SequenceRecord,
    TextsRecord,
)
from tunesmith.schemas.shape import Task
from tunesmith.schemas.training import TrainingSpec
from tunesmith.training.base_model import Base, models_dir
from tunesmith.training.batches import free_bytes
from tunesmith.training.data import UNTRAINED, chat_row
from tunesmith.training.progress import ProgressLog
from tunesmith.training.saved_model import load_saved

MOST = 4
PROMPT_TOKENS = 512
"""Longer prompts are passed over: an engine answers the probes beside its other work."""
TEXT_CHARACTERS = 8192
NEW_TOKENS = {Task.CHAT: 24, Task.PROTEIN: 32}
FIRST_RESIDUES = 20
VECTOR = 16
"""Numbers of an embedding that are kept."""
ROOM = 1.3
"""Free memory that is wanted, in the weights that are loaded."""


def questions(records: Iterable[Record], base: Base, task: Task) -> list[Probe]:
    """The first records that make a fit prompt, as training writes them; answers are to come.

    Held-out ones should come first. Where they are too few, one that was trained on serves as well: this compares two
    programs and scores no model.
    """
    found: list[Probe] = []
    for record in records:
        if len(found) == MOST:
            break
        try:
            probe = _question(record, base.tokenizer, base.entry, task)
        except PromptUnsupported:
            continue  # told where the rows are made
        room = min(PROMPT_TOKENS, base.entry.context - NEW_TOKENS.get(task, 0))
        if probe is not None and 0 < len(probe.prompt_ids) <= room and _characters(probe) <= TEXT_CHARACTERS:
            found.append(probe)
    return found


def answered(spec: TrainingSpec, probes: list[Probe], folder: Path, progress: ProgressLog) -> list[Probe]:
    """The probes with the answers of the model in `folder`; none, and a warning, when it cannot be loaded here."""
    if not probes:
        return []
    dtype = decoder_dtype(spec.base.parameters) if spec.task in NEW_TOKENS else torch.float32
    device = _device(spec.base, dtype)
    if device is None:
        progress.message(
            "There is no memory here to load the model as it is served, so nothing is kept that an engine could be "
            "compared with.",
            level="warn",
        )
        return []
    try:
        tokenizer = load_tokenizer(folder)
        base_folder = local_folder(spec.base, models_dir(), hub_token=os.environ.get("HF_TOKEN"))
        model: Any = load_saved(folder, spec.base, base_folder, pad_id=_pad_id(tokenizer), dtype=dtype)
        model.to(device)
        with torch.inference_mode():
            return [_answer(probe, spec.task, model, tokenizer, folder, device) for probe in probes]
    except (TunesmithError, RuntimeError, ValueError, KeyError, OSError, MemoryError) as e:
        # The model is complete: that it could not be asked here is told and does not fail the run.
        progress.message(f"The model's answers for the comparison with an engine could not be made: {e}", level="warn")
        return []


def _question(record: Record, tokenizer: PreTrainedTokenizerBase, entry: BaseModelEntry, task: Task) -> Probe | None:
    match record:
        case PreferenceRecord():
            preferred = replace(record.preferred, trained=True)
            prompt = tuple(replace(m, trained=False) for m in record.prompt)
            return _conversation(ChatRecord(RecordKind.CHAT, (*prompt, preferred), tools=record.tools), tokenizer)
        case ChatRecord():
            return _conversation(record, tokenizer) if record.templated else _completion(record, tokenizer)
        case SequenceRecord() if task is Task.PROTEIN:
            start = record.residues[:FIRST_RESIDUES]
            return Probe(prompt=start, prompt_ids=sequence_prompt_ids(tokenizer, entry, start))
        case SequenceRecord():
            return _text(record.residues, tokenizer, entry, task)
        case LabelledRecord():
            return _text(record.text, tokenizer, entry, task)
        case LabelledSequenceRecord():
            return _text(record.residues, tokenizer, entry, task)
        case TextsRecord():
            return _text(record.texts[0], tokenizer, entry, task)


def _conversation(record: ChatRecord, tokenizer: PreTrainedTokenizerBase) -> Probe | None:
    """Messages up to the last answer that is trained, and the tokens that stand before it in its training row."""
    last = max((i for i, m in enumerate(record.messages) if m.trained), default=0)
    if last == 0:
        return None
    read = tuple(replace(m, trained=False) for m in record.messages[:last])
    row = chat_row(replace(record, messages=(*read, replace(record.messages[last], trained=True))), tokenizer)
    begin = next(i for i, label in enumerate(row.labels) if label != UNTRAINED)
    tools = cast("list[dict[str, Any]] | None", json.loads(record.tools) if record.tools else None)
    return Probe(messages=[_as_openai_has_it(m) for m in read], tools=tools, prompt_ids=row.input_ids[:begin])


def _completion(record: ChatRecord, tokenizer: PreTrainedTokenizerBase) -> Probe | None:
    """None where a token straddles prompt and completion: no server could know of it."""
    prompt = record.messages[0].content
    row = chat_row(record, tokenizer)
    begin = next(i for i, label in enumerate(row.labels) if label != UNTRAINED)
    alone = rendered_ids(tokenizer, prompt)
    before = row.input_ids[:begin]
    return Probe(prompt=prompt, prompt_ids=before) if prompt and before[-len(alone) :] == alone else None


def _text(text: str, tokenizer: PreTrainedTokenizerBase, entry: BaseModelEntry, task: Task) -> Probe | None:
    prefix = entry.query_prefix if task is Task.EMBEDDING else ""
    ids, cut = encoder_ids(tokenizer, entry, prefix + text, PROMPT_TOKENS)
    return None if cut else Probe(text=text, prompt_ids=ids)


def _as_openai_has_it(message: Message) -> dict[str, Any]:
    shown: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        shown["tool_calls"] = json.loads(message.tool_calls)
    if message.tool_call_id:
        shown["tool_call_id"] = message.tool_call_id
    return shown


def _characters(probe: Probe) -> int:
    return len(probe.model_dump_json(include={"messages", "tools", "prompt", "text"}))


def _device(entry: BaseModelEntry, dtype: torch.dtype) -> torch.device | None:
    """Where there is room for the model; None when nowhere is."""
    wanted = ROOM * dtype.itemsize * entry.parameters
    names = ["cuda", "cpu"] if torch.cuda.is_available() else ["cpu"]
    return next((d for d in map(torch.device, names) if free_bytes(d) >= wanted), None)


def _pad_id(tokenizer: PreTrainedTokenizerBase) -> int:
    return int(cast("Any", tokenizer.pad_token_id) or 0)


def _answer(
    probe: Probe, task: Task, model: Any, tokenizer: PreTrainedTokenizerBase, folder: Path, device: torch.device
) -> Probe:
    ids = torch.tensor([probe.prompt_ids], device=device)
    if task is Task.CLASSIFICATION:
        told = json.loads((folder / "labels.json").read_bytes())
        logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0].float()
        values = logits.sigmoid() if told["multi_label"] else logits.softmax(dim=-1)
        return probe.model_copy(update={"probabilities": dict(zip(told["labels"], values.tolist(), strict=True))})
    if task is Task.EMBEDDING:
        from tunesmith.training.pooling import Encoder

        pooling = json.loads((folder / "embedding.json").read_bytes())["pooling"]
        encoder = Encoder(pooling, _pad_id(tokenizer))
        vector = encoder.of_texts(model, [probe.prompt_ids], device, lambda: None)[0]
        return probe.model_copy(update={"vector": vector[:VECTOR].tolist()})
    made = list(_greedy(model, ids, NEW_TOKENS[task], _ends(model, tokenizer)))
    text = cast(str, tokenizer.decode(made, skip_special_tokens=True))
    return probe.model_copy(update={"output_ids": made, "output_text": text})


def _greedy(model: Any, ids: torch.Tensor, most: int, ends: frozenset[int]) -> Iterator[int]:
    """The likeliest token each time, up to an end token, which is the last one then.

    Not `generate`: a model's own generation settings (penalties, temperatures) are no part of what is compared.
    """
    cache = DynamicCache(config=model.config)
    for _ in range(most):
        logits = model(input_ids=ids, past_key_values=cache, use_cache=True).logits[0, -1]
        token = int(logits.float().argmax())
        yield token
        if token in ends:
            return
        ids = torch.tensor([[token]], device=ids.device)


def _ends(model: Any, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    named: list[Any] = [model.config.eos_token_id, model.generation_config.eos_token_id, tokenizer.eos_token_id]
    return frozenset(int(i) for each in named if each is not None for i in (each if isinstance(each, list) else [each]))
