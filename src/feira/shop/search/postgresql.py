"""The keyword index on PostgreSQL: a generated tsvector column with a GIN index.

The configuration is `simple`, not a language: a shop sells in the languages of its sellers, and stemming French by
English rules loses more than it finds. Words are cut and freed of accents by the function `feira_plain_words` before
PostgreSQL sees them, which makes both databases find the same (its own parser would keep `t-shirt` in three forms).
"""

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from feira.shop.listings.models import Listing
from feira.shop.search.words import Term, Words

WEIGHTS = "{0.1, 0.2, 0.4, 1.0}"  # of the labels D (description), C (tags), B (category, attributes), A (title)


class PostgresqlTextIndex:
    """Full text by tsvector, ranked by ts_rank."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection

    def having(self, listings: QuerySet[Listing], words: Words) -> QuerySet[Listing]:
        """Narrow the listings to those that have every wanted and no unwanted term."""
        if words.wanted:
            listings = listings.filter(pk__in=_rows(" & ".join(map(_term, words.wanted))))
        if words.unwanted:
            listings = listings.exclude(pk__in=_rows(" | ".join(map(_term, words.unwanted))))
        return listings

    def best(self, listings: QuerySet[Listing], words: Words, *, most: int) -> list[int]:
        """Return the ids of `having`, the best match first."""
        match = " & ".join(map(_term, words.wanted))
        if words.unwanted:
            match = f"({match}) & !({' | '.join(map(_term, words.unwanted))})"
        passing = listings.order_by().filter(pk=RawSQL("found.id", ())).values("pk")
        check, parameters = passing.query.get_compiler(connection=self._connection).as_sql()
        with self._connection.cursor() as cursor:
            cursor.execute(
                "SELECT found.id FROM listings_listing AS found, to_tsquery('simple', %s) AS wanted"  # noqa: S608 - Django's own SQL
                f" WHERE found.search_vector @@ wanted AND EXISTS ({check})"
                " ORDER BY ts_rank(%s, found.search_vector, wanted) DESC, found.id DESC LIMIT %s",
                [match, *parameters, WEIGHTS, most],
            )
            return [row[0] for row in cursor.fetchall()]

    def vocabulary(self, *, most: int) -> dict[str, int]:
        """Return the folded words in the index and on how many listings each stands."""
        with self._connection.cursor() as cursor:
            cursor.execute(
                "SELECT word, ndoc FROM ts_stat('SELECT search_vector FROM listings_listing WHERE state = ''live''')"
                " ORDER BY ndoc DESC, word LIMIT %s",
                [most],
            )
            return dict(cursor.fetchall())

    def repair(self) -> bool:
        """Nothing sweeps a generated column away."""
        return False


def _rows(match: str) -> RawSQL:
    sql = "SELECT found.id FROM listings_listing AS found WHERE found.search_vector @@ to_tsquery('simple', %s)"
    return RawSQL(sql, (match,))  # noqa: S611 - a constant


def _term(term: Term) -> str:
    """Return a term in the language of to_tsquery; within quotes nothing but the quote itself has a meaning."""
    asked = f"{_quoted(term.words)}{':*' if term.is_open else ''}"
    return f"({' | '.join([asked, *(f'({_quoted(words)})' for words in term.others)])})"


def _quoted(words: tuple[str, ...]) -> str:
    return " <-> ".join("'" + word.replace("\\", "\\\\").replace("'", "''") + "'" for word in words)
