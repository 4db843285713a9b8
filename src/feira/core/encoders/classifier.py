"""The classifier that a model brought: where its classes lie among its embeddings, read out of the file itself."""

import logging
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from feira.core.encoders.class_names import ClassDirections
from feira.core.encoders.onnx_graph import classifier_alone
from feira.core.encoders.sides import ImageSide

# Relative to the largest of the classes' numbers; float16 weights stay well below it, a softmax does not.
_LINEAR_WITHIN: Final = 1e-2
_NAMES_NOTHING: Final = frozenset({"", "background", "__background__"})

logger = logging.getLogger(__name__)


def directions_of(side: ImageSide) -> ClassDirections | None:
    """Return where the classes of a model's own classifier lie; None when it has none that can be read.

    It can be read where the named classes depend on the embedding alone, and by one linear layer. Then the layer is run
    on the axes of the embedding, which gives its weights exactly, however they are stored.
    """
    if side.head is None or not side.head.labels or side.weights.suffix != ".onnx":
        return None
    weights = _weights(side.weights, embedding=side.output_name, logits=side.head.output_name, dim=side.dim)
    if weights is None or len(weights) != len(side.head.labels):
        logger.info("The classes of %s are no linear layer on its embeddings; their names are not used.", side.weights)
        return None
    everything = ClassDirections.of_weights(side.head.labels, weights)
    named = [
        (name, row)
        for label, row in zip(everything.names, everything.rows, strict=True)
        for name in _names_in(label)
        if name.lower() not in _NAMES_NOTHING
    ]
    return ClassDirections(tuple(name for name, _ in named), np.stack([row for _, row in named])) if named else None


def _names_in(label: str) -> list[str]:
    """Return each way to call a class: ImageNet's say "abaya" and "academic gown, academic robe, judge's robe"."""
    return [name.strip() for name in label.split(",")]


def _weights(path: Path, *, embedding: str, logits: str, dim: int) -> NDArray[np.float32] | None:
    """Return the linear layer's weights, shape (classes, dim); None when it is none."""
    try:
        cut = classifier_alone(path.read_bytes(), embedding=embedding, logits=logits)
        if cut is None:
            return None
        content, name = cut
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        session: Any = onnxruntime.InferenceSession(content, sess_options=options, providers=["CPUExecutionProvider"])
    except Exception:  # noqa: BLE001  (the runtime's own exceptions share no base class)
        return None
    dtype = np.float16 if session.get_inputs()[0].type == "tensor(float16)" else np.float32
    for shape in ((dim,), (dim, 1, 1)):

        def run(rows: NDArray[Any], shape: tuple[int, ...] = shape) -> NDArray[np.float32]:
            (answer,) = session.run([logits], {name: rows.astype(dtype).reshape(-1, *shape)})
            return np.asarray(answer, dtype=np.float32).reshape(len(rows), -1)

        try:
            weights = _linear(run, dim)
        except Exception:  # noqa: BLE001, S112  (as above: this shape is not what the layer takes)
            continue
        if weights is not None:
            return weights
    return None


def _linear(run: Any, dim: int) -> NDArray[np.float32] | None:
    offset = run(np.zeros((1, dim), np.float32))
    weights = run(np.eye(dim, dtype=np.float32)) - offset
    tried = np.random.default_rng(0).uniform(0, 1, (4, dim)).astype(np.float32)
    expected, found = tried @ weights + offset, run(tried)
    if not np.isfinite(found).all() or np.abs(expected - found).max() > _LINEAR_WITHIN * np.abs(found).max():
        return None
    directions: NDArray[np.float32] = np.ascontiguousarray(weights.T)
    return directions
