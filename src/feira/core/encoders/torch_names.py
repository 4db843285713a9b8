"""Encoders by the name under which a PyTorch library knows them: `timm:…`, `open_clip:…`, `transformers:…`.

The libraries are not part of Feira; install the one whose models you want beside the extra feira[torch]. They fetch
weights themselves, into caches of their own. For serving, `feira model export` turns a name into an ONNX folder.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import numpy as np
import torch

from feira.core.encoders.pixels import RESAMPLING, Preparation
from feira.core.encoders.rows import unit_rows
from feira.core.encoders.sessions import Device
from feira.core.encoders.torch_file import named_output, torch_device
from feira.core.errors import EncoderError, Misconfigured
from feira.core.types import Matrix, Pixels

LIBRARIES: Final = ("timm", "open_clip", "transformers")
_BATCH: Final = 8
_PILLOW: Final = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "area"}

Tokenise = Callable[[Sequence[str]], Mapping[str, torch.Tensor]]


class Sees(torch.nn.Module):
    """A network that turns prepared pixels into one row per picture, whatever its library wraps answers in."""

    def __init__(self, network: torch.nn.Module, encode: Callable[[Any, torch.Tensor], Any]) -> None:
        super().__init__()
        self.network, self._encode = network, encode

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return shape (n, dim)."""
        answer = self._encode(self.network, pixels)
        if not isinstance(answer, torch.Tensor):
            pooled = getattr(answer, "pooler_output", None)
            answer = answer.last_hidden_state[:, 0] if pooled is None else pooled
        rows: torch.Tensor = answer.flatten(1)
        return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapped:
    """One model of a library.

    Attributes:
        sees: prepared pixels to rows.
        pixels: how a photo is prepared.
        reads: tokens to rows, None without a text side.
        tokenise: texts to tokens.
    """

    sees: Sees
    pixels: Preparation
    reads: Callable[[Mapping[str, torch.Tensor]], Any] | None = None
    tokenise: Tokenise | None = None


class NamedEncoder:
    """An encoder of pictures from a library; see `NamedDualEncoder` for those that read, too.

    Args:
        name: library, colon, the library's own name; `open_clip:MODEL/WEIGHTS` for that one.
        threads: cores PyTorch may use; it knows one number for the whole process.
    """

    def __init__(self, name: str, wrapped: Wrapped, *, threads: int = 1, device: Device = "auto") -> None:
        self._wrapped = wrapped
        self._device = torch_device(device)
        torch.set_num_threads(threads)
        self._sees = wrapped.sees.eval().to(self._device)
        self._encoder_id = f"{name}@{_checksum(self._sees)}"
        size = wrapped.pixels.size
        with torch.inference_mode():
            self._dim = int(self._sees(torch.zeros(1, 3, size, size, device=self._device)).shape[1])

    @property
    def encoder_id(self) -> str:
        """Name and first eight digits of a checksum over all weights."""
        return self._encoder_id

    @property
    def dim(self) -> int:
        """Length of every embedding."""
        return self._dim

    @property
    def input_size(self) -> int:
        """Shorter side below which a larger photo need not be decoded."""
        return self._wrapped.pixels.shorter_side

    @property
    def pixels(self) -> Preparation:
        """How a photo is prepared."""
        return self._wrapped.pixels

    @property
    def network(self) -> torch.nn.Module:
        """What is run; for the export."""
        return self._sees

    def encode_images(self, images: Sequence[Pixels]) -> Matrix:
        """Return one unit-length float32 row per image, in order; `(0, dim)` for no images."""
        parts = [self._seen(images[start : start + _BATCH]) for start in range(0, len(images), _BATCH)]
        return np.concatenate(parts) if parts else np.empty((0, self.dim), dtype=np.float32)

    def _seen(self, images: Sequence[Pixels]) -> Matrix:
        batch = torch.from_numpy(self._wrapped.pixels.prepare(images)).to(self._device)
        with torch.inference_mode():
            rows = named_output(self._sees(batch), "embedding")
        return unit_rows(rows, count=len(images), dim=self.dim, encoder_id=self.encoder_id)


class NamedDualEncoder(NamedEncoder):
    """An encoder of a library with a text side in the same space."""

    def encode_texts(self, texts: Sequence[str]) -> Matrix:
        """Return one unit-length float32 row per text, comparable with `encode_images`; `(0, dim)` for no texts."""
        parts = [self._read(texts[start : start + _BATCH]) for start in range(0, len(texts), _BATCH)]
        return np.concatenate(parts) if parts else np.empty((0, self.dim), dtype=np.float32)

    def _read(self, texts: Sequence[str]) -> Matrix:
        reads, tokenise = self._wrapped.reads, self._wrapped.tokenise
        if reads is None or tokenise is None:
            raise EncoderError(f"{self.encoder_id} has no text side.")
        tokens = {key: value.to(self._device) for key, value in tokenise(texts).items()}
        with torch.inference_mode():
            answer = reads(tokens)
        rows = named_output(getattr(answer, "pooler_output", answer), "embedding")
        return unit_rows(rows, count=len(texts), dim=self.dim, encoder_id=self.encoder_id)


def open_named(name: str, *, threads: int = 1, device: Device = "auto") -> NamedEncoder:
    """Return the encoder that a library knows under this name.

    Raises:
        Misconfigured: no such library or model, or the library is not installed.
    """
    library, _, model = name.partition(":")
    if library not in LIBRARIES or not model:
        raise Misconfigured(f"{name!r} is no name of a library's model; expected one as in timm:resnet50.a1_in1k.")
    try:
        module = import_module(library)
    except ImportError as error:
        package = "open_clip_torch" if library == "open_clip" else library
        raise Misconfigured(
            f"{name} needs {library}, which is not installed ({error}): pip install {package}."
        ) from error
    wrap = {"timm": _from_timm, "open_clip": _from_open_clip, "transformers": _from_transformers}[library]
    try:
        wrapped = wrap(module, model)
    except Misconfigured:
        raise
    except Exception as error:  # each library raises what it likes
        raise Misconfigured(f"{library} cannot open {model}: {error}") from error
    kind = NamedEncoder if wrapped.reads is None else NamedDualEncoder
    return kind(name, wrapped, threads=threads, device=device)


def _from_timm(timm: Any, model: str) -> Wrapped:
    network = timm.create_model(model, pretrained=True, num_classes=0)
    return Wrapped(
        sees=Sees(network, lambda network, pixels: network(pixels)),
        pixels=timm_pixels(timm.data.resolve_model_data_config(network)),
    )


def timm_pixels(said: Mapping[str, Any]) -> Preparation:
    """Return the preparation that a data configuration of timm describes."""
    return _preparation(
        side=said["input_size"][-1],
        mean=said["mean"],
        std=said["std"],
        resize=said["interpolation"],
        crop={"squash": "squash", "border": "pad"}.get(said.get("crop_mode", "center"), "centre square"),
        share=said.get("crop_pct") or 1.0,
    )


def _from_open_clip(open_clip: Any, model: str) -> Wrapped:
    kind, _, weights = model.partition("/")
    from_hub = kind.startswith("hf-hub:")
    if from_hub:
        kind, weights = model, ""
    network: Any = open_clip.create_model(kind, pretrained=weights or None)
    said = open_clip.get_model_preprocess_cfg(network)
    side = said["size"][0] if isinstance(said["size"], tuple | list) else said["size"]
    tokeniser = open_clip.get_tokenizer(kind)
    return Wrapped(
        sees=Sees(network, lambda network, pixels: network.encode_image(pixels)),
        pixels=_preparation(
            side=side,
            mean=said["mean"],
            std=said["std"],
            resize=said["interpolation"],
            crop={"squash": "squash", "longest": "pad"}.get(said["resize_mode"], "centre square"),
        ),
        reads=lambda tokens: network.encode_text(tokens["text"]),
        tokenise=lambda texts: {"text": tokeniser(list(texts))},
    )


def _from_transformers(transformers: Any, model: str) -> Wrapped:
    network: Any = transformers.AutoModel.from_pretrained(model)
    # The description alone: the processors themselves want torchvision, and ours do the same.
    base = import_module(f"{transformers.__name__}.image_processing_base")
    said, _ = base.ImageProcessingMixin.get_image_processor_dict(model)
    if not hasattr(network, "get_image_features"):
        return Wrapped(
            sees=Sees(network, lambda network, pixels: network(pixel_values=pixels)), pixels=_processor_pixels(said)
        )
    tokeniser = transformers.AutoTokenizer.from_pretrained(model)
    longest = network.config.text_config.max_position_embeddings

    def tokenise(texts: Sequence[str]) -> Mapping[str, torch.Tensor]:
        return dict(
            tokeniser(list(texts), padding="max_length", truncation=True, max_length=longest, return_tensors="pt")
        )

    return Wrapped(
        sees=Sees(network, lambda network, pixels: network.get_image_features(pixel_values=pixels)),
        pixels=_processor_pixels(said),
        reads=lambda tokens: network.get_text_features(**tokens),
        tokenise=tokenise,
    )


def _processor_pixels(said: Mapping[str, Any]) -> Preparation:
    """Return the preparation that an image processor of transformers describes."""
    size, cut = said.get("size") or {}, said.get("crop_size") or {}
    side = int(cut.get("height") or size.get("height") or size.get("shortest_edge") or 0)
    crops = bool(said.get("do_center_crop"))
    if not side or (not crops and "height" not in size):
        raise Misconfigured("The model's image processor does not say which square of a picture it sees.")
    shortest = int(size.get("shortest_edge") or size.get("height") or side)
    factor = 255.0 if said.get("do_rescale", True) else 1.0
    normal = said.get("do_normalize", True)
    return _preparation(
        side=side if crops else int(size["height"]),
        mean=said["image_mean"] if normal else (0, 0, 0),
        std=said["image_std"] if normal else (1, 1, 1),
        resize=_PILLOW.get(int(said.get("resample", 2)), ""),
        crop="centre square" if crops else "squash",
        share=min(1.0, side / shortest) if crops else 1.0,
        factor=factor,
    )


def _preparation(
    *,
    side: int,
    mean: Sequence[float],
    std: Sequence[float],
    resize: str,
    crop: Any,
    share: float = 1.0,
    factor: float = 255.0,
) -> Preparation:
    """Return our preparation for figures of pixels from 0 to 1."""
    if resize not in RESAMPLING:
        raise Misconfigured(f"The model wants pictures resized by {resize!r}; {', '.join(RESAMPLING)} can be done.")
    colours = [tuple(float(value) * factor for value in values) for values in (mean, std)]
    return Preparation(
        size=int(side),
        mean=colours[0],  # type: ignore[arg-type]  # three each, or the libraries would not run them
        std=colours[1],  # type: ignore[arg-type]
        resize=resize,
        crop=crop,
        crop_share=float(share),
    )


def _checksum(network: torch.nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:8]
