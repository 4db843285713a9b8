"""Sets of photo ids that stay small: a bitmap where the ids lie close together, a sorted list where they do not."""

import hashlib
from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]

# One bit per id in the span of a bitmap against eight bytes per id in a list.
_SPAN_PER_ID = 64
_BITS, _LIST = b"b", b"i"
_HEADER = np.dtype("<i8")


class PhotoSet:
    """An immutable set of photo ids, made and asked by whole arrays.

    A million neighbouring ids take 125 kB and are packed and unpacked in a millisecond, so that "only what passes the
    filter" can travel with each query.
    """

    def __init__(self, photo_ids: Sequence[int] | Ids) -> None:
        ids = np.asarray(photo_ids, dtype=np.int64)
        if len(ids) and not (ids[1:] > ids[:-1]).all():
            ids = np.unique(ids)
        self._count = len(ids)
        self._first = 0  # the id of the bitmap's first bit
        self._bits = np.empty(0, dtype=np.uint8)  # one of these two holds the set, the other stays empty
        self._listed = ids
        span = int(ids[-1]) - int(ids[0]) + 1 if len(ids) else 0
        if len(ids) and span <= _SPAN_PER_ID * len(ids):
            self._first = int(ids[0]) // 8 * 8
            marks = np.zeros(-(-(int(ids[-1]) - self._first + 1) // 8) * 8, dtype=np.uint8)
            marks[ids - self._first] = 1
            self._bits, self._listed = np.packbits(marks, bitorder="little"), ids[:0]

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        return iter(self.ids().tolist())

    def __contains__(self, photo_id: int) -> bool:
        return bool(self.mask(np.array([photo_id], dtype=np.int64))[0])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PhotoSet) and self.pack() == other.pack()

    def __hash__(self) -> int:
        return hash(self.digest)

    @cached_property
    def digest(self) -> bytes:
        """Name the content: equal sets have equal digests, and no other sets do."""
        return hashlib.sha256(self.pack()).digest()

    def ids(self) -> Ids:
        """Return the ids, ascending."""
        if not len(self._bits):
            return self._listed
        return np.flatnonzero(np.unpackbits(self._bits, bitorder="little")) + self._first

    def mask(self, photo_ids: Ids) -> NDArray[np.bool_]:
        """Tell for each id whether it is in the set."""
        if not self._count:
            return np.zeros(len(photo_ids), dtype=bool)
        if not len(self._bits):
            places = np.minimum(np.searchsorted(self._listed, photo_ids), self._count - 1)
            return np.asarray(self._listed[places] == photo_ids)
        offsets = photo_ids - self._first
        inside = (offsets >= 0) & (offsets < 8 * len(self._bits))
        offsets = np.where(inside, offsets, 0)
        bits = self._bits[offsets >> 3] >> (offsets & 7).astype(np.uint8) & 1
        return np.asarray(inside & bits.astype(bool))

    def bitmap(self, *, most_bytes: int) -> NDArray[np.uint8] | None:
        """Return bit `id % 8` of byte `id // 8` for every id, or None when it would be longer than `most_bytes`.

        Ids below zero have no bit, so that a set which holds any has no bitmap.
        """
        if len(self._bits):
            before = self._first // 8
            if before < 0 or before + len(self._bits) > most_bytes:
                return None
            return np.concatenate([np.zeros(before, dtype=np.uint8), self._bits]) if before else self._bits
        if not self._count:
            return np.zeros(1, dtype=np.uint8)
        if self._listed[0] < 0 or self._listed[-1] // 8 >= most_bytes:
            return None
        bits = np.zeros(int(self._listed[-1]) // 8 + 1, dtype=np.uint8)
        np.bitwise_or.at(bits, self._listed >> 3, np.left_shift(1, self._listed & 7).astype(np.uint8))
        return bits

    def pack(self) -> bytes:
        """Return bytes that `unpack` reads; equal sets pack equally."""
        if len(self._bits):
            return _BITS + np.array([self._first], _HEADER).tobytes() + self._bits.tobytes()
        return _LIST + self._listed.astype(_HEADER).tobytes()

    @classmethod
    def unpack(cls, content: bytes) -> "PhotoSet":
        """Return the set that `pack` wrote.

        Raises:
            ValueError: the bytes are no packed set.
        """
        kind, rest = content[:1], content[1:]
        if kind == _LIST:
            return cls(np.frombuffer(rest, _HEADER).astype(np.int64))
        if kind != _BITS or len(rest) <= _HEADER.itemsize:
            raise ValueError("these bytes are no packed set of photos")
        made = cls(())
        made._first = int(np.frombuffer(rest, _HEADER, 1)[0])
        bits = np.frombuffer(rest, np.uint8, offset=_HEADER.itemsize)
        if made._first % 8:
            raise ValueError("a packed set of photos begins in the middle of a byte")
        made._bits, made._count = bits, int(np.bitwise_count(bits).sum())
        return made


def as_photo_set(photo_ids: "PhotoSet | Sequence[int] | Ids") -> PhotoSet:
    """Return the set itself, or one of these ids."""
    return photo_ids if isinstance(photo_ids, PhotoSet) else PhotoSet(photo_ids)
