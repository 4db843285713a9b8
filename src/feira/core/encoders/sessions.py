"""Opening ONNX files: the device, the threads, the memory and the two settings that low precision needs."""

import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import onnxruntime

from feira.core.errors import ManifestError, Misconfigured

Device = Literal["auto", "cpu", "cuda"]
Arithmetic = Literal["float", "int8 weights", "int8"]

_CUDA: Final = "CUDAExecutionProvider"
_CPU: Final = "CPUExecutionProvider"
RETURN_MEMORY: Final = ("memory.enable_memory_arena_shrinkage", "cpu:0")
"""Entry for the options of one run. MiniLM, after 150 batches of varying length: 186 MB instead of 356, same speed."""
_NO_QDQ_FUSION: Final = "session.disable_quant_qdq"

# Operators that round activations to 8 bits. In an ONNX file an operator's name follows the byte 0x22 (field 4 of a
# node, a text) and its length.
_ROUNDS_ACTIVATIONS: Final = (
    "QuantizeLinear",
    "DynamicQuantizeLinear",
    "ConvInteger",
    "MatMulInteger",
    "QLinearConv",
    "QLinearMatMul",
    "DynamicQuantizeMatMul",
    "MatMulIntegerToFloat",
    "QAttention",
    "QGemm",
)
_ROUNDS_WEIGHTS: Final = ("DequantizeLinear", "MatMulNBits")


def providers_for(device: Device) -> list[str]:
    """Return the runtime's providers for a device, best first; `auto` takes a GPU where the runtime can use one.

    Raises:
        Misconfigured: `cuda` is asked for and this installation of the runtime has none.
    """
    has_cuda = _CUDA in onnxruntime.get_available_providers()
    if device == "cuda" and not has_cuda:
        raise Misconfigured(
            "This ONNX Runtime cannot use a GPU. Install onnxruntime-gpu in its place, or choose the device cpu."
        )
    return [_CUDA, _CPU] if has_cuda and device != "cpu" else [_CPU]


def open_session(
    weights: Path, *, threads: int = 1, settings: Mapping[str, str] | None = None, device: Device = "auto"
) -> Any:
    """Return a ready session of the runtime; several threads may run it at once.

    The runtime's arena stays (without it MobileNetV2 costs 60 % more CPU); its plans per input shape do not, for they
    are never freed. Text sessions, whose shapes vary, hand memory back after each run: see `RETURN_MEMORY`.

    Args:
        threads: cores that one run may use.
        settings: entries for the session's options. Files with 8-bit weights and float arithmetic get
            `session.disable_quant_qdq=1` of themselves: without it the runtime runs them at half the speed.

    Raises:
        ManifestError: the file is no model that the runtime can load.
        Misconfigured: as `providers_for`.
    """
    providers = providers_for(device)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_mem_pattern = False
    entries = dict(settings or {})
    if _NO_QDQ_FUSION not in entries and arithmetic_of(weights) == "int8 weights":
        entries[_NO_QDQ_FUSION] = "1"
    for key, value in entries.items():
        options.add_session_config_entry(key, value)
    try:
        return onnxruntime.InferenceSession(weights, sess_options=options, providers=providers)
    except Exception as error:  # the runtime's own exceptions share no base class
        raise ManifestError(f"{weights} cannot be loaded: {error}") from error


def arithmetic_of(weights: Path) -> Arithmetic:
    """Return what an ONNX file calculates in, told by its operators and not by what its manifest says.

    `int8 weights` are multiplied out to floats and give the same answers everywhere; `int8` rounds activations, which
    is wrong on some processors and must be checked on each.

    Raises:
        ManifestError: the file cannot be read.
    """
    try:
        with weights.open("rb") as file:
            if not weights.stat().st_size:
                return "float"
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                if any(content.find(_as_written(name)) >= 0 for name in _ROUNDS_ACTIVATIONS):
                    return "int8"
                return "int8 weights" if any(content.find(_as_written(n)) >= 0 for n in _ROUNDS_WEIGHTS) else "float"
    except OSError as error:
        raise ManifestError(f"{weights} cannot be read ({error.strerror}).") from error


def _as_written(operator: str) -> bytes:
    return b"\x22" + bytes([len(operator)]) + operator.encode()
