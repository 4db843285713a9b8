"""Files as they are written: chunks that count themselves, and what is known of a file afterwards."""

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One written file; `crc32` may be left out where no zip is made of it."""

    path: str
    sha256: str
    bytes: int
    crc32: int | None = None


class Watched:
    """Chunks on their way to wherever they are kept; knows the file's facts once the last one has passed."""

    def __init__(self, path: str, chunks: Iterable[bytes]) -> None:
        self.path = path
        self._chunks = chunks
        self._digest, self._crc32, self._bytes, self._ended = hashlib.sha256(), 0, 0, False

    def __iter__(self) -> Iterator[bytes]:
        """Yield the chunks, once."""
        for chunk in self._chunks:
            self._digest.update(chunk)
            self._crc32 = zlib.crc32(chunk, self._crc32)
            self._bytes += len(chunk)
            yield chunk
        self._ended = True

    @property
    def facts(self) -> FileFacts:
        """What the file turned out to be.

        Raises:
            RuntimeError: not all chunks have been taken yet.
        """
        if not self._ended:
            raise RuntimeError(f"{self.path} has not been written to its end.")
        return FileFacts(self.path, self._digest.hexdigest(), self._bytes, self._crc32)
