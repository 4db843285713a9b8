"""From any PyTorch encoder of pictures to an ONNX model folder, accepted only when both give the same answers."""

import hashlib
import json
import warnings
from pathlib import Path
from typing import Any, Final, Protocol

import torch

from feira.core.encoders.golden import answers_of, compare, write_golden
from feira.core.encoders.manifest import MANIFEST_NAME
from feira.core.encoders.onnx import OnnxEncoder
from feira.core.encoders.pixels import Preparation
from feira.core.encoders.protocol import Encoder
from feira.core.errors import Refused

FLOOR: Final = 0.9999
"""Least cosine between PyTorch's embeddings and those of the ONNX file."""
# Networks call values of their own `embedding` or `pixels`; a name that is used twice makes a file that nobody opens.
_INPUT, _OUTPUT, _WEIGHTS, _GOLDEN = "feira_pixels", "feira_embedding", "model.onnx", "golden.npz"
_OPSET: Final = 18


class Exportable(Encoder, Protocol):
    """An encoder of pictures that shows its network."""

    @property
    def network(self) -> torch.nn.Module:
        """Takes prepared pixels, float32, shape (n, 3, size, size)."""


class _Named(torch.nn.Module):
    """Takes one output of a network that may answer with several."""

    def __init__(self, network: torch.nn.Module, name: str) -> None:
        super().__init__()
        self.network, self._name = network, name

    def forward(self, pixels: torch.Tensor) -> Any:
        answer = self.network(pixels)
        if isinstance(answer, dict):
            return answer.get(self._name, next(iter(answer.values())))
        return answer[0] if isinstance(answer, tuple | list) else answer


def export_folder(
    encoder: Exportable,
    folder: Path,
    *,
    pixels: Preparation,
    name: str,
    output: str = "embedding",
    pool: str = "none",
    facts: dict[str, Any] | None = None,
) -> float:
    """Write `model.onnx`, `model.json` and golden answers into an empty folder; return the least cosine to PyTorch.

    Args:
        output, pool: which answer of the network is the embedding, and how it becomes one row.
        facts: licence, source and the like, for the manifest.

    Raises:
        Refused: PyTorch cannot write the network as ONNX.
        ManifestError: the file does not give PyTorch's answers.
    """
    expected = answers_of(encoder)
    weights = folder / _WEIGHTS
    _write(_Named(encoder.network, output).cpu(), weights, size=pixels.size)
    write_golden(folder / _GOLDEN, {"images": expected["images"]})
    manifest = {
        **(facts or {}),
        "name": name,
        "task": "image embedding",
        "files": {
            file: {"sha256": hashlib.sha256((folder / file).read_bytes()).hexdigest()} for file in _files(folder)
        },
        "input": {
            "name": _INPUT,
            "dtype": "float32",
            "layout": "NCHW",
            "shape": ["batch", 3, pixels.size, pixels.size],
            "colour_order": pixels.colour_order,
            "mean": list(pixels.mean),
            "std": list(pixels.std),
            "resize": pixels.resize,
            "crop": pixels.crop,
            "crop_share": pixels.crop_share,
            "pad_colour": list(pixels.pad_colour),
        },
        "outputs": {"embedding": {"name": _OUTPUT, "shape": ["batch", encoder.dim], "pool": pool}},
        "golden": {"file": _GOLDEN, "floor": 0.999},
    }
    (folder / MANIFEST_NAME).write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    found = OnnxEncoder(folder, device="cpu")
    what = f"{name}, exported,"
    return compare(answers_of(found), {"images": expected["images"]}, floor=FLOOR, what=what)["images"]


def _files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != MANIFEST_NAME)


def _write(network: torch.nn.Module, path: Path, *, size: int) -> None:
    # One example would make the batch a constant of the graph.
    example = torch.zeros(2, 3, size, size)
    names: dict[str, Any] = {"input_names": [_INPUT], "output_names": [_OUTPUT], "opset_version": _OPSET}
    scripted = any(isinstance(module, torch.jit.ScriptModule) for module in network.modules())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # both exporters warn of their own future
            if scripted:
                # The newer exporter does not take TorchScript, the older one takes nothing around it that is not.
                axes = {_INPUT: {0: "batch"}, _OUTPUT: {0: "batch"}}
                traced = torch.jit.trace(network, example)  # type: ignore[no-untyped-call]
                torch.onnx.export(traced, (example,), path, dynamo=False, dynamic_axes=axes, **names)
            else:
                shapes = {"pixels": {0: torch.export.Dim("batch", min=1)}}
                torch.onnx.export(
                    network,
                    (example,),
                    path,
                    dynamo=True,
                    dynamic_shapes=shapes,
                    external_data=False,
                    verbose=False,
                    **names,
                )
    except Exception as error:  # the exporters raise whatever a network's own code does
        raise Refused(f"PyTorch {torch.__version__} cannot write this network as ONNX: {error}") from error
