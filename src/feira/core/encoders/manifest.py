"""A model folder's own description, `model.json`: which files, which pixels or words in, which embedding out."""

import hashlib
import json
import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal

from feira.core.encoders.manifest_fields import Fields
from feira.core.encoders.manifest_sides import read_image_side, read_text_side
from feira.core.encoders.sides import ImageSide, TextSide
from feira.core.errors import ManifestError

MANIFEST_NAME: Final = "model.json"

Runtime = Literal["onnx", "torch"]
_RUNTIMES: Final[dict[str, Runtime]] = {".onnx": "onnx", ".pt2": "torch", ".pt": "torch", ".ts": "torch"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """Answers that a model must give again on whatever processor serves it.

    Attributes:
        file: an `.npz` with `images` and perhaps `texts`: unit rows of `feira.core.encoders.golden`'s probes.
        floor: least cosine between a kept row and the present answer.
    """

    file: Path
    floor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelManifest:
    """A model folder that has been read and whose files are what the manifest says.

    Attributes:
        name: the model's name, as in `mobilenet_v2_1.0_224`.
        folder: where it lies.
        image: how pictures go in; None for a model of texts alone.
        text: how words go in; None for a model of pictures alone. With both, they share one space.
        checksums: file name to verified SHA-256.
        golden: answers it must give on every machine, if any were kept.
        licence: as the manifest states it, or an empty string.
        source: where it comes from, one line, or an empty string.
        metrics: figures that its maker states; what this shop measured is kept elsewhere.
    """

    name: str
    folder: Path
    image: ImageSide | None
    text: TextSide | None
    checksums: dict[str, str]
    golden: Golden | None = None
    licence: str = ""
    source: str = ""
    metrics: dict[str, Any] = field(default_factory=dict)

    @property
    def dim(self) -> int:
        """Length of every embedding."""
        return (self.image or self._text()).dim

    @property
    def runtime(self) -> Runtime:
        """What runs the weights."""
        return _RUNTIMES[(self.image or self._text()).weights.suffix]

    @property
    def encoder_id(self) -> str:
        """Name and first eight digits of the weights' checksum, as in `mobilenet_v2_1.0_224@d9cb3c82`.

        Four digits more stand for the preparation of pictures where it is another than the one that manifests could
        state at first, so that a change of it is a change of the encoder.
        """
        side = self.image or self._text()
        mark = f"{self.name}@{self.checksums[side.weights.name][:8]}"
        if self.image is None or self.image.is_classic:
            return mark
        return f"{mark}-{hashlib.sha256(self.image.recipe.encode()).hexdigest()[:4]}"

    def _text(self) -> TextSide:
        assert self.text is not None  # noqa: S101  (a manifest without any side is refused when it is read)
        return self.text


def read_manifest(folder: Path) -> ModelManifest:
    """Read `model.json` in a model folder and check every file it lists against its SHA-256.

    Raises:
        ManifestError: the folder is incomplete, a file was altered, or the description is of nothing we can run.
    """
    path = folder / MANIFEST_NAME
    facts = read_facts(path)
    fields = Fields(path, facts)
    files = fields.table("files")
    checksums = {name: _verified(fields.inside("files").inside(name), folder, name) for name in files.facts}
    has_image, has_text = "input" in facts, "text" in facts or "inputs" in facts
    if not has_image and not has_text:
        raise ManifestError(
            f"{path} has neither `input` (pictures) nor `text` or `inputs` (words); see the reference of manifests.",
            key="input",
        )
    image = read_image_side(fields, folder, checksums) if has_image else None
    text = read_text_side(fields, folder, checksums, image=image) if has_text else None
    for side in (image, text):
        if side is not None and side.weights.suffix not in _RUNTIMES:
            raise ManifestError(f"{path}: {side.weights.name} is of no kind we can run; {', '.join(_RUNTIMES)} are.")
    if image is not None and text is not None and image.dim != text.dim:
        raise ManifestError(
            f"{path}: pictures have {image.dim} numbers and words {text.dim}; one space has one length."
        )
    return ModelManifest(
        name=fields.text("name"),
        folder=folder,
        image=image,
        text=text,
        checksums=checksums,
        golden=_golden(fields, folder, checksums),
        licence=fields.text("licence") if "licence" in facts else "",
        source=_source_of(facts.get("source", "")),
        metrics=facts["metrics"] if isinstance(facts.get("metrics"), dict) else {},
    )


def read_facts(path: Path) -> dict[str, Any]:
    """Return the parsed `model.json`, unchecked but for being an object.

    Raises:
        ManifestError: it cannot be read.
    """
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ManifestError(f"{path} cannot be read ({error.strerror}); a model folder holds one.") from error
    except ValueError as error:
        raise ManifestError(f"{path} is not JSON ({error}); restore it from where the model came from.") from error
    if not isinstance(facts, dict):
        raise ManifestError(f"{path} is not a JSON object; restore it from where the model came from.")
    return facts


def _golden(fields: Fields, folder: Path, checksums: dict[str, str]) -> Golden | None:
    if "golden" not in fields.facts:
        return None
    inside = fields.table("golden")
    name = inside.listed("file", checksums)
    return Golden(file=folder / name, floor=inside.number("floor", default=0.99, least=0.0, most=1.0))


def _source_of(source: Any) -> str:
    """Return where the manifest says that the model comes from, as one line."""
    if isinstance(source, dict):
        origin = source.get("repository") or source.get("package") or source.get("url") or ""
        return " ".join(str(part) for part in (origin, source.get("file", "")) if part)
    return str(source)


def _verified(fields: Fields, folder: Path, name: str) -> str:
    """Return the file's checksum, which is the one in the manifest."""
    if Path(name).name != name or name in {".", ".."} or "\\" in name:
        raise ManifestError(f"{fields.path}: the file name {name!r} leaves the model folder.")
    expected = fields.text("sha256")
    if not re.fullmatch(r"[0-9a-f]{64}", expected):
        raise ManifestError(f"{fields.path}: the `sha256` of {name} is not 64 hexadecimal digits.", key="sha256")
    try:
        facts = (folder / name).stat()
        found = _sha256(folder / name, facts.st_size, facts.st_mtime_ns, facts.st_ino)
    except OSError as error:
        raise ManifestError(f"{folder / name} is listed in {MANIFEST_NAME} but cannot be read.", file=name) from error
    if found != expected:
        raise ManifestError(
            f"{folder / name} has SHA-256 {found[:12]}…, {MANIFEST_NAME} says {expected[:12]}…; "
            "fetch the model again, or correct the manifest if you changed the file yourself.",
            file=name,
        )
    return found


@lru_cache(maxsize=256)
def _sha256(path: Path, _size: int, _mtime_ns: int, _inode: int) -> str:
    """Return a file's SHA-256; one process reads an unchanged file once, for models are large."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
