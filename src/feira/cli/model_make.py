"""`feira model convert`, `export` and `prove`: new models out of old ones, each compared with what it came from."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from feira.cli.console import say
from feira.cli.errors import Misused
from feira.core.encoders.manifest import MANIFEST_NAME, read_facts, read_manifest
from feira.core.errors import Misconfigured, Refused
from feira.engine.hub.pull import prove
from feira.engine.registry import coarsest_arithmetic, is_library_name, model_folder, open_encoder
from feira.settings import load_settings

app = typer.Typer()

Name = Annotated[str, typer.Argument(metavar="NAME", help="As `feira model list` shows it.")]
As = Annotated[str, typer.Option("--as", metavar="NAME", help="Name of the new folder.  [default: with the precision]")]
CONVERTED_FLOOR = 0.99


@app.command(epilog="Example: [bold]feira model convert siglip2-base --precision int8[/].")
def convert(
    name: Name,
    *,
    precision: Annotated[str, typer.Option(metavar="PRECISION", help="int8 or fp16: how weights are kept.")] = "int8",
    new: As = "",
) -> None:
    """Make a smaller model: weights in 8 or 16 bits, arithmetic in float32, the same answers on every processor.

    Needs the extra feira\\[torch] (its package onnx). The new model is compared with the old one before it is kept.
    """
    if precision not in {"int8", "fp16"}:
        raise Misused(f"There is no precision {precision!r}; there are int8 and fp16.")
    models_dir = load_settings().resolved_models_dir()
    source = model_folder(name, models_dir=models_dir)
    manifest = read_manifest(source)
    if manifest.runtime != "onnx" or coarsest_arithmetic(manifest) != "float":
        raise Refused(f"{name} is no ONNX model in float32; convert the one that it was made from.")
    rounding = extra("feira.training.convert")
    with new_folder(models_dir, new or f"{name}-{precision}") as folder:
        for path in source.iterdir():
            if path.is_file() and path.name != MANIFEST_NAME:
                shutil.copyfile(path, folder / path.name)
        before = sum(path.stat().st_size for path in folder.iterdir())
        for weights in {side.weights.name for side in (manifest.image, manifest.text) if side is not None}:
            rounding.convert(source / weights, folder / weights, to=precision)
        for data in folder.glob("*.onnx_data"):
            data.unlink()  # what is left fits into the file itself
        write_manifest(folder, source, name=f"{manifest.name}-{precision}")
        least = prove(folder, source, floor=CONVERTED_FLOOR)
        after = sum(path.stat().st_size for path in folder.iterdir())
    told = ", ".join(f"{cosine:.5f} ({side})" for side, cosine in least.items())
    say(f"{folder.name}: {before / 1e6:,.1f} MB became {after / 1e6:,.1f} MB, least cosine to {name} {told}.")


@app.command(epilog="Example: [bold]feira model export timm:resnet50.a1_in1k --as resnet50[/].")
def export(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A PyTorch model's folder, or as in timm:resnet50.a1_in1k.")
    ],
    *,
    to: Annotated[str, typer.Option(metavar="FORMAT", help="onnx, the one there is.")] = "onnx",
    new: Annotated[
        str, typer.Option("--as", metavar="NAME", help="Name of the new folder.  [default: NAME-onnx]")
    ] = "",
    licence: Annotated[str, typer.Option(metavar="TEXT", help="The model's licence, for its manifest.")] = "",
) -> None:
    """Write a PyTorch encoder as an ONNX model folder, accepted only when both give the same answers.

    Needs the extra feira\\[torch]. Of a dual encoder the image side is written.
    """
    if to != "onnx":
        raise Misused(f"There is no format {to!r}; there is onnx.")
    models_dir = load_settings().resolved_models_dir()
    facts: dict[str, Any] = {"licence": licence} if licence else {}
    options: dict[str, Any] = {}
    if is_library_name(name):
        encoder: Any = open_encoder(name, models_dir=models_dir, device="cpu")
        pixels, facts["source"] = encoder.pixels, name
    else:
        manifest = read_manifest(model_folder(name, models_dir=models_dir))
        if manifest.runtime != "torch" or manifest.image is None:
            raise Refused(f"{name} is no PyTorch model; `feira model show {name}` says what it is.")
        encoder = open_encoder(name, models_dir=models_dir, device="cpu")
        pixels = manifest.image.pixels
        options = {"output": manifest.image.output_name, "pool": manifest.image.pool}
        facts = {
            key: value for key, value in read_facts(manifest.folder / MANIFEST_NAME).items() if key in _KEPT
        } | facts
    exporting = extra("feira.training.export_network")
    plain = name.replace(":", "-").replace("/", "-")
    with new_folder(models_dir, new or f"{plain}-onnx") as folder:
        least = exporting.export_folder(encoder, folder, pixels=pixels, name=new or plain, facts=facts, **options)
    say(f"{folder.name}: least cosine to PyTorch {least:.6f}.")


@app.command("prove", epilog="Example: [bold]feira model prove mine-int8 --against mine[/].")
def prove_model(
    name: Name, *, against: Annotated[str, typer.Option(metavar="NAME", help="The same model in float32.")]
) -> None:
    """Compare a model with its float32 twin on this processor, and keep the twin's answers as golden ones.

    Every engine then asks the model for the same answers again before it serves it. A model that calculates in 8 bits
    is served only so.
    """
    models_dir = load_settings().resolved_models_dir()
    folder, twin = model_folder(name, models_dir=models_dir), model_folder(against, models_dir=models_dir)
    if coarsest_arithmetic(read_manifest(twin)) == "int8":
        raise Refused(f"{against} calculates in 8 bits itself and can prove nothing.")
    least = prove(folder, twin)
    say(f"{name}: least cosine to {against} {', '.join(f'{cosine:.5f} ({side})' for side, cosine in least.items())}.")


_KEPT = ("licence", "source", "metrics", "trained_on")


def extra(module: str) -> Any:
    """Return a module that needs the extra feira[torch].

    Raises:
        Misconfigured: the extra is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise Misconfigured(f"This needs the extra feira[torch], which is not installed ({error}).") from error


@contextmanager
def new_folder(models_dir: Path, name: str) -> Iterator[Path]:
    """Yield an empty folder that becomes a model of this name when nothing fails.

    Raises:
        Refused: there is one of this name already.
    """
    target = models_dir / name
    if not name or Path(name).name != name or name.startswith("."):
        raise Misused(f"{name!r} is no name for a model's folder; give one with --as.")
    if target.exists():
        raise Refused(f"{target} is there already. Remove it, or give another name with --as.")
    models_dir.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=".making-", dir=models_dir))
    made = beside / name
    made.mkdir()
    try:
        yield made
        made.replace(target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def write_manifest(folder: Path, source: Path, *, name: str) -> None:
    """Write the source's manifest for the files that lie in the folder now."""
    facts = read_facts(source / MANIFEST_NAME)
    facts.pop("golden", None)
    listed: dict[str, Any] = {}
    for path in sorted(folder.iterdir()):
        with path.open("rb") as content:
            listed[path.name] = {"sha256": hashlib.file_digest(content, "sha256").hexdigest()}
    facts |= {"name": name, "files": listed, "made_from": read_manifest(source).encoder_id}
    (folder / MANIFEST_NAME).write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
