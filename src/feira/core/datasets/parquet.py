"""Parquet tables with the photos inside, typed so that `datasets` shows them as images and labels as classes."""

from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from typing import Any

from feira.core.datasets.canonical import canonical_json
from feira.core.datasets.columns import COLUMN_TYPES, ColumnType, Sample, columns_of, samples_of
from feira.core.datasets.dataset import in_order
from feira.core.datasets.errors import FormatUnavailable
from feira.core.datasets.layout import part_path
from feira.core.datasets.opening import Opener, read_image
from feira.core.datasets.pieces import Piece, cut
from feira.core.datasets.records import Record

MOST_BYTES = 256 * 1024 * 1024
# A row group is what a reader holds to look at one row, and what we hold to write one.
GROUP_ROWS = 100
GROUP_BYTES = 32 * 1024 * 1024


def plan_parts(records: Iterable[Record], *, most_bytes: int = MOST_BYTES) -> Iterator[Piece]:
    """Yield the tables of a data set; `weight` is the size of their photos in bytes, at most `most_bytes`.

    Raises:
        InvalidRecord: the records are not in ascending order of their keys.
    """
    return cut(
        records, weigh=lambda record: sum(image.bytes for _, image in record.files()), most=most_bytes, name=part_path
    )


def part_bytes(records: Iterable[Record], open_image: Opener, labels: Sequence[str]) -> Iterator[bytes]:
    """Yield the Parquet file of a piece's records, holding one row group at a time: 100 rows, or about 32 MiB.

    The same pyarrow gives the same bytes. Columns: `image` (bytes and path), then those of `columns.columns_of`.

    Args:
        labels: of the whole data set, `Summary.labels`.

    Raises:
        FormatUnavailable: pyarrow is not installed.
        PhotoGone: a photo cannot be read, or is another one than promised.
        InvalidRecord: the records are not in ascending order of their keys.
    """
    try:
        pa, pq = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise FormatUnavailable(
            "Parquet needs the extra `parquet` (pyarrow). Ask for another format, or install feira[parquet]."
        ) from error
    return _written(pa, pq, records, open_image, labels)


def _written(pa: Any, pq: Any, records: Iterable[Record], open_image: Opener, labels: Sequence[str]) -> Iterator[bytes]:
    classes = {label: number for number, label in enumerate(labels)}
    schema, sink = _schema(pa, labels), _Sink()
    # Photos are compressed already, and a dictionary of them would only be thrown away again.
    writer = pq.ParquetWriter(
        sink, schema, compression={"image.bytes": "none"} | _texts_compressed(schema), use_dictionary=False
    )
    with writer:
        for group in _groups(sample for record in in_order(records) for sample in samples_of(record)):
            rows = [_row(sample, open_image, classes) for sample in group]
            writer.write_table(pa.Table.from_pylist(rows, schema=schema), row_group_size=len(rows))
            yield sink.drained()
    yield sink.drained()


def _texts_compressed(schema: Any) -> dict[str, str]:
    return {name: "zstd" for name in schema.names if name != "image"}


def _groups(samples: Iterable[Sample]) -> Iterator[list[Sample]]:
    group: list[Sample] = []
    size = 0
    for sample in samples:
        if group and (len(group) == GROUP_ROWS or size + sample.image.bytes > GROUP_BYTES):
            yield group
            group, size = [], 0
        group.append(sample)
        size += sample.image.bytes
    if group:
        yield group


def _row(sample: Sample, open_image: Opener, classes: dict[str, int]) -> dict[str, Any]:
    content = read_image(sample.image, open_image)
    path = f"{sample.name}.{sample.image.ending}"
    return {"image": {"bytes": content, "path": path}, **columns_of(sample, classes=classes)}


def _schema(pa: Any, labels: Sequence[str]) -> Any:
    kinds: dict[str, ColumnType] = {"image": {"bytes": "binary", "path": "string"}, **COLUMN_TYPES}
    features = {name: _feature(kind) for name, kind in kinds.items()}
    features["image"] = {"_type": "Image"}
    if labels:
        features["label"] = {"names": list(labels), "_type": "ClassLabel"}
    said = canonical_json({"info": {"features": features}})
    return pa.schema([(name, _arrow(pa, kind)) for name, kind in kinds.items()], metadata={"huggingface": said})


def _arrow(pa: Any, kind: ColumnType) -> Any:
    if isinstance(kind, list):
        return pa.list_(_arrow(pa, kind[0]))
    if isinstance(kind, dict):
        return pa.struct([(name, _arrow(pa, each)) for name, each in kind.items()])
    return pa.type_for_alias(kind)


def _feature(kind: ColumnType) -> Any:
    """Return a column's type in the words of `datasets`."""
    if isinstance(kind, list):
        return {"feature": _feature(kind[0]), "_type": "List"}
    if isinstance(kind, dict):
        return {name: _feature(each) for name, each in kind.items()}
    return {"dtype": kind, "_type": "Value"}


class _Sink:
    """A file that is taken away as it is written: pyarrow writes from front to back and never seeks."""

    closed = False

    def __init__(self) -> None:
        self._kept: list[bytes] = []
        self._passed = 0

    def write(self, content: Any) -> int:
        # pyarrow reuses its buffer after the call.
        self._kept.append(bytes(content))
        self._passed += len(self._kept[-1])
        return len(self._kept[-1])

    def tell(self) -> int:
        return self._passed

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def drained(self) -> bytes:
        kept, self._kept = b"".join(self._kept), []
        return kept
