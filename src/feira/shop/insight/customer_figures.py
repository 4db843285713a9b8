"""What the shop knows about how each customer behaves, as one table: eight queries, however many customers there are.

Every query is grouped by the database and streamed; a row is found by bisection in the sorted numbers of accounts.
Results that somebody opened are kept under a keyed hash of the account, which is made here for each customer and never
stored. What medians and shares need, one record per liked or opened listing, goes through temporary files by ranges of
customers, so that memory holds one range at a time besides the table and the keys to it, some hundred bytes a customer.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from tempfile import TemporaryFile
from typing import IO, Any

import numpy as np
from django.db.models import Count, Max, Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray

from feira.shop.accounts.models import Account
from feira.shop.feed.models import Like
from feira.shop.feedback.models import Click, Judgement
from feira.shop.feedback.people import visitor_of_account
from feira.shop.listings.models import Listing
from feira.shop.search.models import HistoryPause

DAY_S = 86_400.0
MONTH_DAYS = 365.25 / 12
# How many steps `customers_of` tells about.
STEPS = 8
_AT_ONCE = 10_000
_CUSTOMERS_PER_FILE = 65_536
_INTEREST = np.dtype([("row", "<i4"), ("category", "<i8"), ("price", "<f4")])

Numbers = NDArray[np.int64]
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Figure:
    """One column: its name in files, its label for people, its unit, and whether few have very much of it."""

    name: str
    label: str | Promise
    unit: str
    has_long_tail: bool = True


FIGURES = (
    Figure("recency_days", _("Days since they last did something"), "days"),
    Figure("likes", _("Liked listings"), "count"),
    Figure("likes_per_month", _("Liked listings a month"), "count"),
    Figure("clicks", _("Opened results"), "count"),
    Figure("judgements", _("Judged results"), "count"),
    Figure("published", _("Listings put up for sale"), "count"),
    Figure("sold", _("Listings sold"), "count"),
    Figure("median_price", _("Usual price of what they like or open"), "price"),
    Figure("top_category_share", _("Share of the favourite category"), "share", has_long_tail=False),
    Figure("categories", _("Different categories"), "count"),
    Figure("account_age_days", _("Days since they joined"), "days"),
)
PLACES = {figure.name: place for place, figure in enumerate(FIGURES)}


@dataclass(frozen=True, eq=False)
class Customers:
    """The table.

    Attributes:
        ids: shape (n,): accounts, ascending.
        figures: shape (n, 11), float32, in the order of `FIGURES`; NaN where a price is not known.
        favourites: shape (n,): number of the category that somebody likes and opens most; 0 for none.
    """

    ids: Numbers
    figures: NDArray[np.float32]
    favourites: Numbers

    def active_within(self, days: int) -> "Customers":
        """Leave out those who did nothing for longer."""
        stay = self.column("recency_days") <= days
        return Customers(self.ids[stay], self.figures[stay], self.favourites[stay])

    def column(self, name: str) -> NDArray[np.float32]:
        """Return one figure of everybody, shape (n,)."""
        return self.figures[:, PLACES[name]]


def customer_accounts() -> Any:
    """List the accounts of customers: who may sign in and does not work here."""
    return Account.objects.filter(is_active=True, is_staff=False)


def customers_of(*, now: datetime, currency: str, progress: Callable[[int], None]) -> Customers:
    """Read every customer's figures.

    Whoever has paused their search history is counted without the results they opened.

    Args:
        currency: prices in any other are not compared with these.
        progress: called with the number of steps done, of `STEPS`, and now and then between; may raise to stop.
    """
    found = np.fromiter(
        ((pk, joined.timestamp()) for pk, joined in _rows(customer_accounts().values_list("pk", "date_joined"), "pk")),
        dtype=[("id", "<i8"), ("joined", "<f8")],
    )
    ids, joined = np.ascontiguousarray(found["id"]), np.ascontiguousarray(found["joined"])
    table = np.zeros((len(ids), len(FIGURES)), np.float32)
    last = joined.copy()
    progress(1)

    def place(name: str, rows: Numbers, counts: list[int]) -> None:
        table[rows, PLACES[name]] = counts

    def seen(rows: Numbers, moments: Iterable[datetime | None]) -> None:
        at = np.array([moment.timestamp() if moment else 0.0 for moment in moments])
        last[rows] = np.maximum(last[rows], at)

    by_account = _Places(ids.astype(np.uint64))
    likes = Like.objects.values_list("account_id").annotate(Count("pk"), Max("created_at"))
    for rows, counts, moments in by_account.found_in(_rows(likes)):
        place("likes", rows, counts)
        seen(rows, moments)
    progress(2)
    judged = Judgement.objects.filter(account__isnull=False).values_list("account_id")
    for rows, counts, moments in by_account.found_in(_rows(judged.annotate(Count("pk"), Max("at")))):
        place("judgements", rows, counts)
        seen(rows, moments)
    progress(3)
    offered = Listing.objects.filter(seller__account__isnull=False).values_list("seller__account_id")
    offered = offered.annotate(
        published=Count("pk", filter=Q(published_at__isnull=False)),
        sold=Count("pk", filter=Q(state=Listing.State.SOLD)),
        last=Max("published_at"),
    )
    for rows, published, sold, moments in by_account.found_in(_rows(offered)):
        place("published", rows, published)
        place("sold", rows, sold)
        seen(rows, moments)
    progress(4)
    by_visitor = _Places(_visitor_keys(ids, lambda: progress(4)), read=_key_of)
    clicked = Click.objects.exclude(visitor="")
    for rows, counts, moments in by_visitor.found_in(
        _rows(clicked.values_list("visitor").annotate(Count("pk"), Max("at")))
    ):
        place("clicks", rows, counts)
        seen(rows, moments)
    progress(5)
    with _Interests(len(ids), currency) as interests:
        facts = ("listing__category_id", "listing__price", "listing__currency")
        for rows, *columns in by_account.found_in(_rows(Like.objects.values_list("account_id", *facts))):
            interests.add(rows, *columns)
        progress(6)
        opened = clicked.values_list("visitor", "listing_id", *facts).distinct()
        for rows, _listings, *columns in by_visitor.found_in(_rows(opened)):
            interests.add(rows, *columns)
        progress(7)
        favourites = np.zeros(len(ids), np.int64)
        for first, told in interests.summed():
            part = slice(first, first + len(told.prices))
            table[part, PLACES["median_price"]] = told.prices
            table[part, PLACES["top_category_share"]] = told.shares
            table[part, PLACES["categories"]] = told.categories
            favourites[part] = told.favourites
    age_days = np.maximum(now.timestamp() - joined, 0) / DAY_S
    table[:, PLACES["recency_days"]] = np.maximum(now.timestamp() - last, 0) / DAY_S
    table[:, PLACES["account_age_days"]] = age_days
    table[:, PLACES["likes_per_month"]] = table[:, PLACES["likes"]] / np.maximum(age_days / MONTH_DAYS, 1)
    progress(STEPS)
    return Customers(ids, table, favourites)


class _Places:
    """Finds the rows of many keys at once: keys are sorted once and bisected."""

    def __init__(self, keys: NDArray[np.uint64], *, read: Callable[[Any], int] = int) -> None:
        self._order = np.argsort(keys, kind="stable")
        self._sorted = keys[self._order]
        self._read = read

    def found_in(self, rows: Iterator[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        """Yield, for some rows at a time, the places of their first values and lists of the others.

        Rows whose first value is nobody's here are left out.
        """
        while some := list(islice(rows, _AT_ONCE)):
            keys = np.array([self._read(row[0]) for row in some], np.uint64)
            places = np.searchsorted(self._sorted, keys)
            places[places == len(self._sorted)] = 0
            is_ours = self._sorted[places] == keys if len(self._sorted) else np.zeros(len(keys), np.bool_)
            kept = [row for row, ours in zip(some, is_ours, strict=True) if ours]
            if kept:
                yield self._order[places[is_ours]], *map(list, zip(*(row[1:] for row in kept), strict=True))


@dataclass(frozen=True, eq=False)
class _Told:
    """What the interests of a range of customers come to: each of shape (customers,)."""

    prices: Values
    shares: Values
    categories: Numbers
    favourites: Numbers


class _Interests:
    """Liked and opened listings, kept in temporary files by ranges of customers; closed on leaving."""

    def __init__(self, customers: int, currency: str) -> None:
        self._customers, self._currency = customers, currency
        self._files: dict[int, IO[bytes]] = {}

    def __enter__(self) -> "_Interests":
        return self

    def __exit__(self, *_error: object) -> None:
        for file in self._files.values():
            file.close()

    def add(self, rows: Numbers, categories: list[int], prices: list[Any], currencies: list[str]) -> None:
        """Keep some listings, each with the row of the customer who is interested in it."""
        records = np.empty(len(rows), _INTEREST)
        records["row"], records["category"] = rows, categories
        pairs = zip(prices, currencies, strict=True)
        records["price"] = [float(price) if given == self._currency else np.nan for price, given in pairs]
        numbers = rows // _CUSTOMERS_PER_FILE
        for number in np.unique(numbers).tolist():
            if number not in self._files:
                self._files[number] = TemporaryFile()  # noqa: SIM115 - closed on leaving
            self._files[number].write(records[numbers == number].tobytes())

    def summed(self) -> Iterator[tuple[int, _Told]]:
        """Yield the first row of each range of customers, and what their interests come to."""
        for first in range(0, self._customers, _CUSTOMERS_PER_FILE):
            size = min(_CUSTOMERS_PER_FILE, self._customers - first)
            file = self._files.get(first // _CUSTOMERS_PER_FILE)
            content = b""
            if file is not None:
                file.seek(0)
                content = file.read()
            records = np.frombuffer(content, _INTEREST)
            yield first, _summed(records["row"] - first, records["category"], records["price"], size)


def _summed(rows: NDArray[np.int32], categories: Numbers, prices: NDArray[np.float32], size: int) -> _Told:
    known = np.isfinite(prices)
    order = np.lexsort((prices[known], rows[known]))
    values, counts = prices[known][order].astype(np.float64), np.bincount(rows[known], minlength=size)
    starts, some = counts.cumsum() - counts, counts > 0
    medians = np.full(size, np.nan)
    low, high = starts[some] + (counts[some] - 1) // 2, starts[some] + counts[some] // 2
    medians[some] = (values[low] + values[high]) / 2
    # Each customer's categories, the one with most listings first, of equally many the one with the lower number.
    pairs, times = np.unique(np.stack([rows, categories], axis=1), axis=0, return_counts=True)
    owners = pairs[:, 0]
    ranked = np.lexsort((pairs[:, 1], -times, owners))
    different = np.bincount(owners, minlength=size)
    every = np.bincount(rows, minlength=size)
    favourites, shares = np.zeros(size, np.int64), np.zeros(size)
    any_of = different > 0
    first = ranked[(different.cumsum() - different)[any_of]]
    favourites[any_of] = pairs[first, 1]
    shares[any_of] = times[first] / every[any_of]
    return _Told(medians, shares, different, favourites)


def _rows(query: Any, *order: str) -> Iterator[tuple[Any, ...]]:
    rows: Iterator[tuple[Any, ...]] = query.order_by(*order).iterator(chunk_size=_AT_ONCE)
    return rows


def _visitor_keys(ids: Numbers, breathe: Callable[[], None]) -> NDArray[np.uint64]:
    """Return under which keys the customers' opened results are kept; of who paused their history under none."""
    paused = set(HistoryPause.objects.values_list("account_id", flat=True))
    keys = np.zeros(len(ids), np.uint64)
    for place, account_id in enumerate(ids.tolist()):
        if place % _AT_ONCE == 0:
            breathe()
        if account_id not in paused:
            keys[place] = _key_of(visitor_of_account(account_id))
    return keys


def _key_of(visitor: str) -> int:
    """Return the first half of a visitor's hash: of a million customers and guests no two share 64 bits.

    What is no hash is nobody's: 1, as 0 is the key of those without one.
    """
    try:
        return int(visitor[:16], 16) or 1
    except ValueError:
        return 1
