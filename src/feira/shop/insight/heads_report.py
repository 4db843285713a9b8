"""What is told about the heads of a version: each with its figures, class by class, and what it confuses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from feira.shop.listings.tags import group_label


@dataclass(frozen=True, slots=True)
class ClassTold:
    """One class of a head on held-out listings; shares are percentages."""

    name: str
    listings: int
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often listings of one name are taken for another."""

    truth: str
    taken_for: str
    times: int
    of: int


@dataclass(frozen=True, slots=True)
class HeadTold:
    """One head; `problem` says why it stays as it is, and then nothing else is told. Shares are percentages."""

    name: str
    label: str
    problem: str = ""
    classes: int = 0
    listings: int = 0
    held_out: int = 0
    before: float | None = None
    after: float | None = None
    confidence: float | None = None
    compared_with: str = ""
    by_class: tuple[ClassTold, ...] = ()
    confusions: tuple[Confusion, ...] = ()


def heads_told(report: Mapping[str, Any]) -> list[HeadTold]:
    """Read a report; those that were taught come first. Empty for parts that are no heads."""
    heads = report.get("heads")
    if not isinstance(heads, dict):
        return []
    told = [_told(name, facts) for name, facts in heads.items()]
    return sorted(told, key=lambda head: (bool(head.problem), head.name))


def _told(name: str, facts: Mapping[str, Any]) -> HeadTold:
    if "problem" in facts:
        return HeadTold(name, group_label(name), problem=str(facts["problem"]))
    return HeadTold(
        name=name,
        label=group_label(name),
        classes=int(facts.get("classes", 0)),
        listings=int(facts.get("listings", 0)),
        held_out=int(facts.get("held_out", 0)),
        before=_percent(facts.get("before")),
        after=_percent(facts.get("after")),
        confidence=_percent(facts.get("confidence")),
        compared_with=group_label(str(facts["compared_with"])) if facts.get("compared_with") else "",
        by_class=tuple(
            ClassTold(str(one["name"]), int(one["listings"]), 100 * one["before"], 100 * one["after"])
            for one in facts.get("classes_told", ())
        ),
        confusions=tuple(
            Confusion(str(one["is"]), str(one["taken_for"]), int(one["times"]), int(one["of"]))
            for one in facts.get("confusions", ())
        ),
    )


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share
