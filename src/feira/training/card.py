"""The model card: what the eye learned from, how, how good it is, and where it ends."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import Final

import torch

from feira.core.encoders.manifest import read_manifest
from feira.training.examination import Marks, examine_teacher
from feira.training.loop import Training
from feira.training.package import Figures
from feira.training.photos import SOURCES, TrainingPhoto

_WIDTH: Final = 120
_ORIGINS: Final = {
    "clothing": ("photos of garments taken by volunteers at home, `clothing/train`", "CC0 1.0"),
    "products": ("pictures of a fashion catalogue, `fashion-products`", "MIT, as its uploader declares"),
    "stickers": (
        "emoji drawings of Noto and EmojiTwo, `stickers`",
        "Apache-2.0 or OFL-1.1 (Noto), CC-BY 4.0 (EmojiTwo)",
    ),
    "drawn": ("things that Feira draws itself", "none needed"),
}


def write_card(
    path: Path,
    training: Training,
    photos: Sequence[TrainingPhoto],
    held_out: Sequence[TrainingPhoto],
    figures: Figures,
    *,
    teacher: Path,
    words: Path | None,
) -> None:
    """Write the card of the model in the folder of `path`, as Markdown."""
    manifest = read_manifest(path.parent)
    sections = [
        _opening(manifest.encoder_id, training, figures),
        _data(photos, held_out),
        _method(training, teacher, words),
        _quality(training, figures),
        _limits(),
    ]
    path.write_text("\n\n".join(sections) + "\n", encoding="utf-8")


def _opening(encoder_id: str, training: Training, figures: Figures) -> str:
    recipe = training.recipe
    count = sum(weight.numel() for weight in training.average.parameters())
    size = sum(figures.sizes.values()) / 1e6
    return _section(
        "# The built-in encoder",
        f"`{encoder_id}` turns a photo into {recipe.dim} numbers. It ships with Feira, needs no download, and is what "
        "a shop begins with. This card was written by the command that trained it.",
        [
            (
                f"A residual network of {count:,} parameters that sees {recipe.serve_size} × {recipe.serve_size} "
                "pixels of the centre square."
            ),
            (
                f"{size:.1f} MB: weights of 8 bits with one scale per output channel, arithmetic in float32, and "
                "classifier heads."
            ),
            (
                f"The exported file agrees with the trained network: least cosine {figures.agreement.as_float:.6f} "
                f"before the weights were rounded, {figures.agreement.rounded:.5f} after."
            ),
            "Licence: Apache-2.0, as the rest of Feira.",
        ],
    )


def _data(photos: Sequence[TrainingPhoto], held_out: Sequence[TrainingPhoto]) -> str:
    taught = Counter(photo.source for photo in photos if not photo.is_validation)
    watched = Counter(photo.source for photo in photos if photo.is_validation)
    kept = Counter(photo.source for photo in held_out)
    rows = [
        (_ORIGINS[source][0], taught[source], watched[source], kept[source], _ORIGINS[source][1])
        for source in SOURCES
        if taught[source]
    ]
    return _section(
        "## What it learned from",
        _table(("photos", "trained on", "validation", "held out", "licence"), rows),
        "Validation photos choose the weights; held-out ones were never looked at in training. Both are chosen by a "
        "hash of the photo's name (`feira.core.evaluation.splits`), so every evaluation agrees about them. A catalogue "
        "picture that is held out under one id is not trained on under another, and both drawings of one sticker are "
        "on the same side. The garments of `clothing/test` and the everyday photos of `photos` took no part in "
        "training, nor in any choice.",
    )


def _method(training: Training, teacher: Path, words: Path | None) -> str:
    recipe, standing, weights = training.recipe, training.standing, training.recipe.weights
    source = read_manifest(teacher)
    views = ", ".join(f"{recipe.views[name]} of {name}" for name in SOURCES)
    shares = ", ".join(f"{recipe.shares[name]:.0%} {name}" for name in SOURCES)
    known = (
        f"The known labels of the training photos ({weights['labels']:g}): garment, article type, colour, gender, use, "
        "sticker group, kind and pattern of drawn things. The teacher knows no dresses and no stickers; the labels do."
    )
    bullets = [
        (
            f"Teacher: {source.name} ({source.licence}), pre-trained on ImageNet-1k, asked about changed copies of "
            f"each photo ({views} per photo): other crops, mirrored, other light."
        ),
        f"Samples: {shares}.",
        (
            f"The teacher's embedding, reduced to {recipe.dim} principal components, is what the network's own should "
            f"be: cosine (weight {weights['cosine']:g}), and squared difference between the cosines within a batch "
            f"({weights['pairs']:g}). Its classes are learned at temperature 2 ({weights['soft']:g})."
        ),
        known,
    ]
    if words:
        bullets.append(
            f"Sentence vectors of titles and names from {words.name} ({weights['words']:g}): each picture must find "
            "its own words among those of its batch."
        )
    bullets.append(
        f"AdamW, rate {recipe.learning_rate:g} falling as a cosine, weight decay {recipe.weight_decay:g}, bfloat16 "
        f"arithmetic; {recipe.train_size} pixels, in the last {recipe.last_share:.0%} of the time {recipe.last_size}. "
        f"Weights are averaged ({recipe.average:g} a step); the average that did best on validation photos is kept."
    )
    bullets.append(
        "In the last layer, directions in which photos of one class differ are made to count for less (within-class "
        "covariance normalisation; Hatch, Kajarekar and Stolcke, 2006), if validation photos are found better so."
    )
    return _section(
        "## How",
        f"From {_start(recipe.start)}, by `feira train encoder` with seed {recipe.seed}: {standing.step:,} batches of "
        f"{recipe.batch} views in {standing.elapsed_s / 60:.0f} minutes of learning on "
        f"{_cores(torch.get_num_threads())}.",
        bullets,
    )


def _start(encoder_id: str) -> str:
    return f"the weights of {encoder_id}, which this command trained before" if encoder_id else "random weights"


def _quality(training: Training, figures: Figures) -> str:
    parts: list[str | list[str]] = []
    if figures.similar:
        compared = [
            (
                entry["encoder"],
                f"{entry['knn10_accuracy']:.1%}",
                f"{entry['precision_at_10']:.3f}",
                f"{entry['images_per_s']:.0f}",
            )
            for entry in figures.similar
        ]
        parts += [
            (
                "Garments of `clothing/test` looked for in `clothing/train`, ten classes, 372 queries (95 % interval "
                "about ±3.5 points), by `feira evaluate similar`; photos per second with decoding, on one core of a "
                "busy machine:"
            ),
            _table(("encoder", "10-NN accuracy", "precision at 10", "photos/s"), compared),
        ]
    marks, teachers = _best_marks(training), examine_teacher(training.views)
    near = [
        (
            f"{name}, validation",
            f"{marks.accuracy[name]:.1%}",
            f"{marks.precision[name]:.3f}",
            f"{teachers.accuracy[name]:.1%}",
            f"{teachers.precision[name]:.3f}",
        )
        for name in marks.accuracy
    ]
    near += [(f"{name}, held out", f"{one:.1%}", f"{two:.3f}", "", "") for name, (one, two) in figures.held_out.items()]
    heads = [
        (head, f"{score.accuracy:.1%}", f"{score.confidence:.1%}", score.photos)
        for head, score in figures.head_scores.items()
    ]
    return _section(
        "## How good it is",
        *parts,
        "Nearest neighbours among the training photos of the same collection (garment, article type, sticker group, "
        "drawn kind):",
        _table(("photos", "10-NN accuracy", "precision at 10", "teacher's accuracy", "teacher's precision"), near),
        "Classifier heads on photos that nothing was trained on; a calibrated head is as confident as it is right:",
        _table(("head", "first name right", "mean confidence", "photos"), heads),
    )


def _limits() -> str:
    return _section(
        "## Where it ends",
        [
            (
                "It knows garments, fashion articles, emoji drawings and what Feira draws; of furniture, machines or "
                "food it knows only what the teacher's view of those photos gave away. A shop of other goods should "
                "plug in a stronger model (`feira model use`)."
            ),
            "It has seen few people and no scenes. It must not be used to recognise or judge persons.",
            "Genders and uses are those of one Indian fashion shop's catalogue around 2012; colours too are its words.",
            "Small things in large photos are lost: only the centre square is seen, at low resolution.",
            "The teacher's own prejudices (ImageNet) are handed on.",
        ],
    )


def _best_marks(training: Training) -> Marks:
    """Return the marks of the weights that were kept."""
    looks = [Marks(**entry["marks"]) for entry in training.standing.history]
    # Of equals the last was kept.
    return max(reversed(looks), key=lambda marks: marks.overall, default=Marks({}, {}))


def _cores(count: int) -> str:
    return "one core" if count == 1 else f"{count} cores"


def _section(*parts: str | list[str]) -> str:
    """Return paragraphs and lists of points, wrapped; tables and headings stay as they are."""
    return "\n\n".join(_wrapped(part) for part in parts)


def _wrapped(part: str | list[str]) -> str:
    if isinstance(part, list):
        return "\n".join(fill(f"- {point}", _WIDTH, subsequent_indent="  ", break_long_words=False) for point in part)
    return part if part.startswith(("#", "|")) else fill(part, _WIDTH, break_long_words=False)


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
