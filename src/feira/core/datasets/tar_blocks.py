"""Tar members whose bytes depend on name and content only: no times, no owners, no padding of chance."""

import tarfile

BLOCK = tarfile.BLOCKSIZE
# From here on a size needs more than the eleven octal digits of a plain header.
_LARGE = 8**11
# Two empty blocks end an archive; records of twenty blocks are for tapes.
END = bytes(2 * BLOCK)


def tar_header(path: str, size: int) -> bytes:
    """Return the header blocks of a file: ustar, or pax where the path or size does not fit."""
    info = tarfile.TarInfo(path)
    info.size, info.mode, info.mtime = size, 0o644, 0
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def tar_padding(size: int) -> bytes:
    """Return the zeros that fill the last block of a content of this size."""
    return bytes(-size % BLOCK)


def tar_member(path: str, content: bytes) -> bytes:
    """Return header, content and padding."""
    return tar_header(path, len(content)) + content + tar_padding(len(content))


def tar_member_size(path: str, size: int) -> int:
    """Return how many bytes a member takes."""
    # Making a header only to measure it took most of the time of planning.
    plain = len(path) <= tarfile.LENGTH_NAME and path.isascii() and size < _LARGE
    return (BLOCK if plain else len(tar_header(path, size))) + size + -size % BLOCK
