"""Cutting a data set into pieces whose borders depend on the records alone, not on who writes them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from feira.core.datasets.dataset import in_order
from feira.core.datasets.records import Record


@dataclass(frozen=True, slots=True)
class Piece:
    """One shard or table to be written from the records of `split` whose keys lie from `first` to `last`.

    Args:
        path: in the layout.
        records: how many there are; each may bring variants.
        weight: in what the planner counted, bytes for shards.
    """

    path: str
    split: str | None
    first: str
    last: str
    records: int
    weight: int

    def holds(self, record: Record) -> bool:
        """Tell whether the record belongs to this piece."""
        return record.split == self.split and self.first <= record.key <= self.last


def cut(
    records: Iterable[Record],
    *,
    weigh: Callable[[Record], int],
    most: int,
    name: Callable[[str | None, int], str],
) -> Iterator[Piece]:
    """Yield pieces of at most `most`; a record that weighs more alone has a piece of its own.

    Args:
        weigh: what a record adds to its piece.
        name: split and number from 0 → path.

    Raises:
        InvalidRecord: the records are not in ascending order of their keys.
    """
    opened: dict[str | None, Piece] = {}
    numbers: dict[str | None, int] = {}
    for record in in_order(records):
        weight, split = weigh(record), record.split
        piece = opened.get(split)
        if piece and piece.weight + weight > most:
            yield piece
            piece = None
        if piece is None:
            number = numbers[split] = numbers.get(split, -1) + 1
            opened[split] = Piece(name(split, number), split, record.key, record.key, 1, weight)
        else:
            opened[split] = Piece(piece.path, split, piece.first, record.key, piece.records + 1, piece.weight + weight)
    yield from (opened[split] for split in sorted(opened, key=lambda split: split or ""))
