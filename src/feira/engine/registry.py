"""Which encoders there are: the built-in descriptors and every model folder with a manifest."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from feira.core.encoders.descriptors import DescriptorEncoder
from feira.core.encoders.manifest import MANIFEST_NAME, read_manifest
from feira.core.encoders.onnx import OnnxEncoder
from feira.core.encoders.protocol import Encoder
from feira.core.errors import ManifestError, Misconfigured
from feira.engine.config import DEFAULT_ENCODER

__all__ = ["DEFAULT_ENCODER", "EncoderCard", "list_encoders", "open_encoder"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderCard:
    """What is known of an encoder without running it.

    `fault` says why it cannot be used, empty when it can; `encoder_id` and `dim` of a faulty one are empty and 0.
    `path` is the model folder, None for the built-in encoder.
    """

    name: str
    kind: Literal["builtin", "onnx"]
    encoder_id: str = ""
    dim: int = 0
    licence: str = ""
    source: str = ""
    path: Path | None = None
    fault: str = ""

    @property
    def is_valid(self) -> bool:
        """Whether it can be opened."""
        return not self.fault


def list_encoders(models_dir: Path) -> list[EncoderCard]:
    """Return the built-in encoder and one card per model folder, by name; files are checked, models not loaded."""
    folders = sorted(path.parent for path in models_dir.glob(f"*/{MANIFEST_NAME}"))
    builtin = DescriptorEncoder()
    card = EncoderCard(
        name=DEFAULT_ENCODER,
        kind="builtin",
        encoder_id=builtin.encoder_id,
        dim=builtin.dim,
        licence="Apache-2.0",
        source="Feira: colour and shape by classical formulas, nothing learned",
    )
    return [card, *(_card_of(folder) for folder in folders)]


def open_encoder(name: str, *, models_dir: Path, threads: int = 1) -> Encoder:
    """Return a ready encoder.

    Args:
        name: `descriptors`, or the name of a folder in `models_dir`.
        threads: cores that one call may use, where the encoder's runtime has a say in it.

    Raises:
        Misconfigured: there is no encoder of this name.
        ManifestError: there is, but its folder is incomplete or altered.
    """
    if name == DEFAULT_ENCODER:
        return DescriptorEncoder()
    folder = models_dir / name
    if Path(name).name != name or not (folder / MANIFEST_NAME).is_file():
        there = ", ".join(
            [DEFAULT_ENCODER, *sorted(path.parent.name for path in models_dir.glob(f"*/{MANIFEST_NAME}"))]
        )
        raise Misconfigured(
            f"There is no encoder named {name!r} in {models_dir}; there are: {there}. "
            "Choose one with `feira model use` or FEIRA_ENCODER.",
            encoder=name,
        )
    return OnnxEncoder(folder, threads=threads)


def _card_of(folder: Path) -> EncoderCard:
    try:
        manifest = read_manifest(folder)
    except ManifestError as error:
        return EncoderCard(name=folder.name, kind="onnx", path=folder, fault=error.message)
    return EncoderCard(
        name=folder.name,
        kind="onnx",
        encoder_id=manifest.encoder_id,
        dim=manifest.dim,
        licence=manifest.licence,
        source=_source_of(json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))),
        path=folder,
    )


def _source_of(facts: dict[str, Any]) -> str:
    """Return where the manifest says that the model comes from, as one line."""
    source = facts.get("source", "")
    if isinstance(source, dict):
        origin = source.get("repository") or source.get("package") or source.get("url") or ""
        return " ".join(str(part) for part in (origin, source.get("file", "")) if part)
    return str(source)
