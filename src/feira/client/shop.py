"""The shop as an object: `Client("http://127.0.0.1:8000").search("red shoes")`."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, TypedDict, Unpack

from feira.client.datasets import DataSets
from feira.client.jobs import Jobs
from feira.client.part import Part
from feira.client.records import (
    Card,
    CardPage,
    Category,
    Facet,
    IssuedToken,
    Listing,
    Me,
    OwnPhoto,
    Recommended,
    Result,
    SearchPage,
    Taste,
    Token,
)
from feira.client.transport import Transport, new_key

PAGE_SIZE = 100


class Filters(TypedDict, total=False):
    """What listings must be to be listed or found.

    `condition`, `colour` and the values of `attributes` may be one text or several, which are alternatives. `sort` is
    one of newest, cheapest, dearest; for a search also relevance.
    """

    category: str
    seller: str
    condition: str | Sequence[str]
    min_price: Decimal | str
    max_price: Decimal | str
    colour: str | Sequence[str]
    attributes: Mapping[str, str | Sequence[str]]
    sort: str


class Wishes(Filters, total=False):
    """What a search may ask for besides words and a photo.

    Attributes:
        crop: the part of the photo that counts: left, top, width and height as fractions of it.
        more_like, less_like: numbers of listings whose looks are nearer to what is meant, and farther from it.
        but: what is to be different from the photo, as in "red, without pattern, cheaper".
        without: words for what the photo shows and the results should not.
        cheaper: cost less than the listing whose looks are asked for.
        balance: how much the photo counts against the words, from 0 (only the words) to 100 (only the photo).
        strict: correct and pass over nothing, and leave out what only looks like the words.
        explain: tell each result's score and parts.
    """

    crop: tuple[float, float, float, float]
    more_like: Sequence[int]
    less_like: Sequence[int]
    but: str
    without: str
    cheaper: bool
    balance: int
    strict: bool
    explain: bool


class ListingChanges(TypedDict, total=False):
    """What may be changed about a listing; an attribute set to None is taken off."""

    title: str
    description: str
    category: str
    price: Decimal | str
    currency: str
    condition: str
    stock: int
    attributes: Mapping[str, str | None]


class _Cards(Part):
    """A group of requests of which some answer with pages of cards."""

    def _cards(self, path: str, query: Mapping[str, Any]) -> Iterator[Card]:
        """Read pages as they are needed."""
        after: str | None = None
        while True:
            page = self._read(CardPage, self._transport.ask("GET", path, query={**query, "after": after}))
            yield from page.results
            after = page.next_cursor
            if after is None:
                return


class Listings(_Cards):
    """Listings: everything for sale, and one's own."""

    def list(self, **filters: Unpack[Filters]) -> Iterator[Card]:
        """Yield what is for sale; pages are read as they are needed."""
        return self._cards("listings/", {**_query(filters), "limit": PAGE_SIZE})

    def facets(self, **filters: Unpack[Filters]) -> tuple[Facet, ...]:
        """Return how many listings each further choice would leave."""
        body = self._transport.ask("GET", "listings/", query={**_query(filters), "limit": 1, "facets": "1"})
        return self._read_all(Facet, body, under="facets")

    def mine(self, state: str | None = None) -> Iterator[Card]:
        """Yield one's own listings in every state, or in one, the last posted first."""
        return self._cards("me/listings/", {"state": state, "limit": PAGE_SIZE})

    def get(self, listing_id: int) -> Listing:
        """Return one listing in full."""
        return self._listing("GET", f"listings/{listing_id}/")

    def create(
        self,
        *,
        title: str,
        category: str,
        price: Decimal | str,
        photos: Sequence[int] = (),
        publish: bool = False,
        key: str | None = None,
        **facts: Unpack["_FurtherFacts"],
    ) -> Listing:
        """Post a listing with photos that were sent before; without `publish` it stays a draft.

        Args:
            category: a path, as in `clothing/shoes`.
            price: never a float, which could not say what was meant.
            key: your own unique name for this listing; given again within a day, nothing is posted twice.
        """
        body = {**facts, "title": title, "category": category, "price": str(price)}
        body |= {"photos": [*photos], "publish": publish}
        return self._listing("POST", "listings/", json=body, key=key or new_key())

    def update(self, listing_id: int, **changes: Unpack[ListingChanges]) -> Listing:
        """Change what is given and leave the rest."""
        body: dict[str, Any] = {**changes}
        if "price" in body:
            body["price"] = str(body["price"])
        return self._listing("PATCH", f"listings/{listing_id}/", json=body)

    def order_photos(self, listing_id: int, photos: Sequence[int], *, alt: Mapping[int, str] | None = None) -> Listing:
        """Place exactly these photos on the listing, the first as its cover; `alt` says in words what they show."""
        said = alt or {}
        places = [{"id": photo, **({"alt": said[photo]} if photo in said else {})} for photo in photos]
        return self._listing("PATCH", f"listings/{listing_id}/photos/", json={"photos": places})

    def publish(self, listing_id: int) -> Listing:
        """Show a draft or archived listing to everybody."""
        return self._listing("POST", f"listings/{listing_id}/publish/")

    def mark_sold(self, listing_id: int) -> Listing:
        """Take a live listing out of search; its page stays, saying that it is gone."""
        return self._listing("POST", f"listings/{listing_id}/sold/")

    def archive(self, listing_id: int) -> None:
        """Take a listing down; it can be published again."""
        self._transport.ask("DELETE", f"listings/{listing_id}/")

    def like(self, listing_id: int) -> None:
        """Set one's heart on a listing."""
        self._transport.ask("PUT", f"listings/{listing_id}/like/")

    def unlike(self, listing_id: int) -> None:
        """Clear one's heart from a listing."""
        self._transport.ask("DELETE", f"listings/{listing_id}/like/")

    def liked(self) -> Iterator[Card]:
        """Yield what one likes, the last liked first."""
        return self._cards("me/likes/", {})

    def recommended(self, *, count: int = 24) -> tuple[Recommended, ...]:
        """Return what is recommended to oneself by what one liked and opened, each with its reason; at most 24."""
        body = self._transport.ask("GET", "me/recommendations/", query={"count": count})
        return self._read_all(Recommended, body)

    def _listing(self, method: str, path: str, **content: Any) -> Listing:
        return self._read(Listing, self._transport.ask(method, path, **content))


class _FurtherFacts(TypedDict, total=False):
    description: str
    currency: str
    condition: str
    stock: int
    attributes: Mapping[str, str | None]


class Photos(Part):
    """One's own photos."""

    def upload(self, photo: bytes | Path | str, *, key: str | None = None) -> OwnPhoto:
        """Send a photo, by its bytes or its path.

        Raises:
            Invalid: it is no photo that the shop takes; `facts["reason"]` says why.
        """
        body = self._transport.ask("POST", "photos/", photo=_bytes_of(photo), key=key or new_key())
        return self._read(OwnPhoto, body)

    def get(self, photo_id: int) -> OwnPhoto:
        """Return an own photo."""
        return self._read(OwnPhoto, self._transport.ask("GET", f"photos/{photo_id}/"))


class Tokens(Part):
    """One's own tokens."""

    def list(self) -> tuple[Token, ...]:
        """Return what is known of the tokens, never their secrets."""
        return self._read_all(Token, self._transport.ask("GET", "me/tokens/"))

    def create(self, name: str) -> IssuedToken:
        """Make a token; its secret is told this one time."""
        return self._read(IssuedToken, self._transport.ask("POST", "me/tokens/", json={"name": name}))

    def revoke(self, token_id: int) -> None:
        """Make a token useless."""
        self._transport.ask("DELETE", f"me/tokens/{token_id}/")


class OwnTaste(Part):
    """What the shop knows of one's taste, and what one says about that."""

    def get(self) -> Taste:
        """Return what is known."""
        return self._read(Taste, self._transport.ask("GET", "me/taste/"))

    def want(self, is_wanted: bool) -> Taste:
        """Have one's taste followed, or no longer; then nothing of it is kept."""
        return self._read(Taste, self._transport.ask("PATCH", "me/taste/", json={"is_wanted": is_wanted}))

    def forget(self) -> None:
        """Have it forgotten; what one likes from now on builds it anew."""
        self._transport.ask("DELETE", "me/taste/")


class SearchResults(Part):
    """What a search found: its first page is there, further ones are read as they are iterated over.

    Attributes:
        total: how many were found; with a photo, the most similar ones that are ordered.
        did_you_mean: what was searched for in place of words that nobody used.
        is_photo_unanswered: whether photos could not be compared right now, so that the rest of the query decided.
        is_looks_unanswered: the same, also for what the words look like.
        relaxed: what was passed over because nothing answers the whole query; None when nothing was.
        facets: how many listings each further choice would leave.
    """

    def __init__(self, transport: Transport, first: Any, query: Mapping[str, Any]) -> None:
        super().__init__(transport)
        self._first = page = self._read(SearchPage, first)
        # A photo that was sent along has a number now, under which further pages compare with it.
        self._query = {**query, "photo": page.photo, "facets": None}
        self.total, self.did_you_mean, self.is_photo_unanswered = page.total, page.did_you_mean, page.photo_unanswered
        self.is_looks_unanswered, self.relaxed = page.looks_unanswered, page.relaxed
        self.facets = self._read_all(Facet, first, under="facets") if query.get("facets") else ()

    def __iter__(self) -> Iterator[Result]:
        page = self._first
        while True:
            yield from page.results
            if page.next_cursor is None:
                return
            query = {**self._query, "after": page.next_cursor}
            page = self._read(SearchPage, self._transport.ask("GET", "search/", query=query))


class Client(Part):
    """A shop's public API. Use it in a `with` block, or close it; it may be shared by threads.

    Every method raises a `FeiraApiError`: see `feira.client.errors`.
    """

    def __init__(self, url: str, token: str | None = None, timeout_s: float = 30.0) -> None:
        super().__init__(Transport(url, token=token, timeout_s=timeout_s))
        self.listings = Listings(self._transport)
        self.photos = Photos(self._transport)
        self.tokens = Tokens(self._transport)
        self.taste = OwnTaste(self._transport)
        self.datasets = DataSets(self._transport)
        self.jobs = Jobs(self._transport)

    @classmethod
    def sign_in(cls, url: str, email: str, password: str, *, name: str = "API", timeout_s: float = 30.0) -> "Client":
        """Make a token for this program and return a client that uses it.

        Raises:
            NotSignedIn: address and password do not belong together.
        """
        with cls(url, timeout_s=timeout_s) as guest:
            given = {"email": email, "password": password, "name": name}
            issued = guest._read(IssuedToken, guest._transport.ask("POST", "tokens/", json=given))
        return cls(url, issued.token, timeout_s)

    def search(
        self,
        words: str | None = None,
        *,
        photo: int | bytes | Path | None = None,
        like: int | None = None,
        facets: bool = False,
        **wishes: Unpack[Wishes],
    ) -> SearchResults:
        """Find listings by words, by a photo, by a listing that they should look like, or by all of these.

        Wishes further than that are told in `Wishes`, as in `search(like=7, but="red, cheaper", explain=True)`.

        Args:
            photo: bytes or path of any photo, or the number of an own or published one.
            like: number of a listing.
        """
        query = {**_wishes(wishes), "q": words, "listing": like, "limit": PAGE_SIZE, "facets": "1" if facets else None}
        if photo is None or isinstance(photo, int):
            query["photo"] = photo
            first = self._transport.ask("GET", "search/", query=query)
        else:
            form = {name: value for name, value in query.items() if value is not None and name != "listing"}
            first = self._transport.ask("POST", "search/photo/", form=form, photo=_bytes_of(photo))
        return SearchResults(self._transport, first, query)

    def similar(self, listing_id: int, *, count: int = 12) -> tuple[Card, ...]:
        """Return what looks like a listing, the most similar first."""
        return self._read_all(
            Card, self._transport.ask("GET", f"listings/{listing_id}/similar/", query={"count": count})
        )

    def categories(self) -> tuple[Category, ...]:
        """Return the roots of the tree of categories."""
        return self._read_all(Category, self._transport.ask("GET", "categories/"))

    def me(self) -> Me:
        """Return the account that the token stands for."""
        return self._read(Me, self._transport.ask("GET", "me/"))

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()


def _query(filters: Filters) -> dict[str, Any]:
    query: dict[str, Any] = {**filters}
    attributes = query.pop("attributes", {})
    query |= {f"attr_{code}": value for code, value in attributes.items()}
    return {name: str(value) if isinstance(value, Decimal) else value for name, value in query.items()}


def _wishes(wishes: Wishes) -> dict[str, Any]:
    rest: dict[str, Any] = {**wishes}
    crop: tuple[float, ...] | None = rest.pop("crop", None)
    query: dict[str, Any] = {"crop": ",".join(f"{part:g}" for part in crop) if crop else None}
    query |= {"like": [*rest.pop("more_like", ())] or None, "unlike": [*rest.pop("less_like", ())] or None}
    query |= {name: "1" if rest.pop(name, False) else None for name in ("cheaper", "strict", "explain")}
    filters: Filters = rest  # type: ignore[assignment] # what is left
    return query | _query(filters)


def _bytes_of(photo: bytes | Path | str) -> bytes:
    return photo if isinstance(photo, bytes) else Path(photo).read_bytes()
