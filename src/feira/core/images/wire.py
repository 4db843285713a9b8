"""How the sandbox and its child talk: length-prefixed frames, answers as JSON and raw bytes.

The child has touched hostile bytes, so the parent believes nothing it says: sizes are bounded, every field is checked,
digests are computed again, and no pickle is involved.
"""

import hashlib
import json
import struct
from typing import Any, Final, get_args

from feira.core.errors import InvalidImage
from feira.core.images.header import PhotoFormat, read_header
from feira.core.images.prepared import PreparedPhoto
from feira.core.images.renditions import RENDITIONS, Rendition

LENGTH: Final = struct.Struct(">I")
MAX_ANSWER_BYTES: Final = 64_000_000
READY: Final = b"ready"

_HEAD = struct.Struct(">I")
_MAX_MESSAGE = 500
_REASONS = frozenset(
    {
        "empty",
        "too_large_bytes",
        "too_many_pixels",
        "unsupported_format",
        "heic_not_enabled",
        "truncated",
        "damaged",
        "took_too_long",
        "too_much_memory",
    }
)


class UnbelievableAnswerError(ValueError):
    """The child answered with something that no sound child would say."""


def frame(body: bytes) -> bytes:
    """Return `body` with its length in front."""
    return LENGTH.pack(len(body)) + body


def pack_prepared(photo: PreparedPhoto) -> bytes:
    """Return the answer for a photo that was taken; a rendition shared by several names travels once."""
    parts: list[bytes] = []
    places: dict[str, tuple[int, int]] = {}
    listed = []
    for rendition in photo.renditions.values():
        if rendition.digest not in places:
            places[rendition.digest] = (sum(map(len, parts)), len(rendition.content))
            parts.append(rendition.content)
        start, length = places[rendition.digest]
        listed.append([rendition.name, rendition.width, rendition.height, start, length])
    head = {
        "format": photo.format,
        "width": photo.width,
        "height": photo.height,
        "tint": photo.tint,
        "renditions": listed,
    }
    return pack(head, b"".join(parts))


def pack_refusal(error: InvalidImage) -> bytes:
    """Return the answer for a photo that was refused."""
    return pack({"reason": error.reason, "message": error.message}, b"")


def unpack_answer(answer: bytes, content: bytes) -> PreparedPhoto:
    """Return the photo that the child prepared from `content`.

    Raises:
        InvalidImage: the child refused the photo.
        UnbelievableAnswerError: the answer breaks the protocol.
    """
    try:
        head, body = unpack(answer)
        listed = {row[0]: _rendition(row, body) for row in head["renditions"]}
        if set(listed) != set(RENDITIONS):
            raise UnbelievableAnswerError("renditions are missing")
        return PreparedPhoto(
            digest=hashlib.sha256(content).hexdigest(),
            format=_one_of(head["format"], frozenset(get_args(PhotoFormat))),
            byte_size=len(content),
            width=_between(head["width"], 1, 1 << 31),
            height=_between(head["height"], 1, 1 << 31),
            tint=_between(head["tint"], 0, 215),
            renditions={name: listed[name] for name in RENDITIONS},
        )
    except (struct.error, ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise UnbelievableAnswerError(str(error)) from error


def unpack(message: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the facts and the raw bytes of a message.

    Raises:
        InvalidImage: it is a refusal.
        UnbelievableAnswerError: it is no message.
    """
    try:
        (head_length,) = _HEAD.unpack_from(message)
        head = json.loads(message[_HEAD.size : _HEAD.size + head_length])
        if "reason" in head:
            raise InvalidImage(str(head["message"])[:_MAX_MESSAGE], reason=_one_of(head["reason"], _REASONS))
        return dict(head), message[_HEAD.size + head_length :]
    except (struct.error, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UnbelievableAnswerError(str(error)) from error


def pack(head: dict[str, Any], body: bytes) -> bytes:
    """Return facts, which become JSON, and raw bytes as one message."""
    packed = json.dumps(head).encode()
    return _HEAD.pack(len(packed)) + packed + body


def _rendition(row: Any, body: bytes) -> Rendition:
    name, width, height, start, length = row
    longest = RENDITIONS[name]
    content = body[_between(start, 0, len(body)) : start + _between(length, 1, len(body))]
    header = read_header(content)
    if header is None or header.format != "webp" or header.size != (width, height) or max(width, height) > longest:
        raise UnbelievableAnswerError(f"the rendition {name} is not what it is said to be")
    return Rendition(name, width, height, content, hashlib.sha256(content).hexdigest())


def _between(value: Any, lowest: int, highest: int) -> int:
    if type(value) is not int or not lowest <= value <= highest:
        raise UnbelievableAnswerError(f"{value!r} is not a whole number from {lowest} to {highest}")
    return value


def _one_of(value: Any, allowed: frozenset[str]) -> Any:
    if value not in allowed:
        raise UnbelievableAnswerError(f"{value!r} is not a known word")
    return value
