"""What every template keeps to: nothing inline, sized pictures with words, translatable text, icons that exist."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.frontend.sources import ROOT, STATIC, TEMPLATES, short

BLOCK = re.compile(r"{%-?\s*blocktrans(?:late)?\b.*?{%-?\s*endblocktrans(?:late)?\s*-?%}", re.DOTALL)
COMMENT = re.compile(r"{#.*?#}|{%\s*comment.*?endcomment\s*%}", re.DOTALL)
CLASSES = re.compile(r"{% block \w+_class %}.*?{% endblock %}")
TAG = re.compile(r"{%.*?%}|{{.*?}}", re.DOTALL)
SPOKEN = ("aria-label", "alt", "title", "placeholder")

each_template = pytest.mark.parametrize("path", TEMPLATES, ids=short)


class Elements(HTMLParser):
    """Collects start tags with their attributes, and the text between them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self._is_code = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        self._is_code = tag == "script"

    def handle_endtag(self, tag: str) -> None:
        self._is_code = False

    def handle_data(self, data: str) -> None:
        if not self._is_code:
            self.text.append(data)


def elements_of(path: Path) -> Elements:
    """Parse a template with its own tags blanked out: `~` where a value will stand."""
    found = Elements()
    source = CLASSES.sub("", COMMENT.sub("", path.read_text(encoding="utf-8")))
    source = re.sub(r"{{.*?}}|{%\s*(?:translate|trans|url|static)\b.*?%}", "~", BLOCK.sub("~", source), flags=re.DOTALL)
    found.feed(TAG.sub("", source))
    found.close()
    return found


def test_there_are_templates() -> None:
    assert len(TEMPLATES) > 30


@each_template
def test_nothing_is_inline_that_the_security_policy_forbids(path: Path) -> None:
    for tag, attrs in elements_of(path).tags:
        assert "style" not in attrs
        assert not [name for name in attrs if name.startswith(("on", "hx-on"))]
        assert tag != "style"
        if tag == "script":
            assert attrs.get("src") or attrs.get("type") in ("application/ld+json", "application/json")


@each_template
def test_nothing_is_asked_from_another_site(path: Path) -> None:
    for tag, attrs in elements_of(path).tags:
        for name in ("src", "href", "action", "srcset"):
            assert not re.match(r"(?:https?:)?//", attrs.get(name, "")), f"<{tag} {name}={attrs[name]}>"


@each_template
def test_pictures_have_words_and_a_size(path: Path) -> None:
    for tag, attrs in elements_of(path).tags:
        if tag == "img":
            assert "alt" in attrs
            assert "src" not in attrs or {"width", "height"} <= attrs.keys()


@each_template
def test_text_can_be_translated(path: Path) -> None:
    found = elements_of(path)
    words = re.findall(r"[^\W\d_]{2,}", " ".join(found.text))
    assert not words
    for _tag, attrs in found.tags:
        assert not [name for name in SPOKEN if re.search(r"[^\W\d_]{2,}", attrs.get(name, ""))]


def test_every_icon_on_a_page_is_in_the_sprite() -> None:
    sprite = (STATIC / "vendor/icons.svg").read_text(encoding="utf-8")
    drawn = set(re.findall(r'<symbol id="([a-z0-9-]+)"', sprite))
    listed = (ROOT / "frontend/icons.txt").read_text(encoding="utf-8").splitlines()
    assert drawn == {line for line in listed if line and not line.startswith("#")}
    sources = [path.read_text(encoding="utf-8") for path in TEMPLATES]
    named = {name for source in sources for name in re.findall(r"icons\.svg' %}#([a-z0-9-]+)", source)}
    named |= {name for source in sources for name in re.findall(r'icon="([a-z0-9-]+)"', source)}
    assert named
    assert named <= drawn


def test_scripts_make_no_code_from_text() -> None:
    scripts = sorted((STATIC / "feira").glob("*.js"))
    assert scripts
    for script in scripts:
        assert not re.search(
            r"\beval\(|new Function|\.style\b|setAttribute\(\"style", script.read_text(encoding="utf-8")
        )
