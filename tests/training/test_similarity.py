"""Rank correlation against scipy's, and the counts of cosines."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from tunesmith.training.similarity import BINS, histogram, shortened, spearman


def test_spearman_is_that_of_scipy_with_ties_and_along_an_axis() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.integers(0, 6, size=(2, 5, 40)).astype(float)
    found = spearman(first, second, axis=-1)
    assert found == pytest.approx([spearmanr(a, b).statistic for a, b in zip(first, second, strict=True)])


def test_scores_that_are_all_the_same_have_no_correlation() -> None:
    assert spearman(np.ones(5), np.arange(5.0)) == 0


def test_the_histogram_counts_every_cosine_once_and_leaves_nan_out() -> None:
    found = histogram(np.array([-1.0, 1.0, 1.0000001]), np.array([np.nan, 0.01]), np.zeros(0), np.zeros(2))
    assert found.positives_before[0] == 1
    assert found.positives_before[-1] == 2
    assert found.negatives_before[BINS // 2] == sum(found.negatives_before) == 1
    assert sum(found.positives_after) == 0


def test_shortened_vectors_are_of_unit_length() -> None:
    vectors = np.random.default_rng(2).normal(size=(3, 8))
    assert np.linalg.norm(shortened(vectors, 4), axis=1) == pytest.approx([1, 1, 1])
