"""How much a request would give, told before any work, and what to change when that is nothing or too much."""

import os
from dataclasses import dataclass, replace

from django.db.models import Avg, Count
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from feira.settings import load_settings
from feira.shop.datasets.asked import Asked
from feira.shop.datasets.checking import checked
from feira.shop.datasets.errors import SelectionEmpty, SelectionTooLarge
from feira.shop.datasets.models import Snapshot
from feira.shop.datasets.selection import filters_in_use, photos_asked_for, without_filter

# Measured on catalogue photos: bytes a pixel in each format, at the quality of the default.
BYTES_PER_PIXEL = {"jpeg": 0.22, "webp": 0.13, "png": 1.6}
BYTES_PER_RECORD = 900
# Until this shop has made a data set of its own: pixels that one process decodes, changes and encodes in a second.
PIXELS_PER_SECOND = 6_000_000
PREDICTIONS_PER_SECOND = 40
RECENT = 5


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a request would give.

    Attributes:
        listings, photos: that pass; `photos` are at most `most_photos`.
        images: files of pictures, augmented copies included.
        byte_size: of everything, about.
        seconds: until it is ready, about, when nothing else is to be done before.
        basis: `measured` when the time was learned from data sets made here, else `assumed`.
    """

    listings: int
    photos: int
    images: int
    byte_size: int
    seconds: float
    basis: str


def estimate(asked: Asked) -> Estimate:
    """Say what a request would give; a few queries, whatever its size, and no file is touched.

    Raises:
        BadRequestError: something about it cannot be done.
        SelectionEmpty: nothing passes; the message names the filters to let go.
        SelectionTooLarge: more than this shop lets go at once.
        EngineUnavailable: only with `similar_to`.
    """
    asked = checked(asked)
    found = photos_asked_for(asked).aggregate(
        photos=Count("pk"),
        listings=Count("listing_id", distinct=True),
        width=Avg("photo__width"),
        height=Avg("photo__height"),
    )
    if not found["photos"]:
        raise SelectionEmpty(_what_to_let_go(asked), filters=filters_in_use(asked.filters))
    photos = min(found["photos"], asked.most_photos or found["photos"])
    width, height = asked.rule.size_for((round(found["width"]), round(found["height"])))
    images = photos * asked.images_per_photo
    pixels = images * width * height
    copies = 1 + sum(each != "folder" for each in asked.formats if len(asked.formats) > 1)
    byte_size = round(pixels * BYTES_PER_PIXEL[asked.rule.format] * copies) + photos * BYTES_PER_RECORD
    measured = _seconds_per_image()
    each_s = width * height / PIXELS_PER_SECOND / _processes() if measured is None else measured
    seconds = images * each_s + (images / PREDICTIONS_PER_SECOND if asked.predictions else 0) + 2
    answer = Estimate(
        listings=min(found["listings"], photos),
        photos=photos,
        images=images,
        byte_size=byte_size,
        seconds=round(seconds, 1),
        basis="assumed" if measured is None else "measured",
    )
    _refuse_enormous(answer)
    return answer


def _refuse_enormous(found: Estimate) -> None:
    settings = load_settings()
    most = settings.dataset_max_photos
    if found.photos > most:
        text = _(
            "%(photos)s photos pass, and one data set holds at most %(most)s. Give `most_photos` %(most)s or less, "
            "or narrow the filters."
        )
        raise SelectionTooLarge(
            text % {"photos": found.photos, "most": most},
            photos=found.photos,
            most_photos=most,
        )
    if found.byte_size > settings.dataset_max_bytes:
        text = _(
            "About %(size)s GB would come of this, and one data set holds at most %(most)s GB. Ask for smaller "
            "pictures, fewer variants or fewer photos."
        )
        raise SelectionTooLarge(
            text % {"size": _gigabytes(found.byte_size), "most": _gigabytes(settings.dataset_max_bytes)},
            byte_size=found.byte_size,
            most_bytes=settings.dataset_max_bytes,
        )


def _gigabytes(byte_size: int) -> str:
    return number_format(round(byte_size / 1e9, 1), 1)


def _what_to_let_go(asked: Asked) -> str:
    """Return a sentence that names the filters without which something would pass."""
    used = filters_in_use(asked.filters)
    if not used:
        return _("No live listing has a photo that may be shown. Publish some first.")
    helps = [
        _("without `%(name)s` %(count)s photos pass") % {"name": name, "count": count}
        for name in used
        if (count := photos_asked_for(without_filter(asked, name)).count())
    ]
    if helps:
        return _("No photo passes all filters: %(ways)s.") % {"ways": ", ".join(helps)}
    wider = replace(asked, filters=type(asked.filters)())
    count = photos_asked_for(wider).count()
    text = _("No photo passes the filters %(names)s; without any %(count)s do. Take several of them out.")
    return text % {"names": ", ".join(used), "count": count}


def _seconds_per_image() -> float | None:
    """Return what a picture took lately, from the jobs of data sets that were made here."""
    made = Snapshot.objects.filter(state=Snapshot.State.READY, render_job__finished_at__isnull=False, photos__gte=32)
    rows = made.select_related("render_job", "finish_job").order_by("-ready_at")[:RECENT]
    took_s, images = 0.0, 0
    for row in rows:
        if row.render_job and row.render_job.started_at and row.ready_at:
            took_s += (row.ready_at - row.render_job.started_at).total_seconds()
            images += row.photos * int(row.identity.get("images_per_photo", 1))
    return took_s / images if images else None


def _processes() -> int:
    return load_settings().dataset_processes or os.cpu_count() or 1
