"""What the machine sees in photos, as tags with confidence: their colours, and what the encoder's classifiers say."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from feira.core.images.colour_words import colour_named
from feira.core.images.colours import COLOUR_NAMES, COLOURS_VERSION, colour_shares, main_colours
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


@dataclass(frozen=True, slots=True)
class Classified:
    """What the encoder's classifiers say of one photo.

    Attributes:
        tags: those that they are sure enough of.
        colours: confidence by named colour, adding up to one at most; empty when they have no word for colours.
    """

    tags: Sequence[SeenTag] = ()
    colours: Mapping[str, float] = field(default_factory=dict)


def seen_in(photos: Sequence[Photo], classified: Sequence[Classified] = ()) -> list[SeenTag]:
    """Return what is seen in photos of one thing: their main colours, and what the classifiers are sure enough of.

    Args:
        classified: of these photos, or of some of them; empty while the engine is away.
    """
    return [*colours_seen(photos, [one.colours for one in classified]), *merged([one.tags for one in classified])]


def colours_seen(photos: Sequence[Photo], said: Sequence[Mapping[str, float]] = ()) -> list[SeenTag]:
    """Return the main colours of photos of one thing; no photo, no colours.

    The mean of their measured shares and of what classifiers say of them, which is right more often than either: a
    classifier knows what is worn from who wears it, the measure knows what no classifier was taught. A classifier that
    is unsure counts for as much less. The thumbnails are our own and are read right here; one that is missing from the
    blob store is passed over.
    """
    measured = [shares for photo in photos[:MOST_PHOTOS] if (shares := _measured(photo)) is not None]
    if not measured:
        return []
    totals: dict[str, float] = defaultdict(float)
    for several in (measured, said):
        for shares in several:
            for name, share in shares.items():
                totals[name] += share / len(several)
    whole = sum(totals.values())
    named = main_colours({name: total / whole for name, total in totals.items()})
    return [SeenTag(TagName(COLOUR, colour.name), colour.share, COLOURS_VERSION) for colour in named]


def _measured(photo: Photo) -> Mapping[str, float] | None:
    try:
        return colour_shares(decode_rendition(blob_store().get(photo.renditions["thumb"]["digest"])))
    except FileNotFoundError:
        return None


def classified(rows: Matrix, encoder_id: str) -> tuple[str, list[Classified]]:
    """Return who classified, as `classifier_mark` writes it, and what they say of each embedding.

    Nothing is said where the encoder has no classifiers.

    Args:
        rows: shape (n, dim), float32, made by this encoder.

    Raises:
        EngineUnavailable: nobody answers right now.
    """
    if not len(rows):
        return classifier_mark(encoder_id, 0), []
    answer = engine().classify(rows, encoder_id=encoder_id)
    said = [[(tag.head, tag.name, tag.confidence) for tag in tags] for tags in answer.tags]
    return classifier_mark(encoder_id, answer.heads_version), [as_classified(tags, encoder_id) for tags in said]


def classifier_mark(encoder_id: str, heads_version: int) -> str:
    """Return what names an encoder with its classifiers: those that it brought (0), or a version that the shop taught.

    >>> classifier_mark("eye@1", 0), classifier_mark("eye@1", 3)
    ('eye@1', 'eye@1 heads 3')
    """
    return f"{encoder_id} heads {heads_version}" if heads_version else encoder_id


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


def as_classified(tags: Sequence[tuple[str, str, float]], encoder_id: str) -> Classified:
    """Read one photo's answer, given as head, name and confidence; shades of a colour count for that colour."""
    by_head: dict[str, list[SeenTag]] = defaultdict(list)
    colours: dict[str, float] = defaultdict(float)
    for head, name, confidence in sorted(tags, key=lambda tag: -tag[2]):
        plain = name.strip().lower()[:MOST_NAME]
        if head == COLOUR:
            if (colour := colour_named(plain)) in COLOUR_NAMES:
                colours[str(colour)] += confidence
        elif plain and confidence >= LEAST_CONFIDENCE and len(by_head[head]) < MOST_PER_HEAD:
            by_head[head].append(SeenTag(TagName(head, plain), min(1.0, confidence), encoder_id))
    return Classified([seen for kept in by_head.values() for seen in kept], dict(colours))
