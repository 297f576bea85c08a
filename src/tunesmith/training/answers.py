"""What the model in memory answers to the same few held-out prompts at each published checkpoint.

Chat: the last answer of a held-out conversation, made anew. Protein: a held-out sequence carried on from its first
residues. Classification: the label with its probability. An embedding has no answer. Greedy and without gradients, so
nothing is drawn from the generators that training goes on with.
"""

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from transformers import GenerationConfig, StoppingCriteria, StoppingCriteriaList

from tunesmith.base_models.prompts import sequence_end_id, sequence_from_ids, sequence_prompt_ids
from tunesmith.schemas.shape import Task
from tunesmith.schemas.training import CheckpointAnswer
from tunesmith.training.base_model import Base
from tunesmith.training.data import UNTRAINED, TokenRow
from tunesmith.training.encoder_rows import LabelledRow
from tunesmith.training.preference import PairRow

if TYPE_CHECKING:
    from collections.abc import Generator

    from tunesmith.training.plan import Plan

MOST = 4
NEW_TOKENS = 64
PROMPT_TOKENS = 1024
"""Longer prompts are passed over: an answer is a look, not a benchmark."""
FIRST_RESIDUES = 20
LONGEST_S = 20.0
"""All answers of a checkpoint together; what is there by then is told."""
CHARACTERS = 8192


@dataclass(frozen=True)
class _Prompt:
    """Tokens to go on from, how they read, and what the record says next."""

    ids: list[int]
    text: str
    reference: str


class Answers:
    """The prompts of one run, chosen by the records' hashes, so that they are the same at each checkpoint."""

    def __init__(self, model: Any, base: Base, plan: "Plan", task: Task, stop: Callable[[], None]) -> None:
        self._model, self._base, self._task, self._stop = model, base, task, stop
        rows = sorted((row for rows in plan.held_out.values() for row in rows), key=lambda row: row.fingerprint)
        self._labelled = [row for row in rows if isinstance(row, LabelledRow)][:MOST]
        made = (self._prompt(row) for row in rows if not row.cut)
        self._prompts = [prompt for prompt, _ in zip((p for p in made if p is not None), range(MOST), strict=False)]

    def ask(self) -> list[CheckpointAnswer]:
        """The answers now; none where the task has none."""
        with _still(self._model), self._base.precision.context():
            if self._labelled:
                return [self._classified(row) for row in self._labelled]
            return self._continued() if self._prompts else []

    def _prompt(self, row: Any) -> _Prompt | None:
        """None for a row of another task, or one that is too long."""
        if isinstance(row, PairRow):
            row = row.preferred
        if not isinstance(row, TokenRow):
            return None
        prompt = self._of_sequence(row) if self._task is Task.PROTEIN else self._of_conversation(row)
        room = min(PROMPT_TOKENS, self._base.entry.context - NEW_TOKENS)
        return prompt if prompt is not None and 0 < len(prompt.ids) <= room else None

    def _of_conversation(self, row: TokenRow) -> _Prompt | None:
        """Up to where the last trained words begin."""
        end = next((i for i in range(len(row.labels), 0, -1) if row.labels[i - 1] != UNTRAINED), 0)
        begin = next((i for i in range(end, 0, -1) if row.labels[i - 1] == UNTRAINED), 0)
        return _Prompt(row.input_ids[:begin], self._text(row.input_ids[:begin]), self._text(row.input_ids[begin:end]))

    def _of_sequence(self, row: TokenRow) -> _Prompt | None:
        tokenizer, entry = self._base.tokenizer, self._base.entry
        residues = sequence_from_ids(tokenizer, entry, row.input_ids)
        first, rest = residues[:FIRST_RESIDUES], residues[FIRST_RESIDUES:]
        return _Prompt(sequence_prompt_ids(tokenizer, entry, first), first, rest) if rest else None

    def _continued(self) -> list[CheckpointAnswer]:
        answers: list[CheckpointAnswer] = []
        for prompt, new in zip(self._prompts, self._generated(), strict=True):
            if self._task is Task.PROTEIN:
                whole = sequence_from_ids(self._base.tokenizer, self._base.entry, [*prompt.ids, *new])
                text = whole.removeprefix(prompt.text)
            else:
                text = self._text(new)
            answers.append(_answer(prompt.text, text, prompt.reference))
        return answers

    def _generated(self) -> list[list[int]]:
        """New tokens of each prompt, all in one batch padded on the left; those behind an end token are left out."""
        ends, pad = self._ends(), cast(int, self._base.tokenizer.pad_token_id)
        width = max(len(prompt.ids) for prompt in self._prompts)
        ids = torch.tensor([[pad] * (width - len(p.ids)) + p.ids for p in self._prompts])
        mask = torch.tensor([[0] * (width - len(p.ids)) + [1] * len(p.ids) for p in self._prompts])
        device = self._base.precision.device
        config = GenerationConfig(
            do_sample=False,
            num_beams=1,
            repetition_penalty=1.0,
            max_new_tokens=NEW_TOKENS,
            max_time=LONGEST_S,
            eos_token_id=sorted(ends),
            pad_token_id=pad,
            use_cache=True,
        )
        found = self._model.generate(
            input_ids=ids.to(device),
            attention_mask=mask.to(device),
            generation_config=config,
            stopping_criteria=StoppingCriteriaList([_StopSwitch(self._stop)]),
        )
        return [_before(row, ends) for row in cast("list[list[int]]", found[:, width:].tolist())]

    def _ends(self) -> set[int]:
        """Tokens that end an answer."""
        tokenizer = self._base.tokenizer
        if self._task is Task.PROTEIN:
            return {sequence_end_id(tokenizer, self._base.entry)}
        told = cast("int | list[int] | None", getattr(self._model.generation_config, "eos_token_id", None))
        also = told if isinstance(told, list) else [told]
        return {token for token in (tokenizer.eos_token_id, *also) if isinstance(token, int)}

    def _classified(self, row: LabelledRow) -> CheckpointAnswer:
        """The most likely label; of a multi-label model all that are more likely than not."""
        self._stop()
        ids = torch.tensor([row.input_ids], device=self._base.precision.device)
        logits = self._model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0].float()
        names = cast("dict[int, str]", self._model.config.id2label)
        multi = self._model.config.problem_type == "multi_label_classification"
        chances = (logits.sigmoid() if multi else logits.softmax(-1)).tolist()
        order = sorted(range(len(chances)), key=lambda i: -chances[i])
        chosen = [i for i in order if chances[i] >= 0.5] if multi else order[:1]
        text = ", ".join(f"{names[i]} ({chances[i]:.2f})" for i in chosen)
        if not chosen:
            text = f"none (the likeliest is {names[order[0]]}, {chances[order[0]]:.2f})"
        return _answer(self._text(row.input_ids), text, ", ".join(names[i] for i in row.classes) or "none")

    def _text(self, ids: Sequence[int]) -> str:
        return cast(str, self._base.tokenizer.decode(list(ids), skip_special_tokens=True)).strip()


class _StopSwitch(StoppingCriteria):
    """Raises Stopped between two tokens when the run was asked to stop."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop

    def __call__(self, input_ids: torch.LongTensor, scores: Any, **kwargs: Any) -> torch.BoolTensor:
        self._stop()
        return cast(torch.BoolTensor, torch.zeros(input_ids.shape[0], dtype=torch.bool, device=input_ids.device))


@contextmanager
def _still(model: Any) -> "Generator[None]":
    """In eval mode and without gradients; the generators stand afterwards where they stood."""
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng():
            yield
    finally:
        model.train(was_training)


def _before(ids: list[int], ends: set[int]) -> list[int]:
    return ids[: next((i for i, token in enumerate(ids) if token in ends), len(ids))]


def _answer(prompt: str, answer: str, reference: str) -> CheckpointAnswer:
    """The end of a long prompt, the beginnings of the others."""
    return CheckpointAnswer(prompt=prompt[-CHARACTERS:], answer=answer[:CHARACTERS], reference=reference[:CHARACTERS])
