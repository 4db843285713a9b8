"""The finished model folder: weights, heads, prior bridge, manifest, and the figures that its card tells."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from feira.core.encoders.descriptors import DescriptorEncoder
from feira.core.encoders.heads import HEADS_NAME
from feira.core.encoders.manifest import MANIFEST_NAME
from feira.core.encoders.onnx import OnnxEncoder
from feira.core.encoders.protocol import Encoder
from feira.core.encoders.words.encoder import builtin_words
from feira.core.evaluation.similar import evaluate_similar
from feira.core.learning.priors import PRIOR_NAME
from feira.core.types import Matrix
from feira.training.examination import neighbour_marks
from feira.training.export import INPUT_NAME, OUTPUT_NAME, Agreement, export
from feira.training.heads import Score, fit_heads, score_heads
from feira.training.loop import Say, Training
from feira.training.network import Eye
from feira.training.photos import TrainingPhoto
from feira.training.prior import prior_of
from feira.training.recipe import Recipe
from feira.training.views import PhotoFacts, opened
from feira.training.whitening import whitened

WEIGHTS_NAME: Final = "model.onnx"
LICENCE: Final = "Apache-2.0"
_MEAN = _STD = 127.5
_PROBES = 32
_BATCH = 32


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured of the finished files.

    Attributes:
        agreement: least cosines between torch and the exported file.
        head_scores: of photos that nothing was trained on, by head.
        held_out: kNN accuracy and precision at 10 of held-out photos among training photos, by source.
        similar: `evaluate_similar` of the eye, its teacher and the classical descriptors; empty without test photos.
        sizes: bytes by file.
    """

    agreement: Agreement
    head_scores: dict[str, Score]
    held_out: dict[str, tuple[float, float]]
    similar: list[dict[str, Any]]
    sizes: dict[str, int]


def finish(
    training: Training,
    photos: Sequence[TrainingPhoto],
    held_out: Sequence[TrainingPhoto],
    out: Path,
    *,
    name: str,
    teacher: Path,
    test: tuple[Path, Path] | None = None,
    say: Say | None = None,
) -> Figures:
    """Export the best weights, fit heads and prior bridge on the exported encoder's own embeddings, and measure.

    The manifest does not list the prior: it belongs to the built-in words too, and names both in itself.

    Args:
        photos: the training photos, validation photos among them.
        held_out: photos that were kept from training altogether.
        name: of the model.
        test: gallery and queries for `evaluate_similar`, which nothing here is chosen by.

    Raises:
        Refused: the exported file does not give torch's answers.
    """
    tell = say or _nothing
    out.mkdir(parents=True, exist_ok=True)
    recipe = training.recipe
    tell("exporting")
    eye = whitened(training.best_eye(), training.views, size=recipe.serve_size)
    agreement = export(eye, out / WEIGHTS_NAME, size=recipe.serve_size, probes=_probes(training))
    (out / HEADS_NAME).unlink(missing_ok=True)
    _write_manifest(out, eye, recipe, name=name, metrics={})
    encoder = OnnxEncoder(out, device="cpu")
    tell(f"encoding {len(photos) + len(held_out):,} photos")
    facts = [_facts(photo) for photo in photos]
    rows = encode(encoder, photos)
    heads = fit_heads(rows, facts, encoder_id=encoder.encoder_id)
    (out / HEADS_NAME).write_bytes(heads.pack())
    (out / PRIOR_NAME).write_bytes(prior_of(encoder.encoder_id, photos, rows, builtin_words()))
    others = [_facts(photo, is_validation=True) for photo in held_out]
    other_rows = encode(encoder, held_out)
    # Products and stickers are scored on what is held out, clothing and drawn things on their validation photos.
    unseen = [place for place, fact in enumerate(facts) if fact.is_validation and fact.source in ("clothing", "drawn")]
    scored = np.concatenate([rows[unseen], other_rows])
    scores = dict(score_heads(heads, scored, [*(facts[place] for place in unseen), *others]))
    marks = _held_out_marks(rows, facts, other_rows, others)
    tell("comparing with the teacher")
    similar = _compared(encoder, teacher, test) if test else []
    metrics = {
        "clothing_test": {key: round(value, 4) for key, value in similar[0].items() if isinstance(value, float)}
        if similar
        else {},
        "heads": {head: round(score.accuracy, 4) for head, score in scores.items()},
    }
    _write_manifest(out, eye, recipe, name=name, metrics=metrics)
    sizes = {path.name: path.stat().st_size for path in (out / WEIGHTS_NAME, out / HEADS_NAME, out / PRIOR_NAME)}
    return Figures(agreement, scores, marks, similar, sizes)


def encode(encoder: Encoder, photos: Sequence[TrainingPhoto]) -> Matrix:
    """Return the photos' embeddings as they are served: the whole path from the file, shape (n, dim)."""
    parts = [np.empty((0, encoder.dim), dtype=np.float32)]
    for start in range(0, len(photos), _BATCH):
        pictures = [opened(photo.read(), backdrop="white") for photo in photos[start : start + _BATCH]]
        parts.append(encoder.encode_images([np.asarray(picture) for picture in pictures]))
    return np.concatenate(parts)


def _facts(photo: TrainingPhoto, *, is_validation: bool | None = None) -> PhotoFacts:
    kept = photo.is_validation if is_validation is None else is_validation
    return PhotoFacts(photo.key, photo.source, dict(photo.labels), photo.words, kept, 0, 0)


def _probes(training: Training) -> Matrix:
    """Return prepared views of validation photos, or of any where there are few, for comparing the file with torch."""
    views, size = training.views, training.recipe.serve_size
    photos = [photo for photo in views.photos if photo.is_validation] or list(views.photos)
    pixels = views.pixels[[photo.first for photo in photos[:: max(1, len(photos) // _PROBES)]][:_PROBES]]
    side = pixels.shape[1]
    grid = np.arange(size) * side // size  # nearest pixels: any picture will do
    chosen = pixels[:, grid][:, :, grid].astype(np.float32)
    return np.ascontiguousarray(((chosen - _MEAN) / _STD).transpose(0, 3, 1, 2))


def _held_out_marks(
    rows: Matrix, facts: list[PhotoFacts], other_rows: Matrix, others: list[PhotoFacts]
) -> dict[str, tuple[float, float]]:
    marks = {}
    for source, head in (("products", "article"), ("stickers", "group")):
        taught = [place for place, fact in enumerate(facts) if fact.source == source and not fact.is_validation]
        asked = [place for place, fact in enumerate(others) if fact.source == source]
        if taught and asked:
            both = [*(facts[place] for place in taught), *(others[place] for place in asked)]
            marks[source] = neighbour_marks(np.concatenate([rows[taught], other_rows[asked]]), both, head)
    return marks


def _compared(encoder: Encoder, teacher: Path, test: tuple[Path, Path]) -> list[dict[str, Any]]:
    gallery, queries = test
    candidates: list[Encoder] = [encoder, OnnxEncoder(teacher, device="cpu"), DescriptorEncoder()]
    return [asdict(evaluate_similar(gallery, queries, candidate)) for candidate in candidates]


def _write_manifest(out: Path, eye: Eye, recipe: Recipe, *, name: str, metrics: dict[str, Any]) -> None:
    files: dict[str, Any] = {WEIGHTS_NAME: {"weights": "int8 per output channel, float32 arithmetic"}}
    if (out / HEADS_NAME).exists():
        files[HEADS_NAME] = {"holds": "classifier heads, see feira.core.encoders.heads"}
    for file, facts in files.items():
        content = (out / file).read_bytes()
        facts |= {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    files[WEIGHTS_NAME]["onnxruntime_session_config"] = {"session.disable_quant_qdq": "1"}
    size = recipe.serve_size
    manifest = {
        "name": name,
        "task": "image embedding",
        "files": files,
        "input": {
            "name": INPUT_NAME,
            "dtype": "float32",
            "layout": "NCHW",
            "shape": ["batch", 3, size, size],
            "colour_order": "RGB",
            "mean": [_MEAN] * 3,
            "std": [_STD] * 3,
            "resize": "bilinear",
            "crop": "centre square",
        },
        "outputs": {OUTPUT_NAME: {"dtype": "float32", "shape": ["batch", recipe.dim]}},
        "parameters": sum(weight.numel() for weight in eye.parameters()),
        "metrics": metrics,
        "licence": LICENCE,
        "source": "Feira: trained from random weights by `feira train encoder`",
    }
    (out / MANIFEST_NAME).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def _nothing(line: str) -> None:
    """Say nothing."""
