"""Smaller weights for a finished ONNX file: 8-bit or 16-bit on disk, multiplied out on loading, arithmetic in float32.

Other than 8-bit arithmetic this gives the same answers on every processor. MiniLM: 90.5 MB become 22.9 MB at a cosine
of 0.9992 or more to the file it was made from.
"""

from pathlib import Path
from typing import Final, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper, version_converter

from feira.core.errors import Refused

Rounding = Literal["int8", "fp16"]

# Smaller tensors are left as they are: biases, norms, and what saves nothing.
_ROUNDED_FROM: Final = 1024
# Scales per channel came with this version of the operators.
_OPSET: Final = 13
_MOST_IN_ONE_FILE: Final = 2_000_000_000
_HALF_MAX: Final = float(np.finfo(np.float16).max)


def convert(source: Path, target: Path, *, to: Rounding) -> int:
    """Write an ONNX file with smaller weights and return how many tensors were rounded.

    Raises:
        Refused: the file is no ONNX, or holds no weights that could be rounded.
    """
    try:
        model = onnx.load(str(source))
    except Exception as error:  # protobuf's and ONNX's exceptions share no base class
        raise Refused(f"{source} cannot be read as ONNX: {error}") from error
    opset = next((entry.version for entry in model.opset_import if entry.domain in {"", "ai.onnx"}), 0)
    if to == "int8" and opset < _OPSET:
        model = version_converter.convert_version(model, _OPSET)
    rounded = _round_all(model.graph, to)
    if not rounded:
        raise Refused(f"{source.name} holds no float32 weights of {_ROUNDED_FROM:,} numbers or more to be rounded.")
    if model.ByteSize() > _MOST_IN_ONE_FILE:
        raise Refused(f"{source.name} stays larger than {_MOST_IN_ONE_FILE:,} bytes; ONNX files end there.")
    onnx.checker.check_model(model)
    onnx.save(model, str(target))
    return rounded


def _round_all(graph: onnx.GraphProto, to: Rounding) -> int:
    users: dict[str, list[tuple[onnx.NodeProto, int]]] = {}
    for node in graph.node:
        for place, name in enumerate(node.input):
            users.setdefault(name, []).append((node, place))
    made: list[onnx.NodeProto] = []
    for tensor in list(graph.initializer):
        if tensor.data_type != TensorProto.FLOAT or len(tensor.dims) < 2 or int(np.prod(tensor.dims)) < _ROUNDED_FROM:
            continue
        weights = numpy_helper.to_array(tensor)
        if to == "fp16":
            made += _as_half(graph, tensor, weights)
            continue
        axes = {_channel_axis(node, place, weights.ndim) for node, place in users.get(tensor.name, [])}
        if len(axes) == 1 and (axis := axes.pop()) is not None:
            made.append(_as_bytes(graph, tensor, weights, axis))
    for node in reversed(made):
        graph.node.insert(0, node)
    return len(made)


def _channel_axis(node: onnx.NodeProto, place: int, axes: int) -> int | None:
    """Return the axis whose slices each get a scale of their own, None where a tensor is used in another way."""
    if node.op_type == "Gather" and place == 0:
        return 0
    if place != 1:
        return None
    if node.op_type == "Conv":
        return 0
    if node.op_type == "MatMul":
        return axes - 1
    if node.op_type == "Gemm":
        return 0 if any(entry.name == "transB" and entry.i == 1 for entry in node.attribute) else 1
    return None


def _as_bytes(
    graph: onnx.GraphProto, tensor: onnx.TensorProto, weights: NDArray[np.float32], axis: int
) -> onnx.NodeProto:
    others = tuple(place for place in range(weights.ndim) if place != axis)
    scales = np.maximum(np.abs(weights).max(axis=others) / 127, 1e-12).astype(np.float32)
    shape = [1] * weights.ndim
    shape[axis] = -1
    rounded = np.clip(np.rint(weights / scales.reshape(shape)), -127, 127).astype(np.int8)
    name = tensor.name
    graph.initializer.remove(tensor)
    graph.initializer.extend(
        [numpy_helper.from_array(rounded, f"{name}_8"), numpy_helper.from_array(scales, f"{name}_scale")]
    )
    return helper.make_node("DequantizeLinear", [f"{name}_8", f"{name}_scale"], [name], axis=axis)


def _as_half(graph: onnx.GraphProto, tensor: onnx.TensorProto, weights: NDArray[np.float32]) -> list[onnx.NodeProto]:
    if np.abs(weights).max() > _HALF_MAX:
        return []
    name = tensor.name
    graph.initializer.remove(tensor)
    graph.initializer.append(numpy_helper.from_array(weights.astype(np.float16), f"{name}_16"))
    return [helper.make_node("Cast", [f"{name}_16"], [name], to=TensorProto.FLOAT)]
