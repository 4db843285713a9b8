"""Giving tags to listings: the machine from their photos, sellers and imports in words; people always win."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from feira.core.errors import EngineUnavailable
from feira.core.images.colour_words import colour_named
from feira.core.images.colours import COLOURS_VERSION
from feira.shop.jobs import services as jobs
from feira.shop.jobs.selectors import unfinished_of_kind
from feira.shop.listings.models import Listing, ListingAttribute, ListingPhoto, ListingTag
from feira.shop.listings.seeing import MOST_PHOTOS, Classified, SeenTag, classified, classifier_mark, seen_in
from feira.shop.listings.services import InvalidListing
from feira.shop.listings.tags import CATEGORY, COLOUR, COLOUR_CODES, MOST_TAGS, TagName, searchable_text, tag_name
from feira.shop.photos.engine import engine
from feira.shop.photos.models import Embedding, Photo
from feira.shop.photos.selectors import embeddings_of

TAG_BATCH = 32
# A new listing's photos are about to be embedded; tagging it before that would be half the work done twice.
SETTLED = timedelta(seconds=20)
STATED = "stated"

Source = ListingTag.Source


def tag_listings(listing_ids: Sequence[int]) -> int:
    """Let the machine look at the photos of these listings and write what it sees; return how many were looked at.

    What people said stays: their tags are not touched, and what they took off does not come back. Colours need no
    engine; while it is away, or has not seen the photos, the rest is left for later.
    """
    photos = _photos_of(listing_ids)
    classifier, classes = _classes_of([photo for several in photos.values() for photo in several])
    seen: dict[int, list[SeenTag]] = {}
    made_by: dict[int, str] = {}
    for listing_id, several in photos.items():
        said = [classes[photo.pk] for photo in several if photo.pk in classes]
        seen[listing_id] = seen_in(several, said)
        is_complete = bool(classifier) and len(said) == len(several)
        made_by[listing_id] = f"{COLOURS_VERSION} {classifier}" if is_complete else COLOURS_VERSION
    keep_seen(seen, made_by=made_by)
    return len(photos)


def _photos_of(listing_ids: Sequence[int]) -> dict[int, list[Photo]]:
    placed = ListingPhoto.objects.filter(listing_id__in=listing_ids).select_related("photo")
    photos: dict[int, list[Photo]] = defaultdict(list)
    for place in placed.order_by("listing_id", "position", "pk"):
        if len(photos[place.listing_id]) < MOST_PHOTOS:
            photos[place.listing_id].append(place.photo)
    return photos


def _classes_of(photos: Sequence[Photo]) -> tuple[str, dict[int, Classified]]:
    """Return who classifies and what they see in each photo that is embedded; ("", {}) when the engine is away."""
    try:
        encoder_id = engine().status().encoder_id
        photo_ids, rows = embeddings_of([photo.pk for photo in photos], encoder_id)
        classifier, said = classified(rows, encoder_id)
        return classifier, dict(zip(photo_ids, said, strict=True))
    except EngineUnavailable:
        return "", {}


@transaction.atomic
def keep_seen(seen: Mapping[int, Sequence[SeenTag]], *, made_by: Mapping[int, str]) -> None:
    """Replace the machine's tags of these listings, in a few queries for all of them.

    A colour that the seller states as an attribute takes the place of the colours that the machine sees, and a category
    is a tag only where the photo looks like another than the listing's own.
    """
    list(Listing.objects.select_for_update().filter(pk__in=seen).order_by("pk").values_list("pk"))
    stated = _stated_colours(list(seen))
    own = _own_categories(seen)
    known: dict[int, dict[TagName, ListingTag]] = defaultdict(dict)
    for row in ListingTag.objects.filter(listing_id__in=seen):
        known[row.listing_id][TagName(row.group, row.name)] = row
    gone: list[int] = []
    changed: list[ListingTag] = []
    added: list[ListingTag] = []
    texts: dict[int, str] = {}
    for listing_id, tags in seen.items():
        wanted = _wanted(listing_id, [one for one in tags if one.tag != own.get(listing_id)], stated.get(listing_id))
        here = known[listing_id]
        for tag, row in here.items():
            if row.removed_at is None and (row.source == Source.MACHINE or row.made_by == STATED):
                if (new := wanted.get(tag)) is None:
                    gone.append(row.pk)
                elif (row.confidence, row.made_by, row.source) != (new.confidence, new.made_by, new.source):
                    row.confidence, row.made_by, row.source = new.confidence, new.made_by, new.source
                    changed.append(row)
        added += [row for tag, row in wanted.items() if tag not in here]
        said = {tag for tag, row in here.items() if row.removed_at is None and row.pk not in gone}
        texts[listing_id] = searchable_text(said | {tag for tag in wanted if tag not in here})
    ListingTag.objects.filter(pk__in=gone).delete()
    ListingTag.objects.bulk_update(changed, ["confidence", "made_by", "source"])
    ListingTag.objects.bulk_create(added)
    for listing_id, text in texts.items():
        # Not by `save`: nobody has changed the listing.
        Listing.objects.filter(pk=listing_id).update(tags_text=text, tags_made_by=made_by[listing_id])


def _wanted(listing_id: int, tags: Iterable[SeenTag], stated: str | None) -> dict[TagName, ListingTag]:
    wanted = {
        seen.tag: _row(
            listing_id,
            seen.tag,
            confidence=min(1.0, seen.confidence),
            source=Source.MACHINE,
            made_by=seen.made_by[:120],
        )
        for seen in tags
        if not (stated and seen.tag.group == COLOUR)
    }
    if stated:
        tag = TagName(COLOUR, stated)
        wanted[tag] = _row(listing_id, tag, source=Source.SELLER, made_by=STATED)
    return wanted


def _stated_colours(listing_ids: Sequence[int]) -> dict[int, str]:
    values = ListingAttribute.objects.filter(listing_id__in=listing_ids, attribute__code__in=COLOUR_CODES)
    rows = values.values_list("listing_id", "choice__value", "text")
    named = {listing_id: colour_named(choice or text) for listing_id, choice, text in rows}
    return {listing_id: colour for listing_id, colour in named.items() if colour}


def _own_categories(seen: Mapping[int, Sequence[SeenTag]]) -> dict[int, TagName]:
    """Return as tags the categories of the listings for which one is seen; no query where none is."""
    ids = [listing_id for listing_id, tags in seen.items() if any(one.tag.group == CATEGORY for one in tags)]
    if not ids:
        return {}
    rows = Listing.objects.filter(pk__in=ids).values_list("pk", "category__name")
    named = {listing_id: tag_name(name, group=CATEGORY) for listing_id, name in rows}
    return {listing_id: tag for listing_id, tag in named.items() if tag is not None}


@transaction.atomic
def set_tags(*, listing: Listing, wanted: Iterable[TagName], shown: Iterable[TagName] | None = None) -> None:
    """Let a listing have these tags and no others: new ones are its seller's, the others are taken off for good.

    Args:
        shown: the tags that the seller had before their eyes: only of these can one have been taken off. Of those
            that were merely suggested, the ones left out will never be given, and the others the machine gives itself.
            None stands for all that the listing has.

    Raises:
        InvalidListing: that are too many; nothing is changed.
    """
    names = set(wanted)
    if len(names) > MOST_TAGS:
        raise InvalidListing(_("A listing has at most %(most)s tags.") % {"most": MOST_TAGS}, field="tags")
    known = {TagName(row.group, row.name): row for row in listing.tags.select_for_update().order_by("pk")}
    judged = set(known if shown is None else shown)
    now = timezone.now()
    changed = []
    for tag, row in known.items():
        if row.removed_at is None and tag in judged - names:
            row.removed_at = now
        elif row.removed_at is not None and tag in names:
            # Put back by hand, it is the seller's word.
            row.removed_at, row.source, row.confidence, row.made_by = None, Source.SELLER, 1.0, ""
        else:
            continue
        changed.append(row)
    ListingTag.objects.bulk_update(changed, ["removed_at", "source", "confidence", "made_by"])
    refused, new = judged - names - known.keys(), names - judged - known.keys()
    ListingTag.objects.bulk_create(
        [
            *(_row(listing.pk, tag, source=Source.MACHINE, removed_at=now) for tag in sorted(refused)[:MOST_TAGS]),
            *(_row(listing.pk, tag, source=Source.SELLER) for tag in sorted(new)),
        ]
    )
    in_use = {tag for tag, row in known.items() if row.removed_at is None}
    listing.tags_text = searchable_text(in_use | new)
    listing.save(update_fields=["tags_text", "updated_at"])


def _row(listing_id: int, tag: TagName, **facts: Any) -> ListingTag:
    return ListingTag(listing_id=listing_id, group=tag.group, name=tag.name, **facts)


def ask_for_tags(listing_ids: Sequence[int]) -> None:
    """Submit the jobs that let the machine look at these listings."""
    for start in range(0, len(listing_ids), TAG_BATCH):
        jobs.submit("listings.tag", {"listing_ids": list(listing_ids[start : start + TAG_BATCH])})


def listings_lacking_tags(*, settled_before: datetime, encoder_id: str, most: int, heads_version: int = 0) -> list[int]:
    """Return live listings whose photos nobody looked at, or only an earlier measure or classifier; at most `most`.

    Args:
        encoder_id: the live encoder; empty while nobody knows it, when only colours can be missing.
        heads_version: of the classifiers that the shop taught and the engine uses; 0 for those of the encoder.
    """
    current = f"{COLOURS_VERSION} {classifier_mark(encoder_id, heads_version)}" if encoder_id else COLOURS_VERSION
    lacking = Q(tags_made_by__lt=current) | Q(tags_made_by__gt=current)
    found = Listing.objects.filter(lacking, state=Listing.State.LIVE, updated_at__lt=settled_before)
    if encoder_id:
        # What waits for its embedding was looked at for colours already and is looked at again when that is there.
        embedded = Embedding.objects.filter(photo_id=OuterRef("cover_id"), encoder_id=encoder_id)
        found = found.filter(~Q(tags_made_by=COLOURS_VERSION) | Exists(embedded))
    else:
        found = found.exclude(tags_made_by__startswith=f"{COLOURS_VERSION} ")
    return list(found.order_by("pk").values_list("pk", flat=True)[:most])


def tag_what_lacks_tags(*, now: datetime | None = None, most: int = 4096) -> int:
    """Ask for the tags that are missing or outdated, as after a change of encoder or of its classifiers.

    Returns for how many listings.

    Nothing is asked for while earlier requests are still under way: the next call goes on where those end.
    """
    if unfinished_of_kind("listings.tag"):
        return 0
    encoder_id, heads_version = _classifier_now()
    settled_before = (now or timezone.now()) - SETTLED
    lacking = listings_lacking_tags(
        settled_before=settled_before, encoder_id=encoder_id, most=most, heads_version=heads_version
    )
    ask_for_tags(lacking)
    return len(lacking)


def _classifier_now() -> tuple[str, int]:
    """Return the live encoder and the version of its heads as the engine has them, ("", 0) while it is away.

    Not as the database has them: an engine that is about to follow would say again what it said before.
    """
    try:
        status = engine().status()
    except EngineUnavailable:
        return "", 0
    live = next((served for served in status.encoders if served.encoder_id == status.encoder_id), None)
    return status.encoder_id, live.heads_version if live is not None else 0
