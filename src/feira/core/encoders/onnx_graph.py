"""Cuts the classifier off an ONNX file: a small model that takes embeddings and gives the classes' numbers.

An ONNX file is a protocol buffer whose outermost layers are simple to read, and reading just these needs no package
that an installation would not have: nodes with the names of what they take and give, and tensors by name.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

# Numbers of the fields, as onnx.proto has them.
_GRAPH: Final = 7
_NODE, _GRAPH_NAME, _TENSOR, _INPUT, _OUTPUT = 1, 2, 5, 11, 12
_TAKES, _GIVES, _OPERATOR = 1, 2, 4
_TENSOR_NAME: Final = 8
_VALUE_NAME, _VALUE_TYPE = 1, 2
_BYTES, _VARINT = 2, 0
# Of another shape than what they take, with the same numbers in the same order.
_RESHAPES: Final = frozenset({b"Identity", b"Flatten", b"Reshape", b"Squeeze"})


@dataclass(frozen=True, slots=True)
class _Node:
    takes: tuple[bytes, ...]
    gives: tuple[bytes, ...]
    operator: bytes
    written: bytes


def classifier_alone(content: bytes, *, embedding: str, logits: str) -> tuple[bytes, str] | None:
    """Return an ONNX model from embeddings to logits, and the name of its only input; None where there is no such part.

    The input has no declared shape: it is the embedding, or the same numbers before they were flattened.

    Args:
        content: an ONNX file that holds its own weights.
        embedding, logits: outputs of the model.
    """
    try:
        outer = list(_fields(content))
        graph = b"".join(value for number, _, value in outer if number == _GRAPH)
        cut = _cut(graph, embedding.encode(), logits.encode())
    except (IndexError, ValueError):
        return None
    if cut is None:
        return None
    small, taken = cut
    others = b"".join(written for number, written, _ in outer if number != _GRAPH)
    return others + _field(_GRAPH, small), taken.decode()


def _cut(graph: bytes, embedding: bytes, logits: bytes) -> tuple[bytes, bytes] | None:
    fields = list(_fields(graph))
    nodes = [_node(value) for number, _, value in fields if number == _NODE]
    makers = {name: node for node in nodes for name in node.gives}
    tensors = {_first(value, _TENSOR_NAME): written for number, written, value in fields if number == _TENSOR}
    values = {
        number: {_first(value, _VALUE_NAME): (written, value) for found, written, value in fields if found == number}
        for number in (_INPUT, _OUTPUT)
    }
    for taken in _same_numbers(embedding, makers):
        needed = _needed_for(logits, taken, makers)
        found = set(tensors) & needed
        if taken not in needed or needed - found - set(makers) - {taken, b""}:
            continue  # the classes depend on more than the embedding
        kept = [_field(_NODE, node.written) for node in nodes if needed.intersection(node.gives) - {taken}]
        element = _first(values[_OUTPUT][embedding][1], _VALUE_TYPE)
        parts = [
            *kept,
            _field(_GRAPH_NAME, b"classifier"),
            *(tensors[name] for name in sorted(found)),
            _field(_INPUT, _field(_VALUE_NAME, taken) + _field(_VALUE_TYPE, _without_shape(element))),
            *(written for name, (written, _) in values[_INPUT].items() if name in found),
            values[_OUTPUT][logits][0],
        ]
        return b"".join(parts), taken
    return None


def _same_numbers(name: bytes, makers: dict[bytes, _Node]) -> Iterator[bytes]:
    """Yield a value's name, and those of what it was merely reshaped from."""
    yield name
    while (maker := makers.get(name)) is not None and maker.operator in _RESHAPES:
        name = maker.takes[0]
        yield name


def _needed_for(wanted: bytes, taken: bytes, makers: dict[bytes, _Node]) -> set[bytes]:
    """Return every value that a value is made of, looking no further back than `taken`."""
    needed, ahead = {wanted}, [wanted]
    while ahead:
        maker = makers.get(name) if (name := ahead.pop()) != taken else None
        fresh = set(maker.takes) - needed if maker is not None else set()
        needed |= fresh
        ahead.extend(fresh)
    return needed


def _without_shape(kind: bytes) -> bytes:
    """Return a tensor's type with its elements' type alone."""
    tensor = _first(kind, 1)
    return _field(1, b"".join(written for number, written, _ in _fields(tensor) if number == 1))


def _node(content: bytes) -> _Node:
    fields = list(_fields(content))
    return _Node(
        takes=tuple(value for number, _, value in fields if number == _TAKES),
        gives=tuple(value for number, _, value in fields if number == _GIVES),
        operator=b"".join(value for number, _, value in fields if number == _OPERATOR),
        written=content,
    )


def _first(content: bytes, wanted: int) -> bytes:
    return next((value for number, _, value in _fields(content) if number == wanted), b"")


def _fields(content: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield each field's number, the field as it was written, and its content (empty for numbers).

    Raises:
        IndexError, ValueError: this is no protocol buffer.
    """
    place = 0
    while place < len(content):
        begun = place
        key, place = _varint(content, place)
        kind = key & 7
        begins = place
        if kind == _VARINT:
            _, place = _varint(content, place)
            begins = place
        elif kind == _BYTES:
            size, begins = _varint(content, place)
            place = begins + size
        elif kind in (1, 5):
            place = begins = place + (8 if kind == 1 else 4)
        else:
            raise ValueError("a field of no known kind")
        if place > len(content):
            raise ValueError("a field that is cut off")
        yield key >> 3, content[begun:place], content[begins:place]


def _varint(content: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        part = content[place]
        place += 1
        value |= (part & 0x7F) << shift
        if part < 0x80:
            return value, place
        shift += 7
        if shift > 63:
            raise ValueError("a number that does not end")


def _field(number: int, content: bytes) -> bytes:
    """Return a field of bytes, written."""
    return _written(number << 3 | _BYTES) + _written(len(content)) + content


def _written(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)
