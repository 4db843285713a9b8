"""Which encoders there are: the built-in ones and every model folder with a manifest."""

from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Literal

from feira.core.encoders import builtin
from feira.core.encoders.descriptors import DescriptorEncoder
from feira.core.encoders.dual import DualEncoder
from feira.core.encoders.golden import check_golden
from feira.core.encoders.manifest import MANIFEST_NAME, ModelManifest, read_manifest
from feira.core.encoders.onnx import OnnxEncoder
from feira.core.encoders.protocol import Encoder, TextEncoder
from feira.core.encoders.sessions import Arithmetic, Device, arithmetic_of
from feira.core.encoders.texts import OnnxTexts
from feira.core.errors import ManifestError, Misconfigured
from feira.engine.config import DEFAULT_ENCODER

__all__ = [
    "BUILTIN_NAMES",
    "DEFAULT_ENCODER",
    "EncoderCard",
    "coarsest_arithmetic",
    "is_library_name",
    "list_encoders",
    "list_models",
    "model_folder",
    "open_encoder",
    "open_manifest",
]

_CLASSICAL: Final = "descriptors"
BUILTIN_NAMES: Final = (builtin.NAME, _CLASSICAL)
"""What needs no folder of its own; a model that is pulled cannot have these names."""
_LIBRARIES: Final = ("timm", "open_clip", "transformers")

Kind = Literal["builtin", "onnx", "dual", "text", "torch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderCard:
    """What is known of an encoder without running it.

    Attributes:
        name: of its folder, or of the built-in encoder.
        kind: `dual` sees and reads, `text` only reads and cannot be served alone.
        encoder_id, dim: empty and 0 when it is faulty.
        arithmetic: what its weights calculate in.
        path: the model folder, None for the built-in encoder.
        metrics: figures that its maker states.
        fault: why it cannot be used; empty when it can.
    """

    name: str
    kind: Kind
    encoder_id: str = ""
    dim: int = 0
    licence: str = ""
    source: str = ""
    arithmetic: Arithmetic | Literal[""] = ""
    path: Path | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    fault: str = ""

    @property
    def is_valid(self) -> bool:
        """Whether it can be opened."""
        return not self.fault


def list_models(models_dir: Path) -> list[EncoderCard]:
    """Return the built-in encoders, the trained one first, and one card per model folder, by name.

    Files are checked, models not loaded.
    """
    eye = replace(_card_of(builtin.FOLDER), kind="builtin", path=None)
    formulas = DescriptorEncoder()
    classical = EncoderCard(
        name=_CLASSICAL,
        kind="builtin",
        encoder_id=formulas.encoder_id,
        dim=formulas.dim,
        licence="Apache-2.0",
        source="Feira: colour and shape by classical formulas, nothing learned",
        arithmetic="float",
    )
    return [eye, classical, *(_card_of(models_dir / name) for name in _folder_names(models_dir))]


def list_encoders(models_dir: Path) -> list[EncoderCard]:
    """Return the cards of everything that can be, or was meant to be, served: all but models of texts alone."""
    return [card for card in list_models(models_dir) if card.kind != "text"]


def model_folder(name: str, *, models_dir: Path) -> Path:
    """Return the folder of a model that is not built in.

    Raises:
        Misconfigured: there is none of this name.
    """
    folder = models_dir / name
    if not name or Path(name).name != name or not (folder / MANIFEST_NAME).is_file():
        there = ", ".join([*BUILTIN_NAMES, *_folder_names(models_dir)])
        raise Misconfigured(
            f"There is no encoder named {name!r} in {models_dir}; there are: {there}. "
            "Choose one with `feira model use` or FEIRA_ENCODER, or fetch it with `feira model pull`.",
            encoder=name,
        )
    return folder


def open_encoder(name: str, *, models_dir: Path, threads: int = 1, device: Device = "auto") -> Encoder:
    """Return a ready encoder; a `TextEncoder` too, when the model has a text side.

    A model with golden answers gives them again first, and one that rounds its activations to 8 bits must have them.

    Args:
        name: `builtin`, `descriptors`, the name of a folder in `models_dir`, or what a PyTorch library calls a model
            (`timm:resnet50.a1_in1k`, `open_clip:ViT-B-32/laion2b_s34b_b79k`, `transformers:owner/repository`).
        threads: cores that one call may use, where the encoder's runtime has a say in it.
        device: `auto` takes a GPU where there is one that the runtime can use.

    Raises:
        Misconfigured: there is no encoder of this name, it reads texts only, or its runtime is not installed.
        ManifestError: there is, but its folder is incomplete or altered, or its answers are wrong on this processor.
    """
    if name == _CLASSICAL:
        return DescriptorEncoder()
    if is_library_name(name):
        named: Encoder = _torch("torch_names", name).open_named(name, threads=threads, device=device)
        return named
    is_ours = name == builtin.NAME
    manifest = read_manifest(builtin.FOLDER if is_ours else model_folder(name, models_dir=models_dir))
    if manifest.image is None:
        raise Misconfigured(f"{name} turns texts into vectors and sees no pictures. Choose an encoder of pictures.")
    encoder = open_manifest(manifest, threads=threads, device=device)
    assert isinstance(encoder, Encoder)  # noqa: S101  (it has an image side)
    if manifest.golden is not None:
        check_golden(encoder, manifest.golden)
    elif coarsest_arithmetic(manifest) == "int8":
        raise ManifestError(
            f"{name} rounds its activations to 8 bits, which is wrong on some processors, and keeps no golden answers "
            f"to tell. Compare it with its float32 twin: `feira model prove {name} --against TWIN`."
        )
    return encoder


def open_manifest(manifest: ModelManifest, *, threads: int = 1, device: Device = "auto") -> Encoder | TextEncoder:
    """Return whatever a manifest describes, its answers unchecked; a model of texts alone is a `TextEncoder` only.

    Raises:
        Misconfigured, ManifestError: as `open_encoder`.
    """
    if manifest.image is None:
        assert manifest.text is not None  # noqa: S101  (no manifest without a side is read)
        return OnnxTexts(manifest.text, encoder_id=manifest.encoder_id, threads=threads, device=device)
    if manifest.runtime == "torch":
        opened: Encoder = _torch("torch_file", manifest.name).TorchEncoder(manifest, threads=threads, device=device)
        return opened
    kind = DualEncoder if manifest.text is not None else OnnxEncoder
    return kind(manifest, threads=threads, device=device)


def is_library_name(name: str) -> bool:
    """Whether a name is one that a PyTorch library knows, rather than that of a folder."""
    return name.partition(":")[0] in _LIBRARIES and ":" in name


def _torch(module: str, what: str) -> Any:
    """Return one of the core's modules that need PyTorch: most installations have none, and it takes seconds."""
    try:
        return import_module(f"feira.core.encoders.{module}")
    except ImportError as error:
        raise Misconfigured(
            f"{what} needs PyTorch, which is not installed ({error}). Install feira[torch], or export the model where "
            "PyTorch is: `feira model export`."
        ) from error


def _folder_names(models_dir: Path) -> list[str]:
    # Names that begin with a dot are downloads that have not come to their end.
    return sorted(path.parent.name for path in models_dir.glob(f"*/{MANIFEST_NAME}") if path.parent.name[0] != ".")


def _card_of(folder: Path) -> EncoderCard:
    try:
        manifest = read_manifest(folder)
        arithmetic = coarsest_arithmetic(manifest)
    except ManifestError as error:
        return EncoderCard(name=folder.name, kind="onnx", path=folder, fault=error.message)
    return EncoderCard(
        name=folder.name,
        kind=_kind_of(manifest),
        encoder_id=manifest.encoder_id,
        dim=manifest.dim,
        licence=manifest.licence,
        source=manifest.source,
        arithmetic=arithmetic,
        path=folder,
        metrics=manifest.metrics,
    )


def _kind_of(manifest: ModelManifest) -> Kind:
    if manifest.image is None:
        return "text"
    if manifest.runtime == "torch":
        return "torch"
    return "dual" if manifest.text is not None else "onnx"


def coarsest_arithmetic(manifest: ModelManifest) -> Arithmetic:
    """Return the coarsest arithmetic of the model's sides."""
    files = [side.weights for side in (manifest.image, manifest.text) if side is not None]
    found: set[Arithmetic] = {arithmetic_of(file) for file in files if file.suffix == ".onnx"}
    return "int8" if "int8" in found else "int8 weights" if "int8 weights" in found else "float"
