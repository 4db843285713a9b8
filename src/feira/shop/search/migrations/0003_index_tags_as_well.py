"""Tags join the keyword index, as a field of their own; the index is derived, so it is simply made anew."""

from django.db import migrations

FIELDS = "title, search_text, description"
# A generated column cannot be changed in place: PostgreSQL writes the table once more, for seconds per million rows.
VECTOR = """
    ALTER TABLE listings_listing ADD COLUMN search_vector tsvector GENERATED ALWAYS AS (
        CASE WHEN state = 'live' THEN
            setweight(to_tsvector('simple', feira_plain_words(title)), 'A')
            || setweight(to_tsvector('simple', feira_plain_words(search_text)), 'B')
            {tags}
            || setweight(to_tsvector('simple', feira_plain_words(description)), 'D')
        END
    ) STORED
"""
TAGS = "|| setweight(to_tsvector('simple', feira_plain_words(tags_text)), 'C')"
TRIGGERS = ("take_in", "leave", "leave_before_change", "take_in_changed")


def _made_anew(schema_editor, *, with_tags):
    if schema_editor.connection.vendor == "sqlite":
        # Without its triggers the index is filled again once all migrations are done (see search.upkeep).
        statements = [
            *(f"DROP TRIGGER IF EXISTS search_words_{name}" for name in TRIGGERS),
            "DROP TABLE search_vocabulary",
            "DROP TABLE search_words",
            f"""
            CREATE VIRTUAL TABLE search_words USING fts5(
                {FIELDS}{", tags_text" if with_tags else ""},
                content='listings_listing', content_rowid='id',
                tokenize="unicode61 remove_diacritics 2", prefix='2 3'
            )
            """,
            "CREATE VIRTUAL TABLE search_vocabulary USING fts5vocab(search_words, row)",
        ]
    else:
        statements = [
            "DROP INDEX search_words",
            "ALTER TABLE listings_listing DROP COLUMN search_vector",
            VECTOR.format(tags=TAGS if with_tags else ""),
            "CREATE INDEX search_words ON listings_listing USING gin (search_vector)",
        ]
    for sql in statements:
        schema_editor.execute(sql, params=None)


def forwards(apps, schema_editor):
    _made_anew(schema_editor, with_tags=True)


def backwards(apps, schema_editor):
    _made_anew(schema_editor, with_tags=False)


class Migration(migrations.Migration):
    dependencies = [
        ("search", "0002_keep_searches_and_synonyms"),
        ("listings", "0002_tags_and_names_from_elsewhere"),
    ]
    operations = [migrations.RunPython(forwards, backwards)]
