"""What the machine sees in photos, as tags with confidence: their colours, and what the encoder's classifiers say."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from feira.core.images.colours import COLOURS_VERSION, colour_shares, main_colours
from feira.core.images.decode import decode_rendition
from feira.core.types import Matrix
from feira.shop.listings.tags import COLOUR, MOST_NAME, TagName
from feira.shop.photos.blobs import blob_store
from feira.shop.photos.engine import engine
from feira.shop.photos.models import Photo

LEAST_CONFIDENCE = 0.5
MOST_PHOTOS = 4
MOST_PER_HEAD = 2


@dataclass(frozen=True, slots=True)
class SeenTag:
    """A tag that the machine gives; `confidence` is from 0 to 1, `made_by` names the measure or the encoder."""

    tag: TagName
    confidence: float
    made_by: str


def colours_seen(photos: Sequence[Photo]) -> list[SeenTag]:
    """Return the main colours of photos of one thing, by the mean of their shares; no photo, no colours.

    The thumbnails are our own and are read right here. One that is missing from the blob store is passed over.
    """
    totals: dict[str, float] = defaultdict(float)
    seen = 0
    for photo in photos[:MOST_PHOTOS]:
        try:
            content = blob_store().get(photo.renditions["thumb"]["digest"])
        except FileNotFoundError:
            continue
        seen += 1
        for name, share in colour_shares(decode_rendition(content)).items():
            totals[name] += share
    if not seen:
        return []
    named = main_colours({name: total / seen for name, total in totals.items()})
    return [SeenTag(TagName(COLOUR, colour.name), colour.share, COLOURS_VERSION) for colour in named]


def classes_seen(rows: Matrix, encoder_id: str) -> list[list[SeenTag]]:
    """Return what the encoder's classifiers are sure enough of, per embedding; empty where it has none.

    Args:
        rows: shape (n, dim), float32, made by this encoder.

    Raises:
        EngineUnavailable: nobody answers right now.
    """
    if not len(rows):
        return []
    return [
        _sure_enough(((tag.head, tag.name, tag.confidence) for tag in tags), encoder_id)
        for tags in engine().tags(rows, encoder_id=encoder_id)
    ]


def merged(per_photo: Sequence[Sequence[SeenTag]]) -> list[SeenTag]:
    """Return the tags of one thing seen in several photos, with the mean of their confidence, where that is enough."""
    made_by: dict[TagName, str] = {}
    totals: dict[TagName, float] = defaultdict(float)
    for tags in per_photo:
        for seen in tags:
            totals[seen.tag] += seen.confidence
            made_by[seen.tag] = seen.made_by
    means: Mapping[TagName, float] = {tag: total / len(per_photo) for tag, total in totals.items()}
    return [SeenTag(tag, mean, made_by[tag]) for tag, mean in means.items() if mean >= LEAST_CONFIDENCE]


def _sure_enough(tags: Iterable[tuple[str, str, float]], encoder_id: str) -> list[SeenTag]:
    by_head: dict[str, list[SeenTag]] = defaultdict(list)
    for head, name, confidence in sorted(tags, key=lambda tag: -tag[2]):
        plain = name.strip().lower()[:MOST_NAME]
        # Colours are measured; a classifier's guess at them would say the same less exactly.
        if plain and head != COLOUR and confidence >= LEAST_CONFIDENCE and len(by_head[head]) < MOST_PER_HEAD:
            by_head[head].append(SeenTag(TagName(head, plain), min(1.0, confidence), encoder_id))
    return [seen for kept in by_head.values() for seen in kept]
