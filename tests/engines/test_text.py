"""Token ids to text: bytes of tokens, whole characters, stop strings."""

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from tunesmith.base_models.fetch import local_folder
from tunesmith.engines.base import Token
from tunesmith.engines.text import Piece, RowText, TokenBytes


def _tokens(ids: list[int], finish: str = "length") -> list[Token]:
    last = len(ids) - 1
    return [Token(0, i, -1.0, (), finish if place == last else None) for place, i in enumerate(ids)]  # type: ignore[arg-type]


def _push_all(tokenizer: PreTrainedTokenizerFast, text: str, stops: list[str]) -> list[Piece]:
    row = RowText(TokenBytes(tokenizer), [stop.encode() for stop in stops])
    pieces: list[Piece] = []
    for token in _tokens(tokenizer(text).input_ids):
        pieces.append(row.push(token))
        if pieces[-1].finish is not None:
            break
    return pieces


TEXTS = ["plain words", "naïve café — 12 €", "日本語のテキスト", "👩‍👩‍👧 family 🇪🇺", "\ttabs\nand  spaces "]


@pytest.mark.parametrize("text", TEXTS)
def test_pieces_join_to_the_text_and_no_character_is_split(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    pieces = _push_all(tokenizer, text, [])
    assert "".join(piece.text for piece in pieces) == text
    assert not any("�" in piece.text for piece in pieces)


@pytest.mark.parametrize("text", TEXTS)
def test_token_bytes_join_to_the_bytes_of_the_text(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    pieces = _push_all(tokenizer, text, [])
    written = [w for piece in pieces for w in piece.tokens]
    assert b"".join(w.piece for w in written) == text.encode()
    assert [w.token.id for w in written] == tokenizer(text).input_ids


def test_a_cut_character_at_the_end_reads_as_the_tokenizer_decodes_it(tokenizer: PreTrainedTokenizerFast) -> None:
    ids = tokenizer("ok 日").input_ids[:-1]
    row = RowText(TokenBytes(tokenizer), [])
    text = "".join(row.push(token).text for token in _tokens(ids))
    assert text == tokenizer.decode(ids)
    assert text.startswith("ok ")


@pytest.mark.parametrize(
    ("text", "stops", "said"),
    [
        ("one two three", ["two"], "one "),
        ("one two three", ["three", "two"], "one "),
        ("one two three", ["e t"], "on"),
        ("aab aaab", ["aaab"], "aab "),
        ("no stop here", ["stops"], "no stop here"),
        ("prefix sto", ["stop"], "prefix sto"),
        ("日本語です", ["語"], "日本"),
    ],
)
def test_a_stop_string_is_never_said_wherever_tokens_begin(
    tokenizer: PreTrainedTokenizerFast, text: str, stops: list[str], said: str
) -> None:
    pieces = _push_all(tokenizer, text, stops)
    assert "".join(piece.text for piece in pieces) == said
    assert pieces[-1].finish == ("stop" if said != text else "length")
    assert b"".join(w.piece for piece in pieces for w in piece.tokens) == said.encode()


def test_text_that_could_begin_a_stop_string_is_held_back(tokenizer: PreTrainedTokenizerFast) -> None:
    pieces = _push_all(tokenizer, "ab#c", ["#!"])
    said = ""
    for piece in pieces:
        said += piece.text
        assert not said.endswith("#")
    assert said == "ab#c"


def test_the_end_token_is_counted_and_is_no_text(tokenizer: PreTrainedTokenizerFast) -> None:
    row = RowText(TokenBytes(tokenizer), [])
    pieces = [row.push(t) for t in _tokens([*tokenizer("the").input_ids, tokenizer.eos_token_id], "stop")]
    assert "".join(p.text for p in pieces) == "the"
    assert row.n_tokens == len(pieces)


def test_tokens_that_are_parts_of_a_character_are_printed_as_bytes(tokenizer: PreTrainedTokenizerFast) -> None:
    token_bytes = TokenBytes(tokenizer)
    first = tokenizer("€").input_ids[0]
    assert token_bytes.printable(first).startswith("bytes:\\xe2")
    assert token_bytes.printable(tokenizer.eos_token_id) == "<|im_end|>"


def test_residue_tokens_are_their_letters(protein, tmp_path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(local_folder(protein, tmp_path))
    token_bytes = TokenBytes(tokenizer)
    assert b"".join(map(token_bytes, tokenizer("MKVA").input_ids)) == b"MKVA"
