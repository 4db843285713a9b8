"""Reads the two sides of an encoder out of a manifest; every refusal names the field."""

from pathlib import Path
from typing import Any, Final, cast, get_args

from feira.core.encoders.manifest_fields import Fields
from feira.core.encoders.pixels import RESAMPLING, Crop, Layout, Preparation
from feira.core.encoders.sides import Clean, Head, ImageSide, Padding, Pool, TextSide
from feira.core.errors import ManifestError

_WEIGHTS: Final = "model.onnx"
_TOKENIZER: Final = "tokenizer.json"
_SENTENCE: Final = "sentence_embedding"
_LABELS: Final = "labels.txt"
_SETTINGS: Final = "onnxruntime_session_config"
_IMAGE_POOLS: Final = ("none", "first", "mean", "spatial")
_TEXT_POOLS: Final = ("none", "first", "mean", "last")
_DTYPES: Final = ("float32", "float16", "uint8")


def read_image_side(fields: Fields, folder: Path, checksums: dict[str, str]) -> ImageSide:
    """Return how pictures go in, as `input` and `outputs` say.

    Raises:
        ManifestError: something is missing, or is nothing we can prepare.
    """
    pixels = fields.table("input")
    weights = _weights(pixels, checksums)
    output = fields.table("outputs").table("embedding")
    return ImageSide(
        weights=folder / weights,
        input_name=pixels.text("name"),
        output_name=output.text("name", default="embedding"),
        pixels=_preparation(pixels),
        dim=_dim(output),
        pool=cast("Pool", output.one_of("pool", _IMAGE_POOLS, default="none")),
        head=_head(fields, folder, checksums),
        batch=batch if _is_size(batch := pixels.shape(4)[0]) else None,
        settings=_settings(fields, weights),
    )


def read_text_side(
    fields: Fields, folder: Path, checksums: dict[str, str], *, image: ImageSide | None = None
) -> TextSide:
    """Return how words go in: as `text` says, or `inputs` and `outputs.sentence_embedding` of a model of texts alone.

    Raises:
        ManifestError: something is missing.
    """
    if "text" in fields:
        said = fields.table("text")
        inputs = said.table("inputs")
        output = said.table("output")
        names = {key: inputs.text(key, default="") for key in ("mask", "types")}
        ids = inputs.text("ids")
        default_dim = image.dim if image is not None else None
    else:
        said, output = fields, fields.table("outputs").table(_SENTENCE)
        given = fields.table("inputs").facts
        ids, names = "input_ids", {"mask": "attention_mask", "types": "token_type_ids"}
        if ids not in given:
            raise fields.wrong("inputs", f"an object with {ids}")
        names = {key: name if name in given else "" for key, name in names.items()}
        default_dim = None
    weights = _weights(said, checksums)
    return TextSide(
        weights=folder / weights,
        tokenizer=folder / said.listed("tokenizer", checksums, default=_TOKENIZER),
        ids_name=ids,
        mask_name=names["mask"],
        types_name=names["types"],
        output_name=output.text("name", default=_SENTENCE if said is fields else "embedding"),
        dim=_dim(output) if "shape" in output or default_dim is None else default_dim,
        max_tokens=said.whole("max_tokens", least=2),
        pool=cast("Pool", output.one_of("pool", _TEXT_POOLS, default="none")),
        padding=cast("Padding", said.one_of("padding", get_args(Padding), default="longest")),
        pad_id=said.whole("pad_id", default=0, least=0),
        pad_token=said.text("pad_token", default="[PAD]"),
        clean=cast("Clean", said.one_of("clean", get_args(Clean), default="none")),
        settings=_settings(fields, weights),
    )


def _weights(side: Fields, checksums: dict[str, str]) -> str:
    if "file" not in side and _WEIGHTS not in checksums:
        raise ManifestError(
            f"{side.path} lists no {_WEIGHTS} under `files`, and `file` names no other weights.", key="file"
        )
    return side.listed("file", checksums, default=_WEIGHTS)


def _settings(fields: Fields, weights: str) -> dict[str, str]:
    return {**fields.settings(_SETTINGS), **fields.inside("files").inside(weights).settings(_SETTINGS)}


def _dim(output: Fields) -> int:
    dim = output.shape(2, 3, 4)[-1] if output.get("pool") != "spatial" else output.shape(2, 4)[1]
    if not _is_size(dim):
        raise ManifestError(f"{output.path}: the embedding's length is {dim!r}; expected a whole number above zero.")
    return cast("int", dim)


def _preparation(pixels: Fields) -> Preparation:
    layout = pixels.one_of("layout", get_args(Layout))
    dtype = pixels.one_of("dtype", _DTYPES)
    shape = pixels.shape(4)
    channels, sides = (shape[1], shape[2:]) if layout == "NCHW" else (shape[3], shape[1:3])
    if channels != 3 or sides[0] != sides[1] or not _is_size(sides[0]):
        expected = '["batch", 3, size, size]' if layout == "NCHW" else '["batch", size, size, 3]'
        raise ManifestError(f"{pixels.path}: the input has shape {shape}; expected {expected}.", key="shape")
    zeros, ones = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)) if dtype == "uint8" else (None, None)
    mean, std = pixels.three("mean", default=zeros), pixels.three("std", default=ones)
    if min(std) <= 0:
        raise ManifestError(f"{pixels.path}: `std` is {list(std)}; each must be above zero.", key="std")
    if dtype == "uint8" and (mean, std) != (zeros, ones):
        raise ManifestError(f"{pixels.path}: a model that takes uint8 has no `mean` or `std`.", key="mean")
    return Preparation(
        size=sides[0],
        mean=mean,
        std=std,
        resize=pixels.one_of("resize", RESAMPLING),
        crop=_crop(pixels),
        crop_share=pixels.number("crop_share", default=1.0, least=0.1, most=1.0),
        pad_colour=_colour(pixels),
        layout=cast("Layout", layout),
        colour_order=cast("Any", pixels.one_of("colour_order", ("RGB", "BGR"))),
        dtype=cast("Any", dtype),
    )


def _crop(pixels: Fields) -> Crop:
    said = pixels.text("crop")
    for crop in get_args(Crop):
        if said == crop or said.startswith(f"{crop} "):
            return cast("Crop", crop)
    known = ", ".join(repr(crop) for crop in get_args(Crop))
    raise ManifestError(f"{pixels.path}: `crop` is {said!r}; it must begin with one of {known}.", key="crop")


def _colour(pixels: Fields) -> tuple[int, int, int]:
    red, green, blue = pixels.three("pad_colour", default=(255.0, 255.0, 255.0))
    if not all(0 <= part <= 255 for part in (red, green, blue)):
        raise pixels.wrong("pad_colour", "three numbers from 0 to 255")
    return round(red), round(green), round(blue)


def _head(fields: Fields, folder: Path, checksums: dict[str, str]) -> Head | None:
    outputs = fields.inside("outputs")
    if "logits" not in outputs:
        return None
    logits = outputs.table("logits")
    classes = logits.shape(2)[1]
    if not _is_size(classes):
        raise ManifestError(f"{fields.path}: the number of classes is {classes!r}; expected a whole number above zero.")
    labels: tuple[str, ...] = ()
    if "labels" in logits or _LABELS in checksums:
        name = logits.listed("labels", checksums, default=_LABELS)
        labels = tuple((folder / name).read_text(encoding="utf-8").splitlines())
        if len(labels) != classes:
            raise ManifestError(f"{folder / name} names {len(labels)} classes, the model has {classes}.", key="labels")
    return Head(output_name=logits.text("name", default="logits"), classes=classes, labels=labels)


def _is_size(value: Any) -> bool:
    return type(value) is int and value > 0
