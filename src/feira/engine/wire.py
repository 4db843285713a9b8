"""What travels between the shop and the engine: msgpack records, with vectors and ids as raw little-endian bytes.

Both sides import these records and nothing else from each other. Raw bytes are read without copying and cost a
thousandth of what lists of numbers would.
"""

from collections.abc import Sequence
from typing import Annotated

import msgspec
import numpy as np

from feira.core.types import Hit, Matrix

MAX_IMAGES_PER_REQUEST = 64
MAX_TEXTS_PER_REQUEST = 256
MAX_TEXT_CHARS = 2_000
MAX_HITS_PER_QUERY = 10_000
MAX_WAIT_S = 60.0

MSGPACK = "application/msgpack"
PROBLEM = "application/problem+json"
# How long the caller waits for its answer, in milliseconds; nothing is begun for it after that.
TIMEOUT_HEADER = "feira-timeout-ms"


class EncodeRequest(msgspec.Struct, frozen=True):
    """Encoded photos (WebP, JPEG, PNG) to turn into embeddings; `bulk` work steps back behind people's queries.

    Here and below an `encoder_id` is answered by exactly that encoder or refused; without one the live encoder answers.
    """

    images: Annotated[list[bytes], msgspec.Meta(max_length=MAX_IMAGES_PER_REQUEST)]
    bulk: bool = False
    encoder_id: str | None = None


class EncodeReply(msgspec.Struct, frozen=True):
    """One float32 row per image, in order."""

    encoder_id: str
    dim: int
    rows: bytes


Texts = Annotated[
    list[Annotated[str, msgspec.Meta(max_length=MAX_TEXT_CHARS)]], msgspec.Meta(max_length=MAX_TEXTS_PER_REQUEST)
]


class TextsRequest(msgspec.Struct, frozen=True):
    """Texts to turn into queries for pictures (`/encode-texts`) or into vectors of their own (`/embed-texts`)."""

    texts: Texts
    bulk: bool = False
    encoder_id: str | None = None


class EmbedTextsReply(msgspec.Struct, frozen=True):
    """One float32 row per text, in order, in the text encoder's own space."""

    text_id: str
    dim: int
    rows: bytes


class TagsRequest(msgspec.Struct, frozen=True):
    """Embeddings of one encoder as float32 rows."""

    vectors: bytes
    dim: Annotated[int, msgspec.Meta(gt=0)]
    encoder_id: str | None = None


class Tag(msgspec.Struct, frozen=True):
    """One thing that a classifier sees in a photo: `head` says of which kind, `confidence` is from 0 to 1."""

    head: str
    name: str
    confidence: float


class TagsReply(msgspec.Struct, frozen=True):
    """The tags of each embedding, in order; all empty when the encoder has no classifiers.

    `heads_version` is that of the classifiers that the shop taught, 0 for those that came with the encoder.
    """

    encoder_id: str
    tags: list[list[Tag]]
    heads_version: int = 0


class SearchRequest(msgspec.Struct, frozen=True):
    """Query vectors as float32 rows; `among` is a packed `PhotoSet`: a list of ids, or a bit per id."""

    vectors: bytes
    dim: Annotated[int, msgspec.Meta(gt=0)]
    k: Annotated[int, msgspec.Meta(gt=0, le=MAX_HITS_PER_QUERY)]
    among: bytes | None = None
    encoder_id: str | None = None


class SearchReply(msgspec.Struct, frozen=True):
    """Hits of all queries one after the other; `counts` says how many belong to each."""

    encoder_id: str
    seq: int
    counts: list[int]
    photo_ids: bytes
    scores: bytes


class WaitRequest(msgspec.Struct, frozen=True):
    """Answer when the index holds log entry `seq`, or after `timeout_s` seconds."""

    seq: Annotated[int, msgspec.Meta(ge=0)]
    timeout_s: Annotated[float, msgspec.Meta(ge=0, le=MAX_WAIT_S)] = 5.0
    encoder_id: str | None = None


class WaitReply(msgspec.Struct, frozen=True):
    """Whether the entry was reached, and the last entry the index holds."""

    reached: bool
    seq: int


class IndexFacts(msgspec.Struct, frozen=True):
    """What kind of index serves an encoder, and what it takes.

    `dim` is the length of a code in bytes, `projection` the version of the one that shortened the embeddings, `recall`
    the share of the true ten nearest that was found when the `lists` were placed (1 for an exact scan, None where it
    was not measured). `building` is true while a better one is built beside it. Memory is what codes and ids take, disk
    what the snapshots take.
    """

    kind: str
    dim: int
    projection: str
    lists: int
    recall: float | None
    memory_bytes: int
    memory_bytes_per_photo: float
    disk_bytes: int
    disk_bytes_per_photo: float
    building: bool


class ServedStatus(msgspec.Struct, frozen=True):
    """One encoder of those that an engine serves, and how far its index has followed the log.

    The fields mean what they mean in `EngineStatus`; `text_id` names the text encoder, empty when there is none, and
    `heads_version` the classifiers, as in `TagsReply`.
    """

    name: str
    encoder_id: str
    dim: int
    input_size: int
    ready: bool
    photos: int
    seq: int
    lag: int
    snapshot_seq: int
    queued: int
    fault: str = ""
    text_id: str = ""
    index: IndexFacts | None = None
    heads_version: int = 0


class EngineStatus(msgspec.Struct, frozen=True):
    """What an engine serves and how far it has followed the index log; the figures are those of the live encoder.

    `ready` turns true once, when the encoder is warm and the log has been caught up with. `lag` counts log entries
    seen but not yet applied. `fault` is the last failure of reading the log, empty while all is well. A photo whose
    shorter side has `input_size` pixels is large enough for the encoder; 0 while that is not known. `encoders` are all
    that are served, the live one first.
    """

    ready: bool
    encoder: str
    encoder_id: str
    dim: int
    photos: int
    seq: int
    lag: int
    snapshot_seq: int
    queued: int
    uptime_s: float
    version: str
    fault: str = ""
    input_size: int = 0
    encoders: list[ServedStatus] = []
    refused: dict[str, str] = {}


class Verification(msgspec.Struct, frozen=True):
    """The live index compared with one rebuilt from the log up to the same entry.

    `missing` photos are in the rebuilt index only, `extra` in the live one only, `different` in both with other codes;
    each holds the first few ids, `differences` counts all.
    """

    equal: bool
    photos: int
    seq: int
    checksum: str
    rebuilt_checksum: str
    differences: int = 0
    missing: list[int] = []
    extra: list[int] = []
    different: list[int] = []
    seconds: float = 0.0


def pack_rows(rows: Matrix) -> bytes:
    """Return the rows as little-endian float32, row after row."""
    return np.ascontiguousarray(rows, dtype="<f4").tobytes()


def unpack_rows(content: bytes, dim: int) -> Matrix:
    """Return the matrix of shape (n, dim) that `pack_rows` wrote; read-only, not copied.

    Raises:
        ValueError: the bytes are not a whole number of rows.
    """
    return np.frombuffer(content, dtype="<f4").reshape(-1, dim)


def pack_ids(photo_ids: Sequence[int]) -> bytes:
    """Return photo ids as little-endian int64."""
    return np.asarray(photo_ids, dtype="<i8").tobytes()


def unpack_ids(content: bytes) -> list[int]:
    """Return the photo ids that `pack_ids` wrote.

    Raises:
        ValueError: the bytes are not a whole number of ids.
    """
    ids: list[int] = np.frombuffer(content, dtype="<i8").tolist()
    return ids


def pack_hits(found: Sequence[Sequence[Hit]]) -> tuple[list[int], bytes, bytes]:
    """Return counts per query, all photo ids and all scores."""
    flat = [hit for hits in found for hit in hits]
    scores = np.asarray([hit.score for hit in flat], dtype="<f4")
    return [len(hits) for hits in found], pack_ids([hit.photo_id for hit in flat]), scores.tobytes()


def unpack_hits(reply: SearchReply) -> list[list[Hit]]:
    """Return one list of hits per query."""
    scores: list[float] = np.frombuffer(reply.scores, dtype="<f4").tolist()
    hits = iter([Hit(photo_id, score) for photo_id, score in zip(unpack_ids(reply.photo_ids), scores, strict=True)])
    return [[next(hits) for _ in range(count)] for count in reply.counts]
