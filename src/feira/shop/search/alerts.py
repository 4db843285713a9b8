"""New listings that kept searches would have found, and the mail that tells of them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from urllib.parse import urljoin

import structlog
from django.core import signing
from django.core.mail import EmailMultiAlternatives
from django.db.models import Max, Q, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import ngettext

from feira.core.errors import FeiraError
from feira.settings import load_settings
from feira.shop.accounts.models import Account
from feira.shop.listings.models import Listing
from feira.shop.listings.selectors import cards_in_order, live_listings
from feira.shop.search.models import Find, SavedSearch
from feira.shop.search.saved import query_of
from feira.shop.search.selectors import PhotoNotFound, Searcher
from feira.shop.search.services import search_listings
from feira.shop.search.synonyms import expanded
from feira.shop.search.text_index import text_index

EVERY = timedelta(minutes=5)
# A listing may be published a moment before others can see it; finds are unique, so looking twice does no harm.
OVERLAP = timedelta(minutes=2)
MOST_NEW = 200
BEST = 48
MOST_IN_MAIL = 12
MOST_ACCOUNTS = 500
_SALT = "search.stop_alerts"

log = structlog.get_logger(__name__)


def accounts_to_look_for(now: datetime) -> list[int]:
    """Return accounts with kept searches that were not looked through for a while although something was published."""
    newest = live_listings().aggregate(newest=Max("published_at"))["newest"]
    if newest is None:
        return []
    due = SavedSearch.objects.filter(looked_at__lt=min(now - EVERY, newest + OVERLAP), account__is_active=True)
    return list(due.order_by("account_id").values_list("account_id", flat=True).distinct()[:MOST_ACCOUNTS])


def look_for_finds(search: SavedSearch) -> list[int]:
    """Return listings of other people, published since the last look, that answer the search.

    By words and filter that is every one of them; what only looks or sounds alike has to be among the `BEST`.
    """
    query = query_of(search.parameters)
    published_at_last = Q(published_at__gt=search.looked_at - OVERLAP)
    fresh = live_listings(query.passing).filter(published_at_last).exclude(seller__account=search.account_id)
    if not fresh.exists():
        return []
    words = expanded(query.words)
    exact = text_index().having(fresh, words)
    found = [] if query.has_examples else _ids(exact)
    if query.has_examples or words.wanted:
        try:
            answer = search_listings(query, Searcher(search.account), size=BEST, with_facets=False)
        except PhotoNotFound:
            return found
        # What came only because something was let go of is not what the search was kept for.
        if not (answer.is_photo_unanswered or answer.relaxed):
            found += _ids(fresh.filter(pk__in=[card["id"] for card in answer.cards]))
    return list(dict.fromkeys(found))[:MOST_NEW]


def note_finds(search: SavedSearch, listing_ids: Sequence[int], *, looked_at: datetime) -> int:
    """Write down what was found and how far was looked; return how many finds are new."""
    before = search.finds.count()
    Find.objects.bulk_create(
        [Find(search=search, listing_id=listing_id) for listing_id in listing_ids], ignore_conflicts=True
    )
    SavedSearch.objects.filter(pk=search.pk).update(looked_at=looked_at)
    return search.finds.count() - before


def accounts_to_mail(now: datetime) -> list[int]:
    """Return accounts with finds that nobody mailed yet and that want to hear of them now."""
    return list(_due(now).order_by("search__account_id").values_list("search__account_id", flat=True).distinct())


def mail_finds(account: Account, now: datetime) -> list[int]:
    """Send one mail with everything new that this account wants to hear of; return the finds it told of.

    Finds whose listing is no longer for sale are not told of, but count as done.
    """
    finds = list(_due(now).filter(search__account=account).select_related("search").order_by("search_id", "-pk"))
    live = set(live_listings().filter(pk__in=[find.listing_id for find in finds]).values_list("pk", flat=True))
    by_search: dict[SavedSearch, list[int]] = defaultdict(list)
    for find in finds:
        if find.listing_id in live:
            by_search[find.search].append(find.listing_id)
    if by_search and account.email:
        with translation.override(load_settings().language):
            _send(account, by_search)
    return [find.pk for find in finds]


def note_mailed(find_ids: Iterable[int], now: datetime) -> int:
    """Write down that these finds were mailed."""
    return Find.objects.filter(pk__in=list(find_ids), mailed_at=None).update(mailed_at=now)


def stop_link(search: SavedSearch) -> str:
    """Return the address that ends a search's alerts for whoever holds it, without signing in."""
    return _absolute(reverse("search:stop_alerts", args=[signing.dumps(search.pk, salt=_SALT)]))


def search_to_stop(token: str) -> SavedSearch | None:
    """Return the kept search that a stop link names, None when it was not made by us or the search is gone."""
    try:
        search_id = signing.loads(token, salt=_SALT)
    except signing.BadSignature:
        return None
    return SavedSearch.objects.filter(pk=search_id).first()


def _due(now: datetime) -> QuerySet[Find]:
    soon = Q(search__alerts=SavedSearch.Alerts.SOON)
    # A day's finds go out together, a day after the first of them.
    daily = Q(search__alerts=SavedSearch.Alerts.DAILY, found_at__lt=now - timedelta(days=1))
    accounts_with_old = Find.objects.filter(daily, mailed_at=None).values("search__account_id")
    of_the_day = Q(search__alerts=SavedSearch.Alerts.DAILY, search__account_id__in=accounts_with_old)
    return Find.objects.filter(soon | of_the_day, mailed_at=None, search__account__is_active=True)


def _send(account: Account, by_search: dict[SavedSearch, list[int]]) -> None:
    total = sum(len(ids) for ids in by_search.values())
    sections = [
        {
            "name": search.name,
            "url": _absolute(reverse("search:open_saved", args=[search.pk])),
            "stop_url": stop_link(search),
            "cards": [
                {"title": card["title"], "price": card["price_text"], "url": _absolute(card["url"])}
                for card in cards_in_order(ids[:MOST_IN_MAIL], among=Listing.objects.all())
            ],
            "more": max(len(ids) - MOST_IN_MAIL, 0),
        }
        for search, ids in by_search.items()
    ]
    first = next(iter(by_search))
    subject = ngettext("%(count)d new find for “%(name)s”", "%(count)d new finds for “%(name)s”", total) % {
        "count": total,
        "name": first.name,
    }
    context = {"sections": sections, "account": account, "site_name": load_settings().site_name}
    mail = EmailMultiAlternatives(
        subject=" ".join(subject.split()),
        body=render_to_string("search/mail/finds.txt", context),
        to=[account.email],
        headers={"List-Unsubscribe": f"<{stop_link(first)}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
    )
    mail.attach_alternative(render_to_string("search/mail/finds.html", context), "text/html")
    try:
        mail.send()
    except OSError as error:
        raise MailNotSent(f"The mail server did not take the mail: {error}. It is tried again.") from error


class MailNotSent(FeiraError):
    """The mail server is away or refuses; the job tries again later."""

    code = "mail_not_sent"
    http_status = 503


def _absolute(path: str) -> str:
    return urljoin(f"{load_settings().public_url.rstrip('/')}/", path.lstrip("/"))


def _ids(listings: QuerySet[Listing]) -> list[int]:
    return list(listings.order_by("-published_at", "-pk").values_list("pk", flat=True)[:MOST_NEW])
