"""The keyword index: derived from the listings, so going back and forth loses nothing."""

from django.db import migrations

SQLITE = [
    """
    CREATE VIRTUAL TABLE search_words USING fts5(
        title, search_text, description,
        content='listings_listing', content_rowid='id',
        tokenize="unicode61 remove_diacritics 2", prefix='2 3'
    )
    """,
    "CREATE VIRTUAL TABLE search_vocabulary USING fts5vocab(search_words, row)",
]
SQLITE_BACK = [
    "DROP TRIGGER IF EXISTS search_words_take_in",
    "DROP TRIGGER IF EXISTS search_words_leave",
    "DROP TRIGGER IF EXISTS search_words_leave_before_change",
    "DROP TRIGGER IF EXISTS search_words_take_in_changed",
    "DROP TABLE search_vocabulary",
    "DROP TABLE search_words",
]
# Accents leave Latin letters only, as in FTS5's tokenizer; ASCII punctuation parts words.
POSTGRESQL = [
    r"""
    CREATE FUNCTION feira_plain_words(given text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
        SELECT translate(
            normalize(regexp_replace(normalize(given, NFD), '([A-Za-z])[\u0300-\u036f]+', '\1', 'g'), NFC),
            '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~',
            '                                '
        )
    $body$
    """,
    """
    ALTER TABLE listings_listing ADD COLUMN search_vector tsvector GENERATED ALWAYS AS (
        CASE WHEN state = 'live' THEN
            setweight(to_tsvector('simple', feira_plain_words(title)), 'A')
            || setweight(to_tsvector('simple', feira_plain_words(search_text)), 'B')
            || setweight(to_tsvector('simple', feira_plain_words(description)), 'D')
        END
    ) STORED
    """,
    "CREATE INDEX search_words ON listings_listing USING gin (search_vector)",
]
POSTGRESQL_BACK = [
    "DROP INDEX search_words",
    "ALTER TABLE listings_listing DROP COLUMN search_vector",
    "DROP FUNCTION feira_plain_words(text)",
]


def forwards(apps, schema_editor):
    # The triggers on SQLite are put in place after every migration (see SearchConfig), since they do not survive
    # a change of the table they watch.
    for sql in SQLITE if schema_editor.connection.vendor == "sqlite" else POSTGRESQL:
        schema_editor.execute(sql, params=None)


def backwards(apps, schema_editor):
    for sql in SQLITE_BACK if schema_editor.connection.vendor == "sqlite" else POSTGRESQL_BACK:
        schema_editor.execute(sql, params=None)


class Migration(migrations.Migration):
    dependencies = [("listings", "0001_catalogue_and_its_import")]
    operations = [migrations.RunPython(forwards, backwards)]
