"""The training set as it is learned from: changed copies of photos with the teacher's answers, kept on disk."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from feira.core.errors import Refused
from feira.training.augment import changed
from feira.training.photos import Source, TrainingPhoto
from feira.training.recipe import Recipe
from feira.training.teacher import Teacher

_PHOTOS_A_CHUNK = 32
# Photos are decoded no larger than this on the shorter side: a third of it is still more than a view shows.
_DECODED_SIDE = 448

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class PhotoFacts:
    """What training needs to know of a photo whose views are stored at `first` to `first + count - 1`."""

    key: str
    source: Source
    labels: dict[str, str]
    words: str
    is_validation: bool
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Views:
    """All views of all photos; the arrays are mapped from files, not read.

    Attributes:
        photos: in the order of their views; view 0 of each is its plain centre square.
        pixels: uint8, shape (views, size, size, 3), sRGB.
        embeddings: the teacher's unit rows, float16, shape (views, teacher's dim).
        logits: the teacher's, float16, shape (views, teacher's classes).
    """

    photos: list[PhotoFacts]
    pixels: NDArray[np.uint8]
    embeddings: NDArray[np.float16]
    logits: NDArray[np.float16]


def make_views(
    photos: Sequence[TrainingPhoto],
    recipe: Recipe,
    *,
    teacher: Path,
    folder: Path,
    processes: int = 2,
    progress: Progress | None = None,
) -> Views:
    """Make all views and ask the teacher about each; what is in the folder already is kept.

    A view depends on the seed, its photo's name and its number alone, so it does not matter how often the work was
    interrupted nor how many processes did it.

    Raises:
        Refused: the folder holds views of other photos or another recipe.
    """
    asked = Teacher(teacher)
    facts = _plan(photos, recipe)
    total = sum(fact.count for fact in facts)
    folder.mkdir(parents=True, exist_ok=True)
    plan = {"teacher": asked.encoder_id, "size": recipe.view_size, "seed": recipe.seed, "photos": len(photos)}
    plan |= {"views": total, "dim": asked.dim, "classes": asked.classes}
    _claim(folder, plan, facts)
    todo = [start for start in range(0, len(photos), _PHOTOS_A_CHUNK) if not (folder / f"done-{start}").exists()]
    jobs = [
        (
            [(photo, fact) for photo, fact in zip(photos, facts, strict=True)][start : start + _PHOTOS_A_CHUNK],
            recipe,
            teacher,
            folder,
            start,
        )
        for start in todo
    ]
    done = total - sum(fact.count for job in jobs for _, fact in job[0])
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for made in pool.map(_make_chunk, jobs):
            done += made
            if progress is not None:
                progress(done, total)
    return open_views(folder)


def open_views(folder: Path) -> Views:
    """Return the views of a folder in which they were all made.

    Raises:
        Refused: they were not.
    """
    try:
        plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
        facts = [PhotoFacts(**entry) for entry in json.loads((folder / "photos.json").read_text(encoding="utf-8"))]
    except OSError as error:
        raise Refused(f"{folder} holds no training views; start without --resume.") from error
    if not all((folder / f"done-{start}").exists() for start in range(0, len(facts), _PHOTOS_A_CHUNK)):
        raise Refused(f"The views in {folder} are not complete; run the same command again to finish them.")
    return Views(facts, *_arrays(folder, plan))


def _plan(photos: Sequence[TrainingPhoto], recipe: Recipe) -> list[PhotoFacts]:
    facts, first = [], 0
    for photo in photos:
        # A validation photo is only looked at as it is.
        count = 1 if photo.is_validation else recipe.views[photo.source]
        facts.append(
            PhotoFacts(photo.key, photo.source, dict(photo.labels), photo.words, photo.is_validation, first, count)
        )
        first += count
    return facts


def _claim(folder: Path, plan: dict[str, object], facts: list[PhotoFacts]) -> None:
    """Create the files, or check that those which are there belong to this plan."""
    described = folder / "plan.json"
    if described.exists():
        if json.loads(described.read_text(encoding="utf-8")) != plan:
            raise Refused(f"{folder} holds views of another recipe; choose another --work folder or delete this one.")
        return
    for name, shape, kind in _shapes(plan):
        np.lib.format.open_memmap(folder / name, mode="w+", dtype=kind, shape=shape)
    (folder / "photos.json").write_text(json.dumps([asdict(fact) for fact in facts]), encoding="utf-8")
    described.write_text(json.dumps(plan), encoding="utf-8")


def _shapes(plan: dict[str, object]) -> list[tuple[str, tuple[int, ...], type[np.generic]]]:
    count, size, dim, classes = (int(str(plan[name])) for name in ("views", "size", "dim", "classes"))
    return [
        ("pixels.npy", (count, size, size, 3), np.uint8),
        ("embeddings.npy", (count, dim), np.float16),
        ("logits.npy", (count, classes), np.float16),
    ]


def _arrays(folder: Path, plan: dict[str, object], mode: Literal["r", "r+"] = "r") -> Any:
    return tuple(np.load(folder / name, mmap_mode=mode) for name, _, _ in _shapes(plan))


_teachers: dict[Path, Teacher] = {}


def _make_chunk(job: tuple[list[tuple[TrainingPhoto, PhotoFacts]], Recipe, Path, Path, int]) -> int:
    """Make the views of a few photos, in a process of its own; return how many."""
    chunk, recipe, folder_of_teacher, folder, start = job
    if folder_of_teacher not in _teachers:
        _teachers[folder_of_teacher] = Teacher(folder_of_teacher)
    teacher = _teachers[folder_of_teacher]
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    pixels, embeddings, logits = _arrays(folder, plan, mode="r+")
    made = 0
    for photo, fact in chunk:
        picture = opened(photo.read())
        rng = Random(f"{recipe.seed}:{photo.key}")
        shown = [changed(picture, rng, number=number) for number in range(fact.count)]
        answers = teacher.answer(shown)
        rows = slice(fact.first, fact.first + fact.count)
        size = (recipe.view_size, recipe.view_size)
        pixels[rows] = np.stack([np.asarray(view.resize(size, Image.Resampling.BILINEAR)) for view in shown])
        embeddings[rows] = answers.embeddings
        logits[rows] = answers.logits
        made += fact.count
    (folder / f"done-{start}").touch()
    return made


def opened(content: bytes, *, backdrop: str = "") -> Image.Image:
    """Return an upright picture, RGB, or RGBA where it has transparent parts and no backdrop is named to lay it on."""
    with Image.open(BytesIO(content)) as image:
        image.draft("RGB", (_DECODED_SIDE, _DECODED_SIDE))
        upright = ImageOps.exif_transpose(image)
        if "A" not in upright.getbands() and "transparency" not in upright.info:
            return upright.convert("RGB")
        cut_out = upright.convert("RGBA")
    if not backdrop:
        return cut_out
    paper = Image.new("RGB", cut_out.size, backdrop)
    paper.paste(cut_out, mask=cut_out)
    return paper
