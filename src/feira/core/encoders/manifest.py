"""A model folder's own description, `model.json`: which files, which pixels in, which embedding out."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from feira.core.errors import ManifestError

MANIFEST_NAME = "model.json"
_WEIGHTS_NAME = "model.onnx"
_EMBEDDING_NAME = "embedding"


@dataclass(frozen=True, slots=True)
class ModelManifest:
    """An image encoder that has been read and whose files are what the manifest says.

    Attributes:
        name: the model's name, as in `mobilenet_v2_1.0_224`.
        weights: path of the ONNX file.
        weights_sha256: its checksum, verified.
        input_name: name of the pixel input; float32, NCHW, RGB.
        input_size: side of the square the model sees.
        mean, std: per colour; the model sees `(pixel - mean) / std` of pixels from 0 to 255.
        output_name: name of the embedding output.
        dim: its length.
        session_config: entries for the runtime's session options.
        licence: as the manifest states it, or an empty string.
    """

    name: str
    weights: Path
    weights_sha256: str
    input_name: str
    input_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    output_name: str
    dim: int
    session_config: dict[str, str] = field(default_factory=dict)
    licence: str = ""

    @property
    def encoder_id(self) -> str:
        """Name and first eight digits of the weights' checksum."""
        return f"{self.name}@{self.weights_sha256[:8]}"


def read_manifest(folder: Path) -> ModelManifest:
    """Read `model.json` in a model folder and check every file it lists against its SHA-256.

    Raises:
        ManifestError: the folder is incomplete, a file was altered, or the description is not of an image encoder
            that we can run.
    """
    path = folder / MANIFEST_NAME
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ManifestError(f"{path} cannot be read ({error.strerror}); a model folder holds one.") from error
    except ValueError as error:
        raise ManifestError(f"{path} is not JSON ({error}); restore it from where the model came from.") from error
    reader = _Reader(path)
    files = reader.table(facts, "files")
    checksums = {name: _verified(reader, folder, name, files) for name in files}
    if _WEIGHTS_NAME not in checksums:
        raise ManifestError(f"{path} lists no {_WEIGHTS_NAME} under `files`; only ONNX models can be run.")
    pixels = reader.table(facts, "input")
    reader.expect(pixels, "layout", "NCHW")
    reader.expect(pixels, "dtype", "float32")
    reader.expect(pixels, "colour_order", "RGB")
    reader.expect(pixels, "resize", "bilinear")
    if not reader.text(pixels, "crop").startswith("centre square"):
        raise ManifestError(f"{path}: `crop` is {pixels['crop']!r}; only a centre square can be prepared.")
    shape = reader.shape(pixels, length=4)
    if shape[1] != 3 or shape[2] != shape[3] or not _is_size(shape[2]):
        raise ManifestError(f'{path}: the input has shape {shape}; expected ["batch", 3, size, size].')
    output = reader.table(reader.table(facts, "outputs"), _EMBEDDING_NAME)
    dim = reader.shape(output, length=2)[1]
    if not _is_size(dim):
        raise ManifestError(f"{path}: the embedding's length is {dim!r}; expected a whole number above zero.")
    std = reader.colours(pixels, "std")
    if min(std) <= 0:
        raise ManifestError(f"{path}: `std` is {list(std)}; each must be above zero.")
    return ModelManifest(
        name=reader.text(facts, "name"),
        weights=folder / _WEIGHTS_NAME,
        weights_sha256=checksums[_WEIGHTS_NAME],
        input_name=reader.text(pixels, "name"),
        input_size=shape[2],
        mean=reader.colours(pixels, "mean"),
        std=std,
        output_name=_EMBEDDING_NAME,
        dim=dim,
        session_config={
            **reader.settings(facts, "onnxruntime_session_config"),
            **reader.settings(files[_WEIGHTS_NAME], "onnxruntime_session_config"),
        },
        licence=reader.text(facts, "licence") if "licence" in facts else "",
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    """Takes values of the expected type out of parsed JSON, or says which one is wrong."""

    path: Path

    def wrong(self, key: str, expected: str) -> ManifestError:
        return ManifestError(f"{self.path}: `{key}` is missing or is not {expected}.", key=key)

    def _get(self, facts: Any, key: str) -> Any:
        return facts.get(key) if isinstance(facts, dict) else None

    def table(self, facts: Any, key: str) -> dict[str, Any]:
        value = self._get(facts, key)
        if not isinstance(value, dict) or not value:
            raise self.wrong(key, "an object with entries")
        return value

    def text(self, facts: Any, key: str) -> str:
        value = self._get(facts, key)
        if not isinstance(value, str) or not value:
            raise self.wrong(key, "a text")
        return value

    def expect(self, facts: Any, key: str, expected: str) -> None:
        if self.text(facts, key) != expected:
            raise ManifestError(f"{self.path}: `{key}` is {facts[key]!r}; only {expected!r} can be run.", key=key)

    def shape(self, facts: Any, *, length: int) -> list[Any]:
        value = self._get(facts, "shape")
        if not isinstance(value, list) or len(value) != length:
            raise self.wrong("shape", f"a list of {length}")
        return value

    def colours(self, facts: Any, key: str) -> tuple[float, float, float]:
        value = self._get(facts, key)
        numeric = isinstance(value, list) and all(type(entry) in (int, float) for entry in value)
        if not numeric or len(value) != 3:
            raise self.wrong(key, "a list of three numbers")
        red, green, blue = map(float, value)
        return red, green, blue

    def settings(self, facts: Any, key: str) -> dict[str, str]:
        value = self._get(facts, key)
        if value is None:
            return {}
        if not isinstance(value, dict) or not all(isinstance(entry, str) for entry in value.values()):
            raise self.wrong(key, "an object of texts")
        return value


def _verified(reader: _Reader, folder: Path, name: str, files: dict[str, Any]) -> str:
    """Return the file's checksum, which is the one in the manifest."""
    if Path(name).name != name or name in {".", ".."}:
        raise ManifestError(f"{reader.path}: the file name {name!r} leaves the model folder.")
    expected = reader.text(files[name], "sha256")
    try:
        with (folder / name).open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ManifestError(f"{folder / name} is listed in {MANIFEST_NAME} but cannot be read.", file=name) from error
    if found != expected:
        raise ManifestError(
            f"{folder / name} has SHA-256 {found[:12]}…, {MANIFEST_NAME} says {expected[:12]}…; "
            "fetch the model again, or correct the manifest if you changed the file yourself.",
            file=name,
        )
    return found


def _is_size(value: Any) -> bool:
    return type(value) is int and value > 0
