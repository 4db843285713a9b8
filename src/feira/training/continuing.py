"""Weights of an encoder that was trained before, taken from its exported file to go on from."""

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from feira.core.encoders.manifest import read_manifest
from feira.core.errors import Refused
from feira.training.network import Eye


def go_on_from(eye: Eye, folder: Path, pixels: Tensor) -> None:
    """Give the eye the weights of a model folder that `feira train encoder` wrote.

    An exported file has its normalisation folded into the convolutions. Here each normalisation gets the scale and
    shift that undo what it does to `pixels`, so that on a batch like them the eye answers as the file does.

    Args:
        eye: of the same shape as the one in the folder; changed in place.
        pixels: prepared views as in training, shape (n, 3, side, side).

    Raises:
        Refused: the file is of another network.
        ManifestError: the folder is no model folder.
    """
    manifest = read_manifest(folder)
    stored = _weights(onnx.load(manifest.image.weights)) if manifest.image is not None else {}
    layers = _layers(eye)
    for name, layer in layers:
        weight, bias = stored.get(f"{name}.weight"), stored.get(f"{name}.bias")
        if weight is None or bias is None or weight.shape != tuple(layer.weight.shape):
            raise Refused(f"{folder} holds a network of another shape: {name} does not fit.")
        layer.weight.data.copy_(torch.from_numpy(weight))
    shifts = {name: torch.from_numpy(stored[f"{name}.bias"]) for name, _ in layers}
    eye.project.bias.data.copy_(shifts["project"])
    undone = [
        _undo_once(normal, shifts[name])
        for name, normal in ((name, _normal_after(eye, name)) for name, _ in layers)
        if normal is not None
    ]
    was_training = eye.training
    eye.eval()
    with torch.no_grad():
        eye(pixels)
    eye.train(was_training)
    for handle in undone:
        handle.remove()


def _weights(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    """Return the file's tensors by name, those of 8 bits multiplied out."""
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type != "DequantizeLinear":
            continue
        rounded, scales = (tensors[name] for name in node.input[:2])
        shape = [1] * rounded.ndim
        shape[node.attribute[0].i] = -1
        tensors[node.output[0]] = rounded.astype(np.float32) * scales.reshape(shape)
    return {name: np.array(tensor) for name, tensor in tensors.items()}


def _layers(eye: Eye) -> list[tuple[str, nn.Conv2d | nn.Linear]]:
    return [(name, layer) for name, layer in eye.named_modules() if isinstance(layer, nn.Conv2d | nn.Linear)]


def _normal_after(eye: Eye, name: str) -> nn.BatchNorm2d | None:
    """Return the normalisation that follows a convolution in its sequence."""
    parent, _, place = name.rpartition(".")
    if not place.isdigit():
        return None
    follower = eye.get_submodule(f"{parent}.{int(place) + 1}")
    return follower if isinstance(follower, nn.BatchNorm2d) else None


def _undo_once(normal: nn.BatchNorm2d, shift: Tensor) -> RemovableHandle:
    """Fit the normalisation to the first rows that reach it, so that all it does is to add the shift."""

    def fit(_module: nn.Module, inputs: tuple[Tensor]) -> None:
        rows = inputs[0].float()
        mean, spread = rows.mean(dim=(0, 2, 3)), rows.var(dim=(0, 2, 3), unbiased=False)
        normal.running_mean, normal.running_var = mean.clone(), spread.clone()
        normal.weight.data.copy_((spread + normal.eps).sqrt())
        normal.bias.data.copy_(mean + shift)

    return normal.register_forward_pre_hook(fit)
