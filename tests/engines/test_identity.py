"""Nearest training sequence."""

import random
from pathlib import Path

from tunesmith.base_models.identity import identity
from tunesmith.engines.identity import TrainingSequences, training_sequences

LETTERS = "ACDEFGHIKLMNPQRSTVWY"


def _random(rng: random.Random, length: int) -> str:
    return "".join(rng.choices(LETTERS, k=length))


def _mutated(rng: random.Random, residues: str, share: float) -> str:
    return "".join(rng.choice(LETTERS) if rng.random() < share else r for r in residues)


def test_the_prefilter_finds_what_aligning_with_all_finds() -> None:
    rng = random.Random(3)
    known = [(f"s{i}", _random(rng, rng.randint(80, 200))) for i in range(150)]
    training = TrainingSequences(known)
    for i in range(0, 150, 10):
        new = _mutated(rng, known[i][1], 0.4)
        best = max(identity(new, residues) for _, residues in known)
        found = training.nearest(new)
        assert found is not None
        assert (found.id, found.identity) == (f"s{i}", best)


def test_no_residues_and_no_training_sequences_have_no_nearest() -> None:
    assert TrainingSequences([("a", "MKV")]).nearest("") is None
    assert TrainingSequences([]).nearest("MKV") is None


def test_a_sequence_without_a_common_word_is_still_compared() -> None:
    rng = random.Random(1)
    training = TrainingSequences([(f"s{i}", _random(rng, 50)) for i in range(40)])
    found = training.nearest("WWWWWWWWWW")
    assert found is not None
    assert 0 <= found.identity < 1


def test_fasta_titles_become_ids(tmp_path: Path) -> None:
    path = tmp_path / "training_sequences.fasta"
    path.write_text(">P1 some enzyme\nMKV\nLAW\n>P2\nmkvlac\n")
    found = training_sequences(path).nearest("MKVLAC")
    assert found is not None
    assert (found.id, found.identity) == ("P2", 1.0)
