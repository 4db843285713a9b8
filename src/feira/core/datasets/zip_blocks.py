"""The headers of a zip of stored files, with ZIP64 fields exactly where a number does not fit in 32 bits.

Names are ASCII, so no flag is set; sizes and checksums stand before the content, so no data descriptor follows it.
Sections are those of PKWARE's APPNOTE 6.3.
"""

import struct

_FULL = 0xFFFFFFFF
_MANY = 0xFFFF
_PLAIN_VERSION, _ZIP64_VERSION = 20, 45
_UNIX = 3 << 8
_STORED = 0
_NO_FLAGS = 0
# 1 January 1980, 00:00, the first moment a zip can name.
_TIME, _DATE = 0, (0 << 9) | (1 << 5) | 1
_REGULAR_FILE = 0o100644 << 16
_LOCAL_BYTES, _CENTRAL_BYTES = 30, 46


def local_header(path: str, *, size: int, crc32: int) -> bytes:
    """Return what stands before a file's content (4.3.7)."""
    name, large = path.encode("ascii"), size >= _FULL
    extra = struct.pack("<HHQQ", 1, 16, size, size) if large else b""
    shown = _FULL if large else size
    version = _ZIP64_VERSION if large else _PLAIN_VERSION
    fixed = (b"PK\3\4", version, _NO_FLAGS, _STORED, _TIME, _DATE, crc32, shown, shown, len(name), len(extra))
    return struct.pack("<4s5H3L2H", *fixed) + name + extra


def local_size(path: str, *, size: int) -> int:
    """Return the length of `local_header` without making it."""
    return _LOCAL_BYTES + len(path) + (20 if size >= _FULL else 0)


def central_size(path: str, *, size: int, offset: int) -> int:
    """Return the length of `central_header` without making it."""
    wide = 2 * (size >= _FULL) + (offset >= _FULL)
    return _CENTRAL_BYTES + len(path) + (4 + 8 * wide if wide else 0)


def central_header(path: str, *, size: int, crc32: int, offset: int) -> bytes:
    """Return a file's entry in the directory at the end (4.3.12); `offset` is that of its local header."""
    name = path.encode("ascii")
    wide = [number for number in (size, size) if size >= _FULL] + [offset] * (offset >= _FULL)
    extra = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
    shown, version = min(size, _FULL), _ZIP64_VERSION if wide else _PLAIN_VERSION
    head = (b"PK\1\2", _UNIX | version, version, _NO_FLAGS, _STORED, _TIME, _DATE, crc32, shown, shown)
    tail = (len(name), len(extra), 0, 0, 0, _REGULAR_FILE, min(offset, _FULL))
    return struct.pack("<4s6H3L5H2L", *head, *tail) + name + extra


def end_of_archive(*, count: int, start: int, size: int) -> bytes:
    """Return the end records (4.3.14 to 4.3.16) for a directory of `count` files at byte `start`."""
    wide = b""
    if count >= _MANY or start >= _FULL or size >= _FULL:
        version = (_UNIX | _ZIP64_VERSION, _ZIP64_VERSION)
        wide = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, *version, 0, 0, count, count, size, start)
        wide += struct.pack("<4sLQL", b"PK\6\7", 0, start + size, 1)
    few = min(count, _MANY)
    return wide + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, few, few, min(size, _FULL), min(start, _FULL), 0)
