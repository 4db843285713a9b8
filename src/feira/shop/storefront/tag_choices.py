"""The tags on the sell page: what a listing has and what its photos suggest, each to be kept or dropped."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import QueryDict

from feira.shop.listings.models import Listing, ListingTag
from feira.shop.listings.seeing import SeenTag
from feira.shop.listings.tags import TagName, label_of, tag_name

_MOST_READ = 100


@dataclass(frozen=True, slots=True)
class TagChoice:
    """A tag with a box before it; `source` says who gave it, `is_dropped` whether the box is empty."""

    tag: TagName
    source: str
    is_dropped: bool = False

    @property
    def key(self) -> str:
        """The tag as a value of the form."""
        return self.tag.key

    @property
    def group(self) -> str:
        """What kind of tag it is."""
        return self.tag.group

    @property
    def name(self) -> str:
        """The tag itself."""
        return self.tag.name

    @property
    def label(self) -> str:
        """The tag as people read it."""
        return label_of(self.tag)


@dataclass(frozen=True, slots=True)
class TagsPosted:
    """What a seller did: `wanted` were ticked or typed, `shown` is what stood there to be ticked."""

    wanted: tuple[TagName, ...]
    shown: tuple[TagName, ...]


def tags_posted(posted: QueryDict, typed: str) -> TagsPosted:
    """Read the boxes of the form, and the tags that were typed with commas between them."""
    shown, ticked = _named(posted.getlist("tags_shown")), _named(posted.getlist("tags"))
    added = (tag_name(text) for text in typed.split(",")[:_MOST_READ])
    return TagsPosted((*ticked, *(tag for tag in added if tag)), shown)


def _named(keys: Sequence[str]) -> tuple[TagName, ...]:
    return tuple(tag for key in keys[:_MOST_READ] if (tag := TagName.from_key(key)))


def choices_of(listing: Listing, posted: TagsPosted | None = None) -> list[TagChoice]:
    """Return the tags that a listing has; the boxes are as they were posted, if they were."""
    rows = [(TagName(row.group, row.name), row.source) for row in listing.tags.filter(removed_at__isnull=True)]
    return [_choice(tag, source, posted) for tag, source in rows]


def choices_suggested(
    seen: Sequence[SeenTag], listing: Listing | None, posted: TagsPosted | None = None
) -> list[TagChoice]:
    """Return the tags that the machine suggests, without those that the listing has or its seller once dropped."""
    known = {TagName(row.group, row.name) for row in listing.tags.all()} if listing is not None else set()
    return [_choice(one.tag, ListingTag.Source.MACHINE, posted) for one in seen if one.tag not in known]


def _choice(tag: TagName, source: str, posted: TagsPosted | None) -> TagChoice:
    is_dropped = posted is not None and tag in posted.shown and tag not in posted.wanted
    return TagChoice(tag, source, is_dropped=is_dropped)
