"""The one place that makes ids: a prefix of the noun and 128 random bits."""

import secrets
from typing import Literal

Noun = Literal[
    "file", "job", "event", "checkpoint", "user", "project", "key", "upload", "chat", "completion", "request",
    "generation", "model", "dataset", "session", "link",
]  # fmt: skip

_PREFIX: dict[str, str] = {
    "file": "file-",
    "job": "ftjob-",
    "event": "ftevent-",
    "checkpoint": "ftckpt_",
    "user": "user-",
    "project": "proj_",
    "key": "key_",
    "upload": "wup_",
    "chat": "chatcmpl-",
    "completion": "cmpl-",
    "request": "req_",
    "generation": "gen-",
    "dataset": "ds_",
    "session": "sess_",
    "link": "link_",
    "model": "",
}
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def new_id(noun: Noun) -> str:
    """A fresh id such as `ftjob-3kTMd...`; 22 letters carry 130 bits. A model's is short: its name is unique anyway."""
    return _PREFIX[noun] + _letters(10 if noun == "model" else 22)


def _letters(length: int) -> str:
    # One call for all random bits: one a letter took 19 us of every request instead of 2.
    number = int.from_bytes(secrets.token_bytes(length), "big")
    letters: list[str] = []
    for _ in range(length):
        number, index = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[index])
    return "".join(letters)
