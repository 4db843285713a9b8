"""The keyword index on SQLite: an FTS5 table over the listings' own text, kept up by triggers."""

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from feira.shop.listings.models import Listing
from feira.shop.search.words import Term, Words

# In the order of the columns; tags are mostly a machine's, so they weigh less than what people wrote about it.
WEIGHTS = (10.0, 4.0, 1.0, 2.0)

_COLUMNS = ("title", "search_text", "description", "tags_text")
_NAMES = ", ".join(_COLUMNS)
_CHANGED = " OR ".join(f"old.{name} IS NOT new.{name}" for name in ("id", "state", *_COLUMNS))
_NEW, _OLD = (", ".join(f"{row}.{name}" for name in ("id", *_COLUMNS)) for row in ("new", "old"))
_TAKE_IN = f"INSERT INTO search_words(rowid, {_NAMES}) VALUES ({_NEW});"  # noqa: S608 - our own names
_LEAVE = f"INSERT INTO search_words(search_words, rowid, {_NAMES}) VALUES ('delete', {_OLD});"  # noqa: S608 - as above

# Only live listings are in the index. The old row has to leave with the very words it came with.
TRIGGERS = {
    "search_words_take_in": f"AFTER INSERT ON listings_listing WHEN new.state = 'live' BEGIN {_TAKE_IN} END",
    "search_words_leave": f"AFTER DELETE ON listings_listing WHEN old.state = 'live' BEGIN {_LEAVE} END",
    "search_words_leave_before_change": (
        f"BEFORE UPDATE ON listings_listing WHEN old.state = 'live' AND ({_CHANGED}) BEGIN {_LEAVE} END"
    ),
    "search_words_take_in_changed": (
        f"AFTER UPDATE ON listings_listing WHEN new.state = 'live' AND ({_CHANGED}) BEGIN {_TAKE_IN} END"
    ),
}


class SqliteTextIndex:
    """FTS5 with bm25."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection

    def having(self, listings: QuerySet[Listing], words: Words) -> QuerySet[Listing]:
        """Narrow the listings to those that have every wanted and no unwanted term."""
        if words.wanted:
            listings = listings.filter(pk__in=_rows(" AND ".join(map(_term, words.wanted))))
        if words.unwanted:
            listings = listings.exclude(pk__in=_rows(" OR ".join(map(_term, words.unwanted))))
        return listings

    def best(self, listings: QuerySet[Listing], words: Words, *, most: int) -> list[int]:
        """Return the ids of `having`, the best match first."""
        match = " AND ".join(map(_term, words.wanted))
        if words.unwanted:
            match = f"({match}) NOT ({' OR '.join(map(_term, words.unwanted))})"
        # Correlated on purpose: the words are looked up first and each match is checked by its primary key. With
        # `IN (…)` SQLite would list every live listing first, and with a join it may start from the wrong side.
        passing = listings.order_by().filter(pk=RawSQL("search_words.rowid", ())).values("pk")
        check, parameters = passing.query.get_compiler(connection=self._connection).as_sql()
        with self._connection.cursor() as cursor:
            cursor.execute(
                f"SELECT rowid FROM search_words WHERE search_words MATCH %s AND EXISTS ({check})"  # noqa: S608 - Django's own SQL
                " ORDER BY bm25(search_words, %s, %s, %s, %s), rowid DESC LIMIT %s",
                [match, *parameters, *WEIGHTS, most],
            )
            return [row[0] for row in cursor.fetchall()]

    def vocabulary(self, *, most: int) -> dict[str, int]:
        """Return the folded words in the index and on how many listings each stands."""
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT term, doc FROM search_vocabulary ORDER BY doc DESC, term LIMIT %s", [most])
            return dict(cursor.fetchall())

    def repair(self) -> bool:
        """Put the triggers back and rebuild when one is missing or outdated.

        Django alters a table on SQLite by copying it, and triggers go down with the old one.
        """
        with transaction.atomic(using=self._connection.alias), self._connection.cursor() as cursor:
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'search_words_%%'")
            wanted = {name: f"CREATE TRIGGER {name} {body}" for name, body in TRIGGERS.items()}
            found = dict(cursor.fetchall())
            if found == wanted:
                return False
            for name in found:
                cursor.execute(f"DROP TRIGGER {self._connection.ops.quote_name(name)}")
            for sql in wanted.values():
                cursor.execute(sql)
            cursor.execute("INSERT INTO search_words(search_words) VALUES ('delete-all')")
            cursor.execute(
                f"INSERT INTO search_words(rowid, {_NAMES})"  # noqa: S608 - our own names
                f" SELECT id, {_NAMES} FROM listings_listing WHERE state = 'live'"
            )
        return True


def _rows(match: str) -> RawSQL:
    return RawSQL("SELECT rowid FROM search_words WHERE search_words MATCH %s", (match,))


def _term(term: Term) -> str:
    """Return a term in FTS5's language; within quotes nothing but the quote itself has a meaning."""
    asked = f"{_quoted(term.words)}{'*' if term.is_open else ''}"
    return f"({' OR '.join([asked, *map(_quoted, term.others)])})" if term.others else asked


def _quoted(words: tuple[str, ...]) -> str:
    return '"' + " ".join(words).replace('"', '""') + '"'
