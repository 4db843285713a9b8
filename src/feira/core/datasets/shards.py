"""WebDataset: tar files of samples `KEY.jpg`, `KEY.json` and, in data sets with labels, `KEY.cls`."""

from collections.abc import Iterable, Iterator, Sequence

from feira.core.datasets.canonical import canonical_json
from feira.core.datasets.columns import Sample, columns_of, samples_of
from feira.core.datasets.dataset import in_order
from feira.core.datasets.layout import shard_path
from feira.core.datasets.opening import Opener, stream_image
from feira.core.datasets.pieces import Piece, cut
from feira.core.datasets.records import Record
from feira.core.datasets.tar_blocks import END, tar_header, tar_member, tar_member_size, tar_padding

MOST_BYTES = 512 * 1024 * 1024
# What `datasets` calls a missing label; a loss function in PyTorch stops at it.
NO_CLASS = -1


def plan_shards(records: Iterable[Record], labels: Sequence[str], *, most_bytes: int = MOST_BYTES) -> Iterator[Piece]:
    """Yield the shards of a data set; `weight` is the exact size of the file in bytes, at most `most_bytes`.

    A photo and its variants stay together; if they alone are larger, their shard is larger.

    Args:
        labels: of the whole data set, `Summary.labels`.

    Raises:
        InvalidRecord: the records are not in ascending order of their keys.
    """
    classes = _classes(labels)
    return (
        Piece(each.path, each.split, each.first, each.last, each.records, each.weight + len(END))
        for each in cut(
            records, weigh=lambda record: _size(record, classes), most=most_bytes - len(END), name=shard_path
        )
    )


def shard_bytes(records: Iterable[Record], open_image: Opener, labels: Sequence[str]) -> Iterator[bytes]:
    """Yield the tar file of a piece's records, holding one chunk of one photo at a time.

    Raises:
        PhotoGone: a photo cannot be read, or is another one than promised; what was yielded before is of no use.
        InvalidRecord: the records are not in ascending order of their keys.
    """
    classes = _classes(labels)
    for record in in_order(records):
        for sample in samples_of(record):
            size = sample.image.bytes
            yield tar_header(f"{sample.name}.{sample.image.ending}", size)
            yield from stream_image(sample.image, open_image)
            yield tar_padding(size) + b"".join(tar_member(*text) for text in _texts(sample, classes))
    yield END


def _texts(sample: Sample, classes: dict[str, int]) -> Iterator[tuple[str, bytes]]:
    yield f"{sample.name}.json", canonical_json(columns_of(sample, classes=classes))
    # Readers want the same files for every sample of a shard, so that one without a label has a class that is none.
    if classes:
        label = sample.record.label
        yield f"{sample.name}.cls", str(NO_CLASS if label is None else classes[label]).encode()


def _size(record: Record, classes: dict[str, int]) -> int:
    return sum(
        tar_member_size(f"{sample.name}.{sample.image.ending}", sample.image.bytes)
        + sum(tar_member_size(path, len(content)) for path, content in _texts(sample, classes))
        for sample in samples_of(record)
    )


def _classes(labels: Sequence[str]) -> dict[str, int]:
    return {label: number for number, label in enumerate(labels)}
