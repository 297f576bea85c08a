"""From token ids to text as it is generated: whole characters only, and never a stop string."""

import codecs
import json
import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from tunesmith.engines.base import Finish, Token

_BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")


class TokenBytes:
    """The bytes that each token of a tokenizer adds to the text; special tokens add none."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase") -> None:
        self._tokenizer = tokenizer
        self._kinds = _decoder_kinds(tokenizer)
        self._special = frozenset(tokenizer.all_special_ids)
        self._added = {i: str(token) for i, token in tokenizer.added_tokens_decoder.items()}
        self._known: dict[int, bytes] = {}

    def __call__(self, token_id: int) -> bytes:
        """The token's bytes. A character may be spread over several tokens."""
        if token_id not in self._known:
            self._known[token_id] = self._bytes(token_id)
        return self._known[token_id]

    def printable(self, token_id: int) -> str:
        """The token as OpenAI prints it: its text, `bytes:\\xe2\\x82` where it is only a part of a character."""
        return self.shown(token_id, self(token_id))

    def shown(self, token_id: int, piece: bytes) -> str:
        """The same for a token of which only `piece` is in the text; a special token shows its name."""
        return str(self._tokenizer.convert_ids_to_tokens(token_id)) if token_id in self._special else _printed(piece)

    def _bytes(self, token_id: int) -> bytes:
        if token_id in self._special:
            return b""
        if token_id in self._added:
            return self._added[token_id].encode()
        token = self._tokenizer.convert_ids_to_tokens(token_id)
        if not isinstance(token, str):  # a row of the output layer without a token: padded vocabularies have them
            return b""
        if "ByteLevel" in self._kinds:
            return b"".join(_BYTE_OF_CHARACTER.get(c, c.encode()) for c in token)
        if "ByteFallback" in self._kinds or "Metaspace" in self._kinds:
            match = _BYTE_TOKEN.fullmatch(token)
            return bytes([int(match[1], 16)]) if match else token.replace("▁", " ").encode()
        return str(self._tokenizer.decode([token_id])).encode()


def _decoder_kinds(tokenizer: "PreTrainedTokenizerBase") -> set[str]:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return set()
    decoder: dict[str, Any] | None = json.loads(backend.to_str()).get("decoder")
    parts = [] if decoder is None else decoder.get("decoders", [decoder])
    return {part["type"] for part in parts}


def _characters_of_bytes() -> dict[str, int]:
    """Byte-level BPE writes each byte as a printable character: itself, or the next free one from 256 on."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in plain]
    return {chr(b): b for b in plain} | {chr(256 + i): b for i, b in enumerate(rest)}


_BYTE_OF_CHARACTER = {character: bytes([b]) for character, b in _characters_of_bytes().items()}


def _printed(piece: bytes) -> str:
    """Text of the bytes, or their escapes after `bytes:` when they are no whole characters."""
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{b:02x}" for b in piece)


@dataclass(frozen=True)
class Written:
    """A token with the bytes of it that are in the text; cut short where a stop string begins inside."""

    token: "Token"
    piece: bytes


@dataclass(frozen=True)
class Piece:
    """What may be sent of one row after a token: text, the tokens whose bytes are now all sent, and the end."""

    text: str
    tokens: list[Written]
    finish: "Finish | None"


@dataclass
class RowText:
    """The text of one row. Bytes wait here while they could still be half a character or begin a stop string."""

    token_bytes: TokenBytes
    stops: Sequence[bytes]
    n_tokens: int = 0
    """All tokens, the end token included: what usage counts."""
    _waiting: bytearray = field(default_factory=bytearray)
    _tokens: deque[Written] = field(default_factory=deque["Written"])
    _sent_of_first: int = 0
    """Bytes of the first waiting token that are sent already."""

    def push(self, token: "Token") -> Piece:
        """Adds a token; the answer's `finish` is set when the row has ended."""
        self.n_tokens += 1
        if token.finish == "stop":
            return self._end("stop", Written(token, b""))
        piece = self.token_bytes(token.id)
        self._waiting += piece
        self._tokens.append(Written(token, piece))
        stop_at = self._first_stop()
        if stop_at is not None:
            del self._waiting[stop_at:]
            return self._end("stop")
        if token.finish == "length":
            return self._end("length")
        text, tokens = self._release(self._sendable())
        return Piece(text, tokens, None)

    def _first_stop(self) -> int | None:
        found = [at for at in (self._waiting.find(stop) for stop in self.stops) if at >= 0]
        return min(found, default=None)

    def _sendable(self) -> int:
        """Bytes that end at a whole character and before anything that could become a stop string."""
        _, whole = codecs.utf_8_decode(self._waiting, "replace", False)
        return min(whole, len(self._waiting) - self._beginning_stop())

    def _beginning_stop(self) -> int:
        longest = 0
        for stop in self.stops:
            for length in range(min(len(stop) - 1, len(self._waiting)), longest, -1):
                if self._waiting.endswith(stop[:length]):
                    longest = length
                    break
        return longest

    def _end(self, finish: "Finish", end: Written | None = None) -> Piece:
        text, tokens = self._release(len(self._waiting))
        if self._sent_of_first:  # a stop string begins inside this token: only its first bytes were said
            first = self._tokens[0]
            tokens.append(Written(first.token, first.piece[: self._sent_of_first]))
        self._tokens.clear()
        return Piece(text, [*tokens, end] if end else tokens, finish)

    def _release(self, count: int) -> tuple[str, list[Written]]:
        text = bytes(self._waiting[:count]).decode("utf-8", "replace")
        del self._waiting[:count]
        self._sent_of_first += count
        done: list[Written] = []
        while self._tokens and len(self._tokens[0].piece) <= self._sent_of_first:
            written = self._tokens.popleft()
            self._sent_of_first -= len(written.piece)
            done.append(written)
        return text, done
