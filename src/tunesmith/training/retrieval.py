"""How well held-out texts find what belongs to them: nDCG@10, MRR, recall@1 and recall@10.

Each held-out query is compared with every held-out document, exactly. A harder figure is told beside it: with documents
of the training file among them. Of texts alone nothing is known to belong together, so the first half of each must find
its second half among those of the others (as in the inverse cloze task, Lee et al. 2019, arXiv:1906.00300): it says
whether a text's parts lie near each other and apart from other texts', which is what the training is after.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from tunesmith.schemas.models import EmbeddingDetails, Metric
from tunesmith.training.embedding_losses import SCALE
from tunesmith.training.encoder_rows import TextsRow
from tunesmith.training.evaluate import SetName, compare, mean
from tunesmith.training.objective import Columns, HeldOutFigures, Proof
from tunesmith.training.similarity import histogram, shortened

Encode = Callable[[Sequence[list[int]]], np.ndarray]
"""Texts as tokens to vectors (N, H) of unit length."""

LOSS, NDCG, MRR, RECALL_1, RECALL_10, NDCG_AMONG_MORE, POSITIVE, NEGATIVE, DOCUMENTS = range(9)
"""Columns: the ranking loss within its block (nats), four figures among the held-out documents, nDCG@10 with training
documents among them, the cosine of the query with its own document and with the next record's (nan where that one is
right too), and the number of held-out documents. Then nDCG@10 for each shorter length of a Matryoshka model."""
BLOCK = 64
"""Held-out records whose documents are each other's negatives in the held-out loss."""
MOST_MORE = 2000
"""Training documents that are searched too, at most, and never more than twice the held-out records."""
CUTOFF = 10
_METRICS: tuple[tuple[Metric, int], ...] = (
    ("ndcg_at_10", NDCG),
    ("mrr", MRR),
    ("recall_at_1", RECALL_1),
    ("recall_at_10", RECALL_10),
)


@dataclass
class Retrieval:
    """Scores and compares held-out records by what they find. `more` are records of the training file, searched too."""

    dimensions: Sequence[int]
    more: list[TextsRow] = field(default_factory=list[TextsRow])

    def search_also(self, rows: Sequence[TextsRow]) -> None:
        """The same training records for every run on the same data: those whose hashes come first."""
        order = sorted(rows, key=lambda r: hashlib.sha256(b"searched:" + r.fingerprint.encode()).digest())
        self.more = order[:MOST_MORE]

    def score(self, encode: Encode, rows: Sequence[TextsRow]) -> Columns:
        queries = encode([_query(row) for row in rows])
        held_out = _documents(rows)
        known = {text for text, _ in held_out}
        more = [d for d in _documents(self.more[: 2 * len(rows)]) if d[0] not in known]
        documents = encode([ids for _, ids in (*held_out, *more)])
        number = {text: i for i, (text, _) in enumerate(held_out)}
        right = _right(rows, number)
        own = np.array([number[_own(row)] for row in rows])
        n = len(held_out)
        scores = queries @ documents.T
        among_held_out = rank_figures(scores[:, :n], right)
        by_length = [
            rank_figures(shortened(queries, d) @ shortened(documents[:n], d).T, right)[0] for d in self.dimensions
        ]
        positive = scores[np.arange(len(rows)), own]
        return np.array(
            [
                _block_losses(scores, own, right),
                *among_held_out,
                rank_figures(scores, right)[0],
                positive,
                _negatives(scores, own, right),
                np.full(len(rows), n),
                *by_length,
            ],
            dtype=np.float64,
        )

    def figures(self, columns: Sequence[Columns]) -> HeldOutFigures:
        """Mean ranking loss; recall@1 as the accuracy."""
        joined = np.concatenate(list(columns), axis=1)
        return HeldOutFigures(float(joined[LOSS].mean()), float(joined[RECALL_1].mean()))

    def prove(self, before: dict[str, Columns], after: dict[str, Columns], loss: str, width: int) -> Proof:
        comparisons = [
            compare(cast(SetName, name), metric, before[name][[column]], after[name][[column]], mean)
            for name in before
            for metric, column in _METRICS
        ]
        was, now = (np.concatenate(list(sets.values()), axis=1) for sets in (before, after))
        metrics: dict[str, float] = {}
        for when, columns in (("before", was), ("after", now)):
            metrics[f"held_out_loss_{when}"] = float(columns[LOSS].mean())
            if self.more:
                metrics[f"ndcg_at_10_among_training_documents_{when}"] = float(columns[NDCG_AMONG_MORE].mean())
        details = EmbeddingDetails(
            loss=loss,
            dimensions=width,
            n_queries=now.shape[1],
            n_documents=int(sum(columns[DOCUMENTS, 0] for columns in after.values())),
            similarity=histogram(was[POSITIVE], was[NEGATIVE], now[POSITIVE], now[NEGATIVE]),
            by_dimensions={d: float(now[DOCUMENTS + 1 + i].mean()) for i, d in enumerate(self.dimensions)},
        )
        return Proof(comparisons, metrics, embedding=details)


def rank_figures(scores: np.ndarray, right: Sequence[set[int]]) -> np.ndarray:
    """(4, queries): nDCG@10, reciprocal rank, recall@1 and recall@10, each 0-1, of scores (queries, documents).

    A document is right or not; of documents with the same score the right ones count as ranked last, so that a model
    which gives every text the same vector finds nothing.
    """
    found = np.zeros((4, len(right)))
    gains = 1 / np.log2(np.arange(2, CUTOFF + 2))
    for i, wanted in enumerate(right):
        is_right = np.zeros(scores.shape[1], dtype=bool)
        is_right[list(wanted)] = True
        order = np.lexsort((is_right, -scores[i]))
        ranks = np.flatnonzero(is_right[order])
        top = ranks[ranks < CUTOFF]
        found[0, i] = gains[top].sum() / gains[: len(wanted)].sum()
        found[1, i] = 1 / (1 + ranks[0])
        found[2, i] = (ranks < 1).sum() / len(wanted)
        found[3, i] = len(top) / len(wanted)
    return found


def _query(row: TextsRow) -> list[int]:
    return row.halves[0] if row.halves else row.tokens[0]


def _own(row: TextsRow) -> str:
    """The row's document, by the text it is known by; a text alone stands for its second half."""
    return row.texts[0] if row.halves else row.texts[1]


def _documents(rows: Sequence[TextsRow]) -> list[tuple[str, list[int]]]:
    """Each distinct document with its tokens: positives and negatives, or second halves."""
    found: dict[str, list[int]] = {}
    for row in rows:
        if row.halves:
            found.setdefault(row.texts[0], row.halves[1])
        else:
            for text, ids in zip(row.texts[1:], row.tokens[1:], strict=True):
                found.setdefault(text, ids)
    return list(found.items())


def _right(rows: Sequence[TextsRow], number: dict[str, int]) -> list[set[int]]:
    """What is right for each row's query: the documents of every held-out row with the same query."""
    by_query: dict[str, set[int]] = {}
    for row in rows:
        by_query.setdefault(row.texts[0], set()).add(number[_own(row)])
    return [by_query[row.texts[0]] for row in rows]


def _block_losses(scores: np.ndarray, own: np.ndarray, right: Sequence[set[int]]) -> np.ndarray:
    """The training's ranking loss (nats) of each row among the documents of the rows of its block."""
    losses = np.zeros(len(own))
    for start in range(0, len(own), BLOCK):
        block = own[start : start + BLOCK]
        for i in range(start, start + len(block)):
            others = [d for d in set(block.tolist()) if d == own[i] or d not in right[i]]
            logits = SCALE * scores[i, others].astype(np.float64)
            losses[i] = np.logaddexp.reduce(logits) - SCALE * scores[i, own[i]]
    return losses


def _negatives(scores: np.ndarray, own: np.ndarray, right: Sequence[set[int]]) -> np.ndarray:
    """The cosine of each query with the next row's document; nan where that one is right for it too."""
    following = np.roll(own, -1)
    found = scores[np.arange(len(own)), following].astype(np.float64)
    return np.array([np.nan if d in right[i] else found[i] for i, d in enumerate(following.tolist())])
