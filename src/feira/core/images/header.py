"""What a file says about itself in its first bytes: its kind and its size, read without any decoder.

Pillow opens some formats by starting their decoder, which takes memory for the announced size. Reading the header here
first means that a 100-byte file announcing a billion pixels costs a few microseconds.
"""

import struct
from dataclasses import dataclass
from typing import Literal

PhotoFormat = Literal["jpeg", "png", "webp", "avif", "gif", "heic"]

_HEIC_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1", b"mif3"}
)
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_ISPE_SEARCH_BYTES = 1 << 20
_MAX_JPEG_SEGMENTS = 20_000
# JPEG start-of-frame markers: C0..CF without the tables DHT (C4), JPG (C8) and DAC (CC).
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})

# Kinds that people do send and that we name in the refusal; the first match wins.
_NAMED_KINDS = (
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"BM", "BMP"),
    (b"%PDF", "PDF"),
    (b"%!PS", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "PostScript"),
    (b"8BPS", "Photoshop"),
    (b"\x00\x00\x01\x00", "icon"),
    (b"PK\x03\x04", "ZIP"),
    (b"\x1f\x8b", "gzip"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (b"<svg", "SVG"),
    (b"<!doctype html", "web page"),
    (b"<html", "web page"),
    (b"<?xml", "XML or SVG"),
)


@dataclass(frozen=True, slots=True)
class Header:
    """The kind of a file by content, and the size it announces (None where the header does not say)."""

    format: PhotoFormat
    size: tuple[int, int] | None


def read_header(content: bytes) -> Header | None:
    """Return the kind and announced (width, height) of a photo, or None when it is none of the kinds we take."""
    if content.startswith(b"\xff\xd8\xff"):
        return Header("jpeg", _jpeg_size(content))
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return Header("png", _png_size(content))
    if content[:6] in (b"GIF87a", b"GIF89a"):
        return Header("gif", struct.unpack_from("<HH", content, 6) if len(content) >= 10 else None)
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return Header("webp", _webp_size(content))
    if content[4:8] == b"ftyp":
        return _isobmff_header(content)
    return None


def name_of_kind(content: bytes) -> str | None:
    """Return a word for well-known files that are no photos we take, such as `TIFF`; None when it is not known."""
    start = content[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return next((name for magic, name in _NAMED_KINDS if start.startswith(magic.lower())), None)


def _png_size(content: bytes) -> tuple[int, int] | None:
    if content[12:16] != b"IHDR" or len(content) < 24:
        return None
    width, height = struct.unpack_from(">II", content, 16)
    return width, height


def _webp_size(content: bytes) -> tuple[int, int] | None:
    kind, body = content[12:16], content[20:34]
    if kind == b"VP8X" and len(body) >= 10:
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if kind == b"VP8L" and len(body) >= 5:
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 " and len(body) >= 10:
        width, height = struct.unpack_from("<HH", body, 6)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    """Walk the segments up to the first frame header; junk between segments is stepped over as decoders do."""
    position = 2
    for _ in range(_MAX_JPEG_SEGMENTS):
        position = content.find(b"\xff", position)
        if position < 0 or position + 9 > len(content):
            return None
        marker = content[position + 1]
        if marker in (0x00, 0xFF) or marker in _JPEG_WITHOUT_LENGTH:
            position += 1 if marker == 0xFF else 2
        elif marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", content, position + 5)
            return width, height
        else:
            position += 2 + int.from_bytes(content[position + 2 : position + 4], "big")
    return None


def _isobmff_header(content: bytes) -> Header | None:
    """Tell AVIF from HEIC by brand; the size is the largest `ispe` (a grid announces its tiles as well)."""
    length = min(int.from_bytes(content[:4], "big"), 4096)
    brands = {content[8:12], *(content[at : at + 4] for at in range(16, length, 4))}
    if brands & _AVIF_BRANDS:
        return Header("avif", _largest_ispe(content[:_ISPE_SEARCH_BYTES]))
    if brands & _HEIC_BRANDS:
        return Header("heic", _largest_ispe(content[:_ISPE_SEARCH_BYTES]))
    return None


def _largest_ispe(head: bytes) -> tuple[int, int] | None:
    sizes: list[tuple[int, int]] = []
    at = head.find(b"ispe")
    while at >= 0 and at + 16 <= len(head):
        if int.from_bytes(head[at - 4 : at], "big") == 20:  # a full box: length, name, version and flags, two numbers
            sizes.append(struct.unpack_from(">II", head, at + 8))
        at = head.find(b"ispe", at + 4)
    return max(sizes, key=lambda size: size[0] * size[1], default=None)
