"""PNG files reduced to what the pixels need.

Text, animation and unknown chunks are dropped before a decoder sees them: they are where PNG bombs and leaks live, and
a broken one must not cost a seller an otherwise good photo.
"""

import struct
import zlib

_SIGNATURE_LENGTH = 8
_OVERHEAD = 12  # length, name and checksum around the data of a chunk
_MAX_CHUNKS = 65_536
_MAX_PROFILE_BYTES = 1 << 20  # what Pillow inflates at most
_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT"})
_KEPT_WHEN_SOUND = frozenset({b"eXIf", b"sRGB", b"iCCP"})
_XMP = b"XML:com.adobe.xmp\0"
_IEND = b"\0\0\0\0IEND\xaeB`\x82"


class TooManyChunksError(ValueError):
    """The file is cut into more pieces than any camera or program writes."""


def only_needed_chunks(content: bytes) -> bytes:
    """Return the same picture without text, animation and broken ancillary chunks; an unfinished last chunk stays cut.

    Chunks that carry pixels are copied with their checksums, so a decoder still notices damage. A missing or cut end
    chunk is replaced: whether all rows are there is for the decoder to say.

    Raises:
        TooManyChunksError: more than 65,536 chunks.
    """
    view, position = memoryview(content), _SIGNATURE_LENGTH
    kept: list[memoryview | bytes] = [view[:position]]
    for _ in range(_MAX_CHUNKS):
        if position + 8 > len(content):
            break
        length, name = struct.unpack_from(">I4s", content, position)
        end = position + _OVERHEAD + length
        if name == b"IEND":
            break
        if end > len(content):
            if name in _KEPT:
                kept.append(view[position:])
                return b"".join(kept)
            break
        if name in _KEPT or _is_useful(name, content[position + 4 : end]):
            kept.append(view[position:end])
        position = end
    else:
        raise TooManyChunksError
    kept.append(_IEND)
    return b"".join(kept)


def _is_useful(name: bytes, named_data_and_checksum: bytes) -> bool:
    """Tell whether an ancillary chunk says how to show the pixels, and is sound."""
    is_xmp = name == b"iTXt" and named_data_and_checksum.startswith(_XMP, 4)
    if not (name in _KEPT_WHEN_SOUND or is_xmp) or len(named_data_and_checksum) > _MAX_PROFILE_BYTES:
        return False
    if zlib.crc32(named_data_and_checksum[:-4]) != int.from_bytes(named_data_and_checksum[-4:], "big"):
        return False
    data = named_data_and_checksum[4:-4]
    if is_xmp:
        return data[len(_XMP) : len(_XMP) + 1] == b"\0"  # not compressed
    return name != b"iCCP" or _has_sound_profile(data)


def _has_sound_profile(data: bytes) -> bool:
    _, separator, packed = data.partition(b"\0")
    if not separator or packed[:1] != b"\0":  # the only compression method there is
        return False
    inflator = zlib.decompressobj()
    try:
        inflator.decompress(packed[1:], _MAX_PROFILE_BYTES)
    except zlib.error:
        return False
    return inflator.eof
