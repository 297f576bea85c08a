"""Texts for embedding models: alone, in pairs, in triplets, or two with a score of how alike they are."""

from typing import Any, cast

from tunesmith.records.fields import Data, fault, json_type, number, only, text
from tunesmith.schemas.records import RecordKind, TextsRecord

PAIRS = (
    ("anchor", "positive"),
    ("query", "document"),
    ("query", "positive"),
    ("question", "answer"),
    ("sentence1", "sentence2"),
    ("text1", "text2"),
)
"""Names that two texts which belong together may have."""
PAIR_KEYS = frozenset(key for pair in PAIRS for key in pair)
MAX_NEGATIVES = 100
SCORES = {"score": 1.0, "score_5": 5.0}
"""Names of a score, and the most it may be; it is divided by that."""


def sentence(data: Data, line: int) -> TextsRecord:
    """A text alone."""
    only(data, {"text"}, line)
    return TextsRecord(RecordKind.SENTENCE, (text(data, "text", line),))


def texts(data: Data, line: int) -> TextsRecord:
    """A pair; with `negative` or `negatives` a triplet; with `score` or `score_5` a scored pair."""
    first, second = next((pair for pair in PAIRS if pair[0] in data and pair[1] in data), None) or _half(data)
    only(data, {first, second, "negative", "negatives", *SCORES}, line)
    both = text(data, first, line), text(data, second, line)
    negatives = _negatives(data, line)
    given = [key for key in SCORES if key in data]
    if len(given) > 1 or (given and negatives):
        raise fault(line, f'"{given[0]}" stands beside {"negatives" if negatives else given[1]}. Give one.', given[0])
    if given:
        return TextsRecord(RecordKind.SCORED_PAIR, both, score=_score(data, given[0], line))
    if negatives:
        return TextsRecord(RecordKind.TRIPLET, (*both, *negatives))
    return TextsRecord(RecordKind.PAIR, both)


def _half(data: Data) -> tuple[str, str]:
    """The pair of which one is there; the other will be missed."""
    return next(pair for pair in PAIRS if pair[0] in data or pair[1] in data)


def _negatives(data: Data, line: int) -> tuple[str, ...]:
    if "negatives" not in data:
        return (text(data, "negative", line),) if "negative" in data else ()
    raw = data["negatives"]
    if "negative" in data:
        raise fault(line, 'both "negative" and "negatives" are there. Give one.', "negatives")
    if not isinstance(raw, list) or not raw:
        raise fault(line, f'"negatives" is {json_type(raw)}, expected a list of texts.', "negatives")
    listed = {f"negatives[{i}]": each for i, each in enumerate(cast("list[Any]", raw))}
    if len(listed) > MAX_NEGATIVES:
        raise fault(line, f'"negatives" holds {len(listed):,} texts, more than {MAX_NEGATIVES}.', "negatives")
    return tuple(text(listed, key, line) for key in listed)


def _score(data: Data, key: str, line: int) -> float:
    score, most = number(data, key, line), SCORES[key]
    if not 0 <= score <= most:
        hint = ' Name the key "score_5" where scores run from 0 to 5; they are then divided by 5.' if score > 1 else ""
        raise fault(line, f'"{key}" is {score:g}, expected 0 to {most:g}.{hint if key == "score" else ""}', key)
    return score / most
