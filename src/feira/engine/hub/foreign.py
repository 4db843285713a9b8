"""Reads what other tools write beside an ONNX export: `preprocessor_config.json`, `tokenizer_config.json`.

Repositories in the layout of transformers.js (`onnx/vision_model.onnx`, `onnx/text_model.onnx`, `onnx/model.onnx`) can
so be pulled without a manifest of ours. What these files leave open is refused, not guessed.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from feira.engine.hub.errors import PullFailed

VISION, TEXT, WHOLE = "onnx/vision_model.onnx", "onnx/text_model.onnx", "onnx/model.onnx"
PREPROCESSOR, TOKENIZER, TOKENIZER_CONFIG = "preprocessor_config.json", "tokenizer.json", "tokenizer_config.json"
_DATA: Final = "_data"
_RESAMPLING: Final = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "area"}
# Dual encoders were trained on texts of one length; others take what there is.
_FIXED_LENGTH: Final = {"CLIPTokenizer": 77, "CLIPTokenizerFast": 77, "SiglipTokenizer": 64, "Siglip2Tokenizer": 64}
_MOST_TOKENS: Final = 8192

ReadJson = Callable[[str], Mapping[str, Any]]


def derive(paths: Collection[str], read_json: ReadJson) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the files to fetch (local name to path) and the manifest as far as it can be told before they are there.

    Args:
        paths: of the repository.
        read_json: returns one of its JSON files.

    Raises:
        PullFailed: the layout is another one, or pictures are prepared in a way we do not know.
    """
    image = VISION if VISION in paths else WHOLE if WHOLE in paths and PREPROCESSOR in paths else ""
    text = TEXT if TEXT in paths else WHOLE if WHOLE in paths and not image else ""
    if text and TOKENIZER not in paths:
        text = ""
    if (image and PREPROCESSOR not in paths) or not (image or text):
        raise PullFailed(
            f"The repository holds no model.json, and neither {VISION} or {WHOLE} with {PREPROCESSOR} nor {WHOLE} with "
            f"{TOKENIZER}. Write a manifest beside its files by hand."
        )
    files: dict[str, str] = {}
    facts: dict[str, Any] = {}
    if image:
        files |= _with_data("image.onnx" if text else "model.onnx", image, paths)
        facts["input"] = {"file": next(iter(files)), **image_facts(read_json(PREPROCESSOR))}
    if text:
        local = "text.onnx" if image else "model.onnx"
        files |= _with_data(local, text, paths) | {TOKENIZER: TOKENIZER}
        said = read_json(TOKENIZER_CONFIG) if TOKENIZER_CONFIG in paths else {}
        facts["text"] = {"file": local, **text_facts(said)}
    return files, facts


def image_facts(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest's `input`, names apart, for a `preprocessor_config.json`.

    >>> image_facts({"size": {"height": 8, "width": 8}, "resample": 3, "do_normalize": False})["crop"]
    'squash'

    Raises:
        PullFailed: it leaves open what the model must see.
    """
    size, crop, share = _size(said)
    factor = 1 / float(said.get("rescale_factor") or 1 / 255) if said.get("do_rescale", True) else 1.0
    mean, std = [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]
    if said.get("do_normalize", True):
        mean, std = list(said.get("image_mean") or []), list(said.get("image_std") or [])
    resample = _RESAMPLING.get(said.get("resample", 2))
    if len(mean) != 3 or len(std) != 3 or resample is None:
        raise PullFailed(f"{PREPROCESSOR} names no mean and deviation of three colours, or an unknown resampling.")
    return {
        "layout": "NCHW",
        "dtype": "float32",
        "colour_order": "RGB",
        "shape": ["batch", 3, size, size],
        "mean": [round(value * factor, 6) for value in mean],
        "std": [round(value * factor, 6) for value in std],
        "resize": resample,
        "crop": crop,
        "crop_share": share,
    }


def text_facts(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest's `text`, names apart, for a `tokenizer_config.json`."""
    kind = str(said.get("tokenizer_class", ""))
    fixed = _FIXED_LENGTH.get(kind)
    longest = said.get("model_max_length")
    longest = longest if type(longest) is int and 2 <= longest <= _MOST_TOKENS else 512
    pad = said.get("pad_token") or "[PAD]"
    return {
        "max_tokens": fixed or longest,
        "padding": "max" if fixed else "longest",
        "pad_token": str(pad.get("content") if isinstance(pad, Mapping) else pad),
        "clean": {"SiglipTokenizer": "canonical", "Siglip2Tokenizer": "lower"}.get(kind, "none"),
    }


def _with_data(local: str, path: str, paths: Collection[str]) -> dict[str, str]:
    """Return a model's file, and the one beside it that holds weights of more than two gigabytes."""
    files = {local: path}
    if path + _DATA in paths:
        # The model names that file, so it keeps its name.
        files[path.rpartition("/")[2] + _DATA] = path + _DATA
    return files


def _size(said: Mapping[str, Any]) -> tuple[int, str, float]:
    """Return the side that the model sees, the crop, and its share of the shorter side."""
    size, cut = said.get("size"), said.get("crop_size")
    resized = _side(size)
    if said.get("do_center_crop"):
        side = _side(cut) or resized
        shortest = _side(size, "shortest_edge") or resized
        if side and shortest and side <= shortest:
            return side, "centre square", side / shortest
    elif isinstance(size, Mapping) and "height" in size and resized:
        return resized, "squash", 1.0
    elif resized and said.get("crop_pct"):
        return resized, "centre square", float(said["crop_pct"])
    raise PullFailed(f"{PREPROCESSOR} does not say which square of a picture the model sees. Write a manifest by hand.")


def _side(size: Any, *keys: str) -> int:
    """Return the side of a square, 0 when it is none."""
    if type(size) is int:
        return size
    if not isinstance(size, Mapping):
        return 0
    if not keys and size.get("height") != size.get("width"):
        return 0
    found = next((size[key] for key in keys or ("height", "shortest_edge") if key in size), 0)
    return found if type(found) is int else 0
