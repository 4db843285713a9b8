"""What an index promises, whatever its inside: add, remove, search, snapshot, open."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from feira.core.photo_set import PhotoSet
from feira.core.types import Hit, Matrix


class Index(Protocol):
    """Searchable embeddings of one encoder, compared by inner product.

    A photo id stands for at most one row: adding it again replaces the row. Reads may run while another thread adds
    or removes; each search sees a state between two whole changes.

    An approximate index may miss some of the best, by as much as it says; what it returns is complete and in order.
    """

    @property
    def dim(self) -> int:
        """Length of every row."""

    def __len__(self) -> int:
        """Number of photos."""

    def __contains__(self, photo_id: int) -> bool:
        """Whether the photo is searchable."""

    def ids(self) -> list[int]:
        """Every photo id, ascending."""

    def add(self, photo_ids: Sequence[int], rows: Matrix) -> None:
        """Add rows, replacing those whose id is already there; the last one wins within a call.

        Raises:
            DimensionMismatch: the rows come from another encoder.
        """

    def remove(self, photo_ids: Sequence[int]) -> int:
        """Remove photos, unknown ids are ignored; return how many were there."""

    def search(self, queries: Matrix, k: int, *, among: PhotoSet | Sequence[int] | None = None) -> list[list[Hit]]:
        """Return the `k` best photos for each query, highest score first; ties go to the lower photo id.

        Args:
            queries: shape (n, dim), float32.
            k: fewer hits come back only when fewer photos are there (or in `among`), whatever the kind of index.
            among: compare only these photos; unknown ids are ignored.

        Raises:
            DimensionMismatch: the queries come from another encoder.
        """

    def vectors(self, photo_ids: Sequence[int]) -> Matrix:
        """Return the stored rows (as precise as the index keeps them), in order.

        Raises:
            KeyError: one of the photos is not in the index.
        """

    def save(self, folder: Path) -> None:
        """Write a snapshot into an empty folder: arrays and nothing executable."""

    def checksum(self) -> str:
        """SHA-256 over ids and stored codes in id order: equal content, equal checksum, whatever the history."""
