"""Bring the translation catalogues up to date with the texts of the shop: `python scripts/update_translations.py`.

Collects every text from templates and Python files, keeps the translations there are, writes `django.po` and compiles
it to `django.mo`. It needs no gettext programs. Texts without a translation are named, and the exit status is then 1.

The account pages come from django-allauth, whose own catalogues know European Portuguese but not plain Portuguese;
their texts start out with its words and may be changed here like all others.
"""

import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import allauth
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src/feira"
LOCALE = PACKAGE / "frontend/locale"
LANGUAGES = ("pt",)
PLURAL_FORMS = {"pt": "nplurals=2; plural=(n != 1);"}

ALLAUTH = Path(allauth.__file__).parent
ALLAUTH_LANGUAGES = {"pt": "pt_PT"}
ALLAUTH_SOURCES = ("account/*.py", "templates/account/**/*.html", "templates/account/**/*.txt")
# Pages of allauth that the shop replaces or has not switched on, and names that only the administration shows.
ALLAUTH_UNUSED = ("admin.py", "models.py", "login.html", "signup.html", "phone", "passkey", "_code", "username")

KEYWORDS = {**DEFAULT_KEYWORDS, "gettext_lazy": None, "ngettext_lazy": (1, 2), "pgettext_lazy": ((1, "c"), 2)}
# A catalogue carries a date; a fixed one, so that nothing changes in it but texts.
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
HEADER = """\
# Feira in another language ({language}). Translate here, then run `python scripts/update_translations.py`."""


class Text(NamedTuple):
    """A text to translate: one string, or singular and plural, told apart from equal ones by its context."""

    id: str | tuple[str, str]
    context: str | None


def texts_of_shop() -> dict[Text, list[str]]:
    """Return the shop's own texts with the files that use them."""
    paths = [path for path in PACKAGE.rglob("*") if path.suffix == ".py" or "templates" in path.parts]
    return _texts_in(paths, below=PACKAGE.parent)


def texts_of_allauth() -> dict[Text, list[str]]:
    """Return the texts of the account pages that allauth brings along."""
    paths = [path for pattern in ALLAUTH_SOURCES for path in ALLAUTH.glob(pattern)]
    return _texts_in([path for path in paths if not _is_unused(path)], below=ALLAUTH.parent)


def _is_unused(path: Path) -> bool:
    return path.name.endswith(ALLAUTH_UNUSED) or any(word in path.name for word in ALLAUTH_UNUSED)


def _texts_in(paths: list[Path], *, below: Path) -> dict[Text, list[str]]:
    found: dict[Text, list[str]] = {}
    for path in sorted(path for path in paths if path.suffix in (".py", ".html", ".txt")):
        name = path.relative_to(below).as_posix()
        for text in _texts_of(path):
            names = found.setdefault(text, [])
            if name not in names:
                names.append(name)
    return found


def _texts_of(path: Path) -> Iterator[Text]:
    source = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        # What Django makes of a template are calls of gettext among blanked-out text, indented like the template.
        source = "\n".join(line.lstrip() for line in templatize(source, origin=str(path)).splitlines())
    for _line, ids, _comments, context in extract("python", io.BytesIO(source.encode()), KEYWORDS):
        yield Text(ids if isinstance(ids, str) else (ids[0], ids[1]), context)


def catalogue_path(language: str) -> Path:
    """Return where a language's catalogue lies."""
    return LOCALE / language / "LC_MESSAGES/django.po"


def read_catalogue(path: Path) -> Catalog:
    """Read a catalogue; one that is not there yet is empty."""
    return read_po(io.BytesIO(path.read_bytes()) if path.exists() else io.BytesIO())


def updated(language: str, known: Catalog) -> Catalog:
    """Return the catalogue of today's texts, each with the translation that is known or that allauth has."""
    fresh = Catalog(
        language,
        project="Feira",
        version=" ",
        copyright_holder="The Feira developers",
        msgid_bugs_address=" ",
        last_translator="The Feira developers",
        language_team=language,
        header_comment=HEADER.format(language=language),
        creation_date=SINCE,
        revision_date=SINCE,
        fuzzy=False,
    )
    fresh.mime_headers = [("Plural-Forms", PLURAL_FORMS[language])]
    borrowed = read_catalogue(ALLAUTH / f"locale/{ALLAUTH_LANGUAGES[language]}/LC_MESSAGES/django.po")
    own, others = texts_of_shop(), texts_of_allauth()
    for text in sorted({*own, *others}, key=str):
        places = [(name, 0) for name in own.get(text, others.get(text, []))]
        fresh.add(text.id, _translation(text, known) or _translation(text, borrowed), places, context=text.context)
    return fresh


def _translation(text: Text, catalogue: Catalog) -> str | tuple[str, ...] | None:
    message = catalogue.get(text.id, text.context)
    if message is None or message.fuzzy or not is_translated(message):
        return None
    forms = forms_of(message)
    return forms if message.pluralizable else forms[0]


def forms_of(message: Message) -> tuple[str, ...]:
    """Return the translation of a message: one form, or one for each of the language's plurals."""
    return (message.string or "",) if isinstance(message.string, str | None) else tuple(message.string)


def is_translated(message: Message) -> bool:
    """Tell whether every form of a message has words."""
    return all(forms_of(message))


def compiled(catalogue: Catalog) -> bytes:
    """Return a catalogue as the `.mo` file that Django reads."""
    target = io.BytesIO()
    write_mo(target, catalogue)
    return target.getvalue()


def written(catalogue: Catalog) -> bytes:
    """Return a catalogue as the `.po` file that people edit."""
    target = io.BytesIO()
    write_po(target, catalogue, width=110, sort_output=True, include_lineno=False)
    return target.getvalue()


def main() -> int:
    """Update and compile every catalogue; name what is not translated."""
    missing = 0
    for language in LANGUAGES:
        path = catalogue_path(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        catalogue = updated(language, read_catalogue(path))
        path.write_bytes(written(catalogue))
        path.with_suffix(".mo").write_bytes(compiled(catalogue))
        for message in catalogue:
            if message.id and not is_translated(message):
                missing += 1
                sys.stdout.write(f"{language}: not translated: {message.context or ''} {message.id!r}\n")
        sys.stdout.write(f"{language}: {len(catalogue)} texts in {path.relative_to(ROOT)}\n")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
