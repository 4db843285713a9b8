"""Imports: a source becomes rows, rows become listings, each row once whatever is killed in between."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import islice
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction
from django.db.models import Count

from feira.core.errors import FeiraError
from feira.core.images.prepared import PreparedPhoto
from feira.settings import load_settings
from feira.shop.accounts.models import Seller
from feira.shop.accounts.services import create_seller
from feira.shop.jobs import services as jobs
from feira.shop.jobs.models import Job
from feira.shop.listings.models import Attribute, Category, ImportRow, ImportRun, Listing, ListingTag
from feira.shop.listings.photo_sources import read_photo_bytes
from feira.shop.listings.records import Record
from feira.shop.listings.services import (
    CheckedListing,
    InvalidListing,
    ListingFacts,
    category_at,
    check_listing,
    ensure_attribute,
    ensure_choice,
    open_listings,
)
from feira.shop.listings.tags import MOST_TAGS, TagName, searchable_text, tag_name
from feira.shop.photos import services as photos

ROWS_PER_JOB = 16
ROWS_PER_INSERT = 500


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """How far an import is."""

    total: int
    done: int
    refused: int

    @property
    def waiting(self) -> int:
        """Rows that no worker has finished yet."""
        return self.total - self.done - self.refused


def start_import(
    *,
    source: str,
    records: Iterable[Record],
    seller_name: str,
    parent: Job | None = None,
    requested_by: int | None = None,
) -> ImportRun:
    """Write down every record of a source and submit the jobs that import them.

    A source that was imported before goes on: rows that are done are left as they are, refused ones are tried again
    with what the source says now, new ones are added.

    Args:
        parent, requested_by: the job that imports, and who asked for it, where somebody did on a page.
    """
    run, _made = ImportRun.objects.get_or_create(source=source[:500], defaults={"seller": seller_named(seller_name)})
    iterator = iter(records)
    while batch := list(islice(iterator, ROWS_PER_INSERT)):
        rows = [ImportRow(run=run, key=record.key[:300], record=record.fields) for record in batch]
        with transaction.atomic():
            ImportRow.objects.bulk_create(rows, ignore_conflicts=True)
            _try_refused_again(run, {row.key: row.record for row in rows})
    with transaction.atomic():
        run.total = run.rows.count()
        run.save(update_fields=["total"])
        waiting = list(run.rows.filter(state=ImportRow.State.WAITING).order_by("pk").values_list("pk", flat=True))
        for start in range(0, len(waiting), ROWS_PER_JOB):
            row_ids = waiting[start : start + ROWS_PER_JOB]
            # The key keeps a second start of the same import from doing the same rows beside the first.
            key = f"import:{run.pk}:{row_ids[0]}"
            jobs.submit("listings.import_rows", {"row_ids": row_ids}, key=key, parent=parent, requested_by=requested_by)
    return run


def _try_refused_again(run: ImportRun, records: Mapping[str, Any]) -> None:
    refused = list(run.rows.filter(state=ImportRow.State.REFUSED, key__in=list(records)))
    for row in refused:
        row.state, row.reason, row.record = ImportRow.State.WAITING, "", records[row.key]
    ImportRow.objects.bulk_update(refused, ["state", "reason", "record"])


def import_progress(run: ImportRun) -> ImportProgress:
    """Count the rows of an import by what became of them."""
    counts = dict(run.rows.values_list("state").annotate(count=Count("pk")).order_by())
    return ImportProgress(
        total=sum(counts.values()),
        done=counts.get(ImportRow.State.DONE, 0),
        refused=counts.get(ImportRow.State.REFUSED, 0),
    )


def refused_rows(run: ImportRun) -> list[tuple[str, str]]:
    """List the keys that were refused and why."""
    return list(run.rows.filter(state=ImportRow.State.REFUSED).order_by("pk").values_list("key", "reason"))


@dataclass(frozen=True, slots=True)
class _ReadRow:
    """A row whose photos were read and whose bytes are stored, or the reason why they could not be."""

    row: ImportRow
    photos: list[PreparedPhoto]
    refusal: str = ""


def read_rows(row_ids: Sequence[int]) -> list[_ReadRow]:
    """Read the photos of the rows that still wait: the slow part, outside any transaction."""
    waiting = ImportRow.objects.filter(pk__in=row_ids, state=ImportRow.State.WAITING).select_related("run__seller")
    return [_read_row(row) for row in waiting.order_by("pk")]


def _read_row(row: ImportRow) -> _ReadRow:
    read = []
    try:
        for reference in row.record.get("photos", []):
            content = read_photo_bytes(reference)
            read.append((photos.prepare_photo(content), content))
    except FeiraError as refusal:
        return _ReadRow(row, [], refusal.message)
    if not read:
        return _ReadRow(row, [], "The record names no photo.")
    # Files are written here, because SQLite has one writer and a transaction should not wait for a disk.
    for prepared, content in read:
        photos.store_bytes(prepared, content=content)
    return _ReadRow(row, [prepared for prepared, _content in read])


def keep_rows(read: Sequence[_ReadRow]) -> None:
    """Make the listings of rows that were read, in the caller's transaction; a refused row leaves only its reason."""
    row_ids = [item.row.pk for item in read]
    locked = ImportRow.objects.select_for_update().filter(pk__in=row_ids, state=ImportRow.State.WAITING)
    still_waiting = set(locked.values_list("pk", flat=True))
    known = Known()
    accepted: list[tuple[_ReadRow, CheckedListing]] = []
    for item in read:
        if item.row.pk not in still_waiting:
            continue
        reason = item.refusal
        if not reason:
            try:
                with transaction.atomic():
                    accepted.append((item, _checked(item, known)))
            except FeiraError as refusal:
                # What the row had made is rolled back, so it is not known any more.
                reason, known = refusal.message, Known()
        if reason:
            item.row.state, item.row.reason = ImportRow.State.REFUSED, reason
            item.row.save(update_fields=["state", "reason"])
    _open(accepted)


def _checked(item: _ReadRow, known: "Known") -> CheckedListing:
    record = item.row.record
    named = record.get("seller")
    seller = known.seller(str(named)) if named else item.row.run.seller
    checked = check_listing(seller=seller, facts=facts_from(record, known), photo_count=len(item.photos))
    checked.listing.reference = str(record.get("reference", ""))[:300]
    checked.listing.picture_name = picture_name(str(record["photos"][0]))
    checked.listing.tags_text = searchable_text(_tags_from(record))
    return checked


def picture_name(reference: str) -> str:
    """Return the name of a file or address without folders and ending, as others may call the picture.

    >>> picture_name("/stickers/noto/emoji_u1f600.png"), picture_name("https://example.org/a/1f600.png?size=2")
    ('emoji_u1f600', '1f600')
    """
    return PurePosixPath(urlsplit(reference).path.replace("\\", "/")).stem[:150]


def _tags_from(record: Mapping[str, Any]) -> list[TagName]:
    names = (tag_name(str(text)) for text in record.get("tags", []))
    return list(dict.fromkeys(tag for tag in names if tag))[:MOST_TAGS]


def _open(accepted: Sequence[tuple[_ReadRow, CheckedListing]]) -> None:
    added = photos.add_photos([photo for item, _checked in accepted for photo in item.photos], owner=None)
    rest = iter(added)
    listings = open_listings([(checked, list(islice(rest, len(item.photos)))) for item, checked in accepted])
    ListingTag.objects.bulk_create(
        [
            ListingTag(listing=listing, group=tag.group, name=tag.name, source=ListingTag.Source.IMPORT)
            for (item, _checked), listing in zip(accepted, listings, strict=True)
            for tag in _tags_from(item.row.record)
        ]
    )
    rows = [item.row for item, _checked in accepted]
    for row, listing in zip(rows, listings, strict=True):
        row.state, row.listing = ImportRow.State.DONE, listing
    ImportRow.objects.bulk_update(rows, ["state", "listing"])
    photos.ask_for_embeddings([photo.pk for photo in added])


class Known:
    """What rows have in common, looked up or made once: sellers, categories, attributes and their choices.

    An operator's import may extend the catalogue.
    """

    def __init__(self) -> None:
        self._sellers: dict[str, Seller] = {}
        self._categories: dict[tuple[str, ...], Category] = {}
        self._attributes: dict[tuple[int, str], Attribute] = {}
        self._choices: set[tuple[int, str]] = set()

    def seller(self, name: str) -> Seller:
        """Return the seller of this name, making it if need be."""
        if name not in self._sellers:
            self._sellers[name] = seller_named(name)
        return self._sellers[name]

    def category(self, names: tuple[str, ...]) -> Category:
        """Return the category under these names, making what is missing."""
        if names not in self._categories:
            self._categories[names] = category_at(names)
        return self._categories[names]

    def attributes(self, values: Mapping[str, str], category: Category) -> dict[str, str]:
        """Return the values, having made the attributes and choices that they need."""
        for code, value in values.items():
            attribute = self._attributes.get((category.pk, code))
            if attribute is None:
                attribute = ensure_attribute(code=code, kind=Attribute.Kind.CHOICE, category=category)
                self._attributes[category.pk, code] = attribute
            if attribute.kind == Attribute.Kind.CHOICE and (attribute.pk, value) not in self._choices:
                ensure_choice(attribute=attribute, value=value)
                self._choices.add((attribute.pk, value))
        return dict(values)


def facts_from(record: Mapping[str, Any], known: Known) -> ListingFacts:
    """Return what a record says about a listing, having made the category, attributes and choices that it names.

    Raises:
        InvalidListing: price or stock is no number, or below zero.
    """
    category = known.category(tuple(str(name) for name in record.get("category", [])) or ("Other",))
    try:
        price = Decimal(str(record.get("price", "")))
        stock = int(record.get("stock", 1))
    except (InvalidOperation, ValueError) as error:
        raise InvalidListing(
            "Give a price as a plain number, such as 12.50, and stock as a whole one.", field="price"
        ) from error
    if not price.is_finite() or stock < 0:
        raise InvalidListing("Price and stock must be zero or more.", field="price")
    return ListingFacts(
        title=str(record.get("title", "")),
        description=str(record.get("description", "")),
        category=category,
        price=price,
        currency=str(record.get("currency", load_settings().currency)),
        condition=str(record.get("condition", Listing.Condition.GOOD)),
        stock=stock,
        attributes=known.attributes(record.get("attributes", {}), category),
    )


def seller_named(name: str) -> Seller:
    """Return the seller of this name that is nobody's account, making it if need be.

    Imports that begin at once agree on one. On SQLite they look one after the other. On PostgreSQL the slower one
    either makes the same slug, which is refused, or finds the slug taken and then sees the other's seller as well.
    """
    try:
        with transaction.atomic():
            return _known_seller(name) or _made_or_older(name)
    except IntegrityError:
        return _known_seller(name) or create_seller(name=name[:80])


def _made_or_older(name: str) -> Seller:
    made = create_seller(name=name[:80])
    oldest = _known_seller(name) or made
    if oldest != made:
        made.delete()
    return oldest


def _known_seller(name: str) -> Seller | None:
    return Seller.objects.filter(name=name[:80], account=None).order_by("pk").first()
