"""The documentation as text: pages, links, headings, fences, tables."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
CODE = re.compile(r"`([^`]+)`")


def pages() -> list[Path]:
    """Return every page of the documentation and the ones at the root of the repository."""
    return [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]


def name_of(page: Path) -> str:
    """Return a page's place in the repository, to name it in a test."""
    return page.relative_to(ROOT).as_posix()


def prose(page: Path) -> str:
    """Return a page without its fences."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> list[str]:
    """Return where the links of a page lead, images left out."""
    return LINK.findall(prose(page))


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as Markdown hosts make them."""
    plain = (re.sub(r"[^\w\- ]", "", heading.strip().lower()) for heading in HEADING.findall(prose(page)))
    return {text.replace(" ", "-") for text in plain}


def fences(page: Path, language: str) -> list[str]:
    """Return the contents of a page's fences in one language."""
    return [content for found, content in FENCE.findall(page.read_text(encoding="utf-8")) if found == language]


def shell_lines(page: Path) -> Iterator[str]:
    """Yield the commands in a page's `sh` fences, with continued lines joined."""
    for content in fences(page, "sh"):
        for line in content.replace("\\\n", " ").splitlines():
            if line.strip() and not line.lstrip().startswith("#"):
                yield line.strip()


def rows(page: Path, *, under: str) -> list[list[str]]:
    """Return the cells of the tables below the heading `under`, without their heads."""
    text = page.read_text(encoding="utf-8")
    section = re.split(r"^#+ ", text.split(f"# {under}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    tables = re.findall(r"(?:^\|.*\n?)+", section, re.MULTILINE)
    body = [line for table in tables for line in table.splitlines()[2:]]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in body]


def codes(cell: str) -> list[str]:
    """Return what stands between backticks in a cell."""
    return CODE.findall(cell)
