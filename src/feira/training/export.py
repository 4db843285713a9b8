"""From trained weights to `model.onnx`: folded, written by torch, weights rounded to 8 bits, and checked."""

import copy
import io
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from feira.core.encoders.sessions import open_session
from feira.core.errors import Refused
from feira.core.types import Matrix
from feira.training.network import Eye

INPUT_NAME, OUTPUT_NAME = "input", "embedding"
_OPSET = 18
# Smaller tensors are left as they are: biases, and what saves nothing.
_ROUNDED_FROM = 1024

FLOAT_FLOOR, ROUNDED_FLOOR = 0.999999, 0.999


class Agreement(NamedTuple):
    """Least cosine between torch's embeddings and those of the file: before and after its weights were rounded."""

    as_float: float
    rounded: float


def export(eye: Eye, path: Path, *, size: int, probes: NDArray[np.float32]) -> Agreement:
    """Write the eye as ONNX with 8-bit weights and float arithmetic.

    Args:
        size: side of the square that the encoder will be given.
        probes: prepared views, float32, shape (n, 3, size, size), on which the file is compared with torch.

    Raises:
        Refused: the file does not give torch's answers.
    """
    folded = fold(eye)
    with torch.inference_mode():
        right = folded(torch.from_numpy(probes)).numpy()
        unfolded = copy.deepcopy(eye).eval()(torch.from_numpy(probes)).numpy()
    model = _written(folded, size)
    onnx.save(model, path)
    as_float = _agreement(unfolded, _answers(path, probes))
    _round_weights(model)
    onnx.save(model, path)
    rounded = _agreement(right, _answers(path, probes))
    if as_float < FLOAT_FLOOR or rounded < ROUNDED_FLOOR:
        raise Refused(
            f"The exported file gives other answers than torch: cosine {as_float:.7f} as it is, {rounded:.4f} rounded; "
            f"at least {FLOAT_FLOOR} and {ROUNDED_FLOOR} are expected."
        )
    return Agreement(as_float, rounded)


def fold(eye: Eye) -> Eye:
    """Return a copy without batch normalisation: its scales and shifts are part of the convolutions before it."""
    folded = copy.deepcopy(eye).float().eval()
    for sequence in [module for module in folded.modules() if isinstance(module, nn.Sequential)]:
        for place in range(len(sequence) - 1):
            convolution, normal = sequence[place], sequence[place + 1]
            if isinstance(convolution, nn.Conv2d) and isinstance(normal, nn.BatchNorm2d):
                sequence[place] = fuse_conv_bn_eval(convolution, normal)
                sequence[place + 1] = nn.Identity()
    return folded


def _written(eye: Eye, size: int) -> onnx.ModelProto:
    # One example would make the batch a constant of the graph.
    example = torch.zeros(2, 3, size, size)
    stream = io.BytesIO()
    batch = torch.export.Dim("batch", min=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch 2.13 warns of its own inner workings
        program = torch.onnx.export(
            eye,
            (example,),
            input_names=[INPUT_NAME],
            output_names=[OUTPUT_NAME],
            opset_version=_OPSET,
            dynamo=True,
            dynamic_shapes={"pixels": {0: batch}},
            verbose=False,
        )
    if program is None:
        raise Refused("torch gave no ONNX file; install the versions of the `torch` extra.")
    program.save(stream)  # type: ignore[arg-type]  # any stream that onnx can write to
    model = onnx.load_from_string(stream.getvalue())
    _forget_origins(model)
    return model


def _forget_origins(model: onnx.ModelProto) -> None:
    """Take out what tells of the machine that wrote the file and makes it large: source lines, names of modules."""
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer):
        del value.metadata_props[:]
        value.doc_string = ""
    del model.graph.value_info[:]
    del model.metadata_props[:]
    del model.graph.metadata_props[:]


def _round_weights(model: onnx.ModelProto) -> None:
    """Store kernels and matrices as int8 with a scale per output channel; the runtime multiplies them out on loading.

    Arithmetic stays in floats, so that the answers do not depend on the processor.
    """
    graph = model.graph
    for tensor in list(graph.initializer):
        weights = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or weights.ndim < 2 or weights.size < _ROUNDED_FROM:
            continue
        user = next(node for node in graph.node if tensor.name in node.input)
        axis = 0 if user.op_type == "Conv" or _is_transposed(user) else 1
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
        whole = helper.make_node("DequantizeLinear", [f"{name}_8", f"{name}_scale"], [name], axis=axis)
        graph.node.insert(0, whole)
    onnx.checker.check_model(model)


def _is_transposed(node: onnx.NodeProto) -> bool:
    return node.op_type == "Gemm" and any(entry.name == "transB" and entry.i == 1 for entry in node.attribute)


def _answers(path: Path, probes: NDArray[np.float32]) -> Matrix:
    session = open_session(path, device="cpu")
    rows: Matrix = session.run([OUTPUT_NAME], {INPUT_NAME: probes})[0]
    return rows


def _agreement(right: Matrix, found: Matrix) -> float:
    lengths = np.linalg.norm(right, axis=1) * np.linalg.norm(found, axis=1)
    return float(((right * found).sum(axis=1) / lengths).min())
