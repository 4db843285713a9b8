"""Pages lead somewhere."""

from pathlib import Path

import pytest

from tests.docs.pages import DOCS, anchors, links, name_of, pages

ELSEWHERE = ("http://", "https://", "mailto:")


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_links_between_pages_resolve(page: Path) -> None:
    broken = []
    for link in links(page):
        if link.startswith(ELSEWHERE):
            continue
        path, _mark, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("kind", ["howto", "reference"])
def test_every_page_of_a_kind_is_listed_by_its_first_page(kind: str) -> None:
    front = DOCS / kind / "README.md"
    listed = {(front.parent / link.partition("#")[0]).resolve() for link in links(front)}
    assert {page for page in (DOCS / kind).glob("*.md") if page != front} - listed == set()


def test_every_page_is_reached_from_the_readme() -> None:
    reached, waiting = set[Path](), [DOCS.parent / "README.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        for link in links(page):
            target = (page.parent / link.partition("#")[0]).resolve()
            if target.suffix == ".md" and target.exists() and target not in reached:
                waiting.append(target)
    assert {name_of(page) for page in DOCS.rglob("*.md")} - {name_of(page) for page in reached} == set()


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_pages_name_no_path_of_the_machine_they_were_written_on(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not any(place in text for place in ("/root/", "/tmp/", "/home/", "/Users/"))  # noqa: S108 - looked for
