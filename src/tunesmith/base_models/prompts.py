"""How messages and sequences become tokens. Trainer and engine both come here, so that they agree.

No torch: a transformers tokenizer is passed in.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from tunesmith.base_models.errors import PromptUnsupported
from tunesmith.schemas.models import BaseModelEntry

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

FASTA_WIDTH = 60
PROTGPT2_END = "<|endoftext|>"
PLAIN_TEMPLATE = (
    "{{ bos_token or '' }}{% for message in messages %}"
    "{{ '### ' + message['role'] | capitalize + ':\\n' + message['content'] }}"
    "{{ (eos_token or '') + '\\n' if message['role'] == 'assistant' else '\\n\\n' }}{% endfor %}"
    "{{ '### Assistant:\\n' if add_generation_prompt else '' }}"
)
"""Written into a tuned model's tokenizer when chats were trained on a base without a chat template."""


Messages = Sequence[Mapping[str, Any]]
"""As OpenAI has them: `role`, `content`, and where tools are used `tool_calls` and `tool_call_id`."""
Tools = Sequence[Mapping[str, Any]]
"""OpenAI's list: {"type": "function", "function": {"name", "description", "parameters"}}."""


def chat_prompt_ids(
    tokenizer: "PreTrainedTokenizerBase", messages: Messages, *, tools: Tools | None = None
) -> list[int]:
    """Tokens of the conversation up to where the assistant's next words begin. Raises PromptUnsupported."""
    return rendered_ids(tokenizer, render_chat(tokenizer, messages, tools=tools, add_generation_prompt=True))


def render_chat(
    tokenizer: "PreTrainedTokenizerBase",
    messages: Messages,
    *,
    tools: Tools | None = None,
    add_generation_prompt: bool,
) -> str:
    """The conversation as the tokenizer's chat template writes it.

    Raises PromptUnsupported when there is no template, or when it passes over tools or their calls in silence: the
    model would be trained, or asked, without what the conversation is about.
    """
    if not tokenizer.chat_template:
        raise PromptUnsupported(
            "The model has no chat template, so it cannot be given messages. Use /v1/completions with it, "
            "or tune it on chats first."
        )
    shown = [_for_template(message) for message in messages]
    text = _apply(tokenizer, shown, tools, add_generation_prompt)
    if tools and text == _apply(tokenizer, shown, None, add_generation_prompt):
        raise PromptUnsupported(
            "The model's chat template does not take tools. Leave them out, or use a model whose template has them."
        )
    for i, message in enumerate(shown):
        if message.get("tool_calls"):
            silent = [*shown[:i], {k: v for k, v in message.items() if k != "tool_calls"}, *shown[i + 1 :]]
            if text == _apply(tokenizer, silent, tools, add_generation_prompt):
                raise PromptUnsupported(
                    f"The model's chat template does not write the tool calls of message {i}. "
                    "Leave the message out, or use a model whose template has them."
                )
    return text


def _apply(
    tokenizer: "PreTrainedTokenizerBase", messages: list[dict[str, Any]], tools: Tools | None, generate: bool
) -> str:
    from jinja2 import TemplateError

    try:
        text = tokenizer.apply_chat_template(
            messages,
            tools=cast("Any", [dict(tool) for tool in tools]) if tools else None,
            tokenize=False,
            add_generation_prompt=generate,
        )
    except (TemplateError, TypeError) as e:
        # TypeError: a template that adds text to a message without any, as one of tool calls may be.
        raise PromptUnsupported(f"The model's chat template does not take these messages: {e}") from e
    return cast(str, text)


def _for_template(message: Mapping[str, Any]) -> dict[str, Any]:
    """The message with its calls' arguments as objects: OpenAI sends them as a text of JSON, templates write them out.

    A text that is no JSON object stays as it is.
    """
    shown = dict(message)
    calls = cast("Sequence[Mapping[str, Any]] | None", shown.pop("tool_calls", None))
    if calls:
        shown["tool_calls"] = [{**call, "function": _open_arguments(call.get("function") or {})} for call in calls]
    return shown


def _open_arguments(function: Mapping[str, Any]) -> dict[str, Any]:
    arguments = function.get("arguments")
    if not isinstance(arguments, str):
        return dict(function)
    try:
        opened = json.loads(arguments)
    except json.JSONDecodeError:
        opened = arguments  # a model may have written no JSON; it is shown as it stands
    return {**function, "arguments": opened if isinstance(opened, dict) else arguments}


def rendered_ids(tokenizer: "PreTrainedTokenizerBase", text: str) -> list[int]:
    """Tokens of text that a template wrote: its special tokens are in it already, none are added."""
    return list(cast("list[int]", tokenizer(text, add_special_tokens=False)["input_ids"]))


def sequence_prompt_ids(tokenizer: "PreTrainedTokenizerBase", entry: BaseModelEntry, residues: str) -> list[int]:
    """Tokens from which the model goes on with `residues`; with none of them, from which it begins a protein."""
    if entry.prompt_format == "fasta60":
        start = _token(tokenizer, PROTGPT2_END, "end")
        return [start, *_plain(tokenizer, "\n" + fasta_lines(residues))] if residues else [start]
    return [_special(tokenizer, "bos"), *(_plain(tokenizer, residues) if residues else [])]


def sequence_training_ids(tokenizer: "PreTrainedTokenizerBase", entry: BaseModelEntry, residues: str) -> list[int]:
    """Tokens of one whole sequence, begin and end included.

    `residues`: bos, residues, eos. `fasta60`: lines of 60 residues between two `<|endoftext|>`, as ProtGPT2's authors
    write their training files (https://huggingface.co/nferruz/ProtGPT2).
    """
    if entry.prompt_format == "fasta60":
        end = _token(tokenizer, PROTGPT2_END, "end")
        return [end, *_plain(tokenizer, f"\n{fasta_lines(residues)}\n"), end]
    return [_special(tokenizer, "bos"), *_plain(tokenizer, residues), _special(tokenizer, "eos")]


def sequence_from_ids(tokenizer: "PreTrainedTokenizerBase", entry: BaseModelEntry, ids: Sequence[int]) -> str:
    """The residues that tokens stand for, up to the first end token; an unknown one is X."""
    end = sequence_end_id(tokenizer, entry)
    kept = list(ids[1:] if ids and ids[0] in (end, tokenizer.bos_token_id) else ids)
    if end in kept:
        kept = kept[: kept.index(end)]
    if entry.prompt_format == "fasta60":
        return "".join(cast(str, tokenizer.decode(kept, skip_special_tokens=True)).split())
    skipped = (tokenizer.bos_token_id, tokenizer.pad_token_id)
    tokens = cast("list[str | None]", tokenizer.convert_ids_to_tokens([i for i in kept if i not in skipped]))
    return "".join("X" if token is None or token == tokenizer.unk_token else token for token in tokens)


def sequence_end_id(tokenizer: "PreTrainedTokenizerBase", entry: BaseModelEntry) -> int:
    """The token with which the model ends a protein."""
    return _token(tokenizer, PROTGPT2_END, "end") if entry.prompt_format == "fasta60" else _special(tokenizer, "eos")


def encoder_ids(
    tokenizer: "PreTrainedTokenizerBase", entry: BaseModelEntry, text: str, max_seq_len: int
) -> tuple[list[int], bool]:
    """Tokens of a text or of residues that is read as a whole, for its vector or its classes: at most `max_seq_len`
    with the tokenizer's own begin and end among them; and whether the text had more."""
    if entry.prompt_format != "text":
        ids = sequence_training_ids(tokenizer, entry, text)
        return ids[:max_seq_len], len(ids) > max_seq_len
    ids = cast("list[int]", list(tokenizer(text)["input_ids"]))
    if len(ids) <= max_seq_len:
        return ids, False
    return cast("list[int]", list(tokenizer(text, truncation=True, max_length=max_seq_len)["input_ids"])), True


def fasta_lines(residues: str) -> str:
    """The residues in lines of 60, without an end of line behind the last."""
    return "\n".join(residues[i : i + FASTA_WIDTH] for i in range(0, len(residues), FASTA_WIDTH))


def _plain(tokenizer: "PreTrainedTokenizerBase", text: str) -> list[int]:
    return rendered_ids(tokenizer, text)


def _token(tokenizer: "PreTrainedTokenizerBase", token: str, what: str) -> int:
    found = tokenizer.convert_tokens_to_ids(token)
    if not isinstance(found, int) or found == tokenizer.unk_token_id:
        found = getattr(tokenizer, "eos_token_id", None)
    if not isinstance(found, int):
        raise PromptUnsupported(f"The tokenizer has no {what} token {token}. Check the entry's prompt_format.")
    return found


def _special(tokenizer: "PreTrainedTokenizerBase", name: str) -> int:
    found = getattr(tokenizer, f"{name}_token_id", None)
    if not isinstance(found, int):
        raise PromptUnsupported(
            f"The tokenizer has no {name} token, which protein sequences need. Check the entry's prompt_format."
        )
    return found
