"""What the page of a data set says about it: a sentence, what was asked for, samples, and how to load it."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib.humanize.templatetags.humanize import intcomma
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from feira.core.augment.recipe import Recipe
from feira.settings import load_settings
from feira.shop.datasets.asked import Asked, asked_from_json
from feira.shop.datasets.form_choices import FORMAT_NAMES, SPLITS
from feira.shop.datasets.models import DatasetRequest, Snapshot, SnapshotRow
from feira.shop.datasets.recipe_words import operation_label
from feira.shop.datasets.showing import Row

SAMPLES = 12
MOST_SAID = 2


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture of a data set with its label and what a model said or what was changed."""

    src: str
    width: int
    height: int
    alt: str
    label: str
    said: str


@dataclass(frozen=True, slots=True)
class Loading:
    """A few lines that load a data set."""

    title: str
    code: str


def lead_of(request: DatasetRequest, row: Row) -> str:
    """Return the sentence at the top of the page."""
    sentences = {
        "waiting": _("It is made in a moment. You may leave this page; the work goes on."),
        "running": _("It is being made. You may leave this page; the work goes on."),
        "failed": _("It could not be made. The reason stands below; what is done stays done."),
        "cancelled": _("It was stopped. What is done stays done, and it can go on."),
        "pruned": _("Its files were deleted, because nobody used them or somebody said so. They can be made again."),
    }
    if row.state in sentences:
        return sentences[row.state]
    asked = asked_from_json(request.asked)
    said = ngettext("%(photos)s photo", "%(photos)s photos", row.photos) % {"photos": intcomma(row.photos)}
    said = ngettext("%(what)s of %(listings)s listing", "%(what)s of %(listings)s listings", row.listings) % {
        "what": said,
        "listings": intcomma(row.listings),
    }
    copies = asked.images_per_photo - 1
    if copies:
        said = ngettext(
            "%(what)s, with %(copies)s changed copy of each", "%(what)s, with %(copies)s changed copies of each", copies
        ) % {"what": said, "copies": copies}
    if asked.predictions is not None:
        said = _("%(what)s, and what a model sees in them") % {"what": said}
    return f"{said}."


def identity_of(request: DatasetRequest, snapshot: Snapshot) -> list[tuple[str, str]]:
    """Return what was asked for and what made it, as names and values."""
    asked = asked_from_json(request.asked)
    return [
        (_("Filters"), ", ".join(_filters(asked)) or _("none: everything that is for sale")),
        (_("Label"), asked.label or _("none")),
        (_("Divided by"), str(dict(SPLITS)[asked.split.by])),
        (_("Pictures"), _pictures(asked)),
        (_("Changed copies"), _recipe_text(asked.recipe)),
        (_("Model"), ", ".join(snapshot.identity.get("encoders", [])) or _("none")),
        (_("Formats"), ", ".join(str(dict(FORMAT_NAMES)[each]).partition(":")[0] for each in asked.formats)),
        (_("Made with"), ", ".join(f"{name} {said}" for name, said in snapshot.identity.get("libraries", {}).items())),
    ]


def split_text(snapshot: Snapshot) -> str:
    """Return by what the photos were divided."""
    asked = asked_from_json(snapshot.identity["request"])
    return str(dict(SPLITS)[asked.split.by])


def samples_of(request: DatasetRequest, snapshot: Snapshot) -> list[Sample]:
    """Return some pictures from all over the data set, a changed copy after each photo that has one."""
    copies = int(snapshot.identity.get("images_per_photo", 1)) - 1
    wanted = min(SAMPLES // (2 if copies else 1), snapshot.photos)
    places = [number * snapshot.photos // wanted for number in range(wanted)]
    found: list[Sample] = []
    for row in snapshot.rows.filter(position__in=places).order_by("position"):
        found += [_sample(request, row, variant) for variant in range(min(len(row.images), 2 if copies else 1))]
    return found


def loading_of(request: DatasetRequest, snapshot: Snapshot) -> list[Loading]:
    """Return how to load the data set: by Feira's own client, and each format by its library."""
    url = load_settings().public_url
    found = [
        Loading(
            _("Fetch it from Python"),
            f'from feira.client import Client\n\nwith Client("{url}", token="feira_…") as shop:\n'
            f'    folder = shop.datasets.get({request.pk}).download("shoes")',
        )
    ]
    return [*found, *_by_format(snapshot)]


def noting_of(request: DatasetRequest) -> str:
    """Return how training, wherever it runs, writes down what came of a data set."""
    return f'dataset = shop.datasets.get({request.pk})\ndataset.note_training("my-model-1")'


def _by_format(snapshot: Snapshot) -> Iterator[Loading]:
    if path := _first(snapshot, "metadata.json"):
        yield Loading(
            _("As a folder"),
            "import json\nfrom pathlib import Path\nfrom PIL import Image\n\n"
            f'folder = Path("shoes{_above(path)}")\n'
            'for record in json.loads((folder / "metadata.json").read_bytes())["records"]:\n'
            '    image = Image.open(folder / record["image"]["path"])',
        )
    if path := _first(snapshot, "metadata.jsonl"):
        split = path.rpartition("/")[0]
        yield Loading(
            _("As an image folder"),
            f'from datasets import load_dataset\n\nphotos = load_dataset("shoes{_above(split)}")\n\n'
            f'from torchvision.datasets import ImageFolder\n\nphotos = ImageFolder("shoes/{split}")',
        )
    if path := _first(snapshot, ".tar"):
        yield Loading(
            "WebDataset",
            f'import webdataset\n\nphotos = webdataset.WebDataset("shoes/{path}", shardshuffle=False).decode("pil")',
        )
    if path := _first(snapshot, ".parquet"):
        folder = _above(path, 2)
        yield Loading("Parquet", f'from datasets import load_dataset\n\nphotos = load_dataset("shoes{folder}")')


def _first(snapshot: Snapshot, ending: str) -> str:
    return snapshot.files.filter(path__endswith=ending).order_by("path").values_list("path", flat=True).first() or ""


def _above(path: str, steps: int = 1) -> str:
    """Return the folder so many steps above a file, with a slash in front, or nothing for the top.

    >>> _above("metadata.json"), _above("parquet/data/train.parquet", 2)
    ('', '/parquet')
    """
    parts = path.split("/")[:-steps]
    return "".join(f"/{part}" for part in parts)


def _sample(request: DatasetRequest, row: SnapshotRow, variant: int) -> Sample:
    image = row.images[variant]
    title = str(row.facts.get("title", row.key))
    said = _said(row, variant)
    if variant and not said:
        said = ", ".join(str(operation_label(step["operation"])) for step in image.get("drawn", []))
    return Sample(
        src=reverse("datasets:picture", args=[request.pk, row.position, variant]),
        width=image["width"],
        height=image["height"],
        alt=_("Copy %(number)s of %(title)s") % {"number": variant, "title": title} if variant else title,
        label=row.label,
        said=said,
    )


def _said(row: SnapshotRow, variant: int) -> str:
    """Return what a model is surest of in a picture: of each of its questions the first answer, the surest first."""
    first = [said["scores"][0] for said in row.predictions if said["variant"] == variant and said["scores"]]
    surest = sorted(first, key=lambda score: -float(score["confidence"]))[:MOST_SAID]
    return ", ".join(f"{score['label']} {score['confidence']:.0%}" for score in surest)


def _filters(asked: Asked) -> Iterator[str]:
    filters = asked.filters
    for name in ("category", "words", "seller", "min_price", "max_price", "similar_to"):
        if (value := getattr(filters, name)) not in (None, ""):
            yield f"{name} {value}"
    for name in ("published_since", "published_until"):
        if (value := getattr(filters, name)) is not None:
            yield f"{name} {value:%Y-%m-%d}"
    for name in ("conditions", "colours"):
        if values := getattr(filters, name):
            yield f"{name} {' | '.join(values)}"
    for code, values in filters.attributes.items():
        yield f"{code} {' | '.join(values)}"


def _pictures(asked: Asked) -> str:
    rule = asked.rule
    size = "" if rule.size is None else f" {rule.size}"
    return f"{rule.fit}{size}, {rule.format}" + ("" if rule.format == "png" else f" {rule.quality}")


def _recipe_text(recipe: Recipe | None) -> str:
    if recipe is None:
        return _("none")
    names = ", ".join(str(operation_label(operation.name)) for operation in recipe.operations)
    return _("%(variants)s of each: %(names)s; seed %(seed)s") % {
        "variants": recipe.variants,
        "names": names,
        "seed": recipe.seed,
    }
