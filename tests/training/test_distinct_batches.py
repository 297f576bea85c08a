"""Batches hold no text twice while there is another row to take, and are those of seed and epoch alone."""

from tunesmith.training.distinct_batches import DistinctOrder


def batches(order: DistinctOrder, size: int) -> list[list[int]]:
    rows = list(order)
    return [rows[i : i + size] for i in range(0, len(rows), size)]


def test_every_row_comes_once_and_no_text_twice_in_a_batch() -> None:
    texts = [frozenset({f"q{i}", f"d{i % 20}"}) for i in range(100)]
    order = DistinctOrder(texts, 10, seed=1)
    assert sorted(order) == list(range(100))
    for batch in batches(order, 10)[:-2]:
        seen = [text for row in batch for text in texts[row]]
        assert len(seen) == len(set(seen))


def test_copies_fill_the_batch_where_there_is_nothing_else() -> None:
    order = DistinctOrder([frozenset({"same", f"d{i}"}) for i in range(10)], 4, seed=1)
    assert sorted(order) == list(range(10))


def test_an_epoch_differs_from_the_next_and_is_itself_again() -> None:
    order = DistinctOrder([frozenset({str(i)}) for i in range(50)], 8, seed=3)
    first = list(order)
    assert list(order) == first
    order.epoch = 1
    assert list(order) != first
