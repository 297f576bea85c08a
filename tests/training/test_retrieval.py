"""Figures of retrieval against scikit-learn's and against values counted by hand."""

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from tunesmith.training.encoder_rows import TextsRow
from tunesmith.training.retrieval import (
    DOCUMENTS,
    LOSS,
    NDCG,
    NDCG_AMONG_MORE,
    NEGATIVE,
    POSITIVE,
    RECALL_1,
    Retrieval,
    rank_figures,
)


def test_ndcg_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(40, 60))
    right = [set(rng.choice(60, size=rng.integers(1, 15), replace=False).tolist()) for _ in range(40)]
    truth = np.array([[float(i in wanted) for i in range(60)] for wanted in right])
    found = rank_figures(scores, right)
    for i in range(40):
        assert found[0, i] == pytest.approx(ndcg_score(truth[[i]], scores[[i]], k=10))


def test_ranks_are_counted_as_by_hand() -> None:
    scores = np.array([[0.9, 0.5, 0.1], [0.9, 0.5, 0.1], [0.9, 0.5, 0.1]])
    ndcg, mrr, recall_1, recall_10 = rank_figures(scores, [{0}, {1}, {0, 2}])
    assert ndcg == pytest.approx([1, 1 / np.log2(3), (1 + 1 / 2) / (1 + 1 / np.log2(3))])
    assert mrr.tolist() == [1, 0.5, 1]
    assert recall_1.tolist() == [1, 0, 0.5]
    assert recall_10.tolist() == [1, 1, 1]


def test_a_model_that_gives_every_text_the_same_vector_finds_nothing() -> None:
    found = rank_figures(np.ones((3, 30)), [{0}, {7}, {29}])
    assert found[0].tolist() == [0, 0, 0]
    assert found[1].tolist() == [1 / 30] * 3


def row(query: int, document: int, *, negatives: tuple[int, ...] = ()) -> TextsRow:
    numbers = (query, document, *negatives)
    return TextsRow(tuple([n] for n in numbers), tuple(f"t{n}" for n in numbers), fingerprint=f"{query}-{document}")


VECTORS = np.eye(4)[[0, 0, 1, 1, 2, 3]]


def encode(texts: object) -> np.ndarray:
    return np.array([VECTORS[ids[0]] for ids in texts])  # type: ignore[attr-defined]


def test_each_record_is_scored_among_all_documents() -> None:
    # Text 0 is alike 1 (its own), 2 is alike 3, and 2's own is 4.
    columns = Retrieval([]).score(encode, [row(0, 1), row(2, 4), row(2, 3)])
    assert columns[DOCUMENTS].tolist() == [3, 3, 3]
    assert columns[POSITIVE].tolist() == [1, 0, 1]
    # 2 has two right documents, so neither is a negative of it: record 1's next one is none.
    assert columns[NEGATIVE, 0] == 0
    assert np.isnan(columns[NEGATIVE, 1])
    assert columns[RECALL_1].tolist() == [1, 0.5, 0.5]
    assert columns[LOSS, 0] == pytest.approx(np.log(1 + 2 * np.exp(-20)))


def test_training_documents_make_it_harder() -> None:
    measure = Retrieval([])
    measure.search_also([row(4, 0)])
    columns = measure.score(encode, [row(0, 1), row(2, 3)])
    assert columns[NDCG, 0] == 1
    # The training document has the very vector of the right one, and a tie counts against it.
    assert columns[NDCG_AMONG_MORE, 0] == pytest.approx(1 / np.log2(3))
    assert columns[NDCG_AMONG_MORE, 1] == 1


def test_negatives_of_held_out_triplets_are_searched_too() -> None:
    columns = Retrieval([]).score(encode, [row(0, 4, negatives=(1,)), row(2, 3)])
    assert columns[DOCUMENTS, 0] == 3
    assert columns[RECALL_1, 0] == 0
