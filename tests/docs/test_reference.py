"""Reference pages name everything there is, and nothing else."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db.models import Model
from django.urls import URLPattern, URLResolver, get_resolver, resolve
from rest_framework import exceptions

import feira
from feira.core.errors import FeiraError
from feira.engine.log import SELECT_ENTRIES
from feira.shop.jobs import registry
from feira.shop.jobs.models import State
from feira.shop.jobs.periodic import recurring_work
from feira.shop.photos.models import Embedding, IndexLogEntry
from tests.docs.pages import REFERENCE, codes, fences, prose, rows

SOURCES = Path(feira.__file__).parent
HTTP, JOBS, EVENTS, LOG = (REFERENCE / name for name in ("http.md", "jobs.md", "events.md", "index-log.md"))


def sources() -> str:
    """Return all of the package's code as one text."""
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(SOURCES.rglob("*.py")))


def error_classes() -> set[type[FeiraError]]:
    """Return every deliberate error of the package, once all of its modules are imported."""
    for module in pkgutil.walk_packages(feira.__path__, "feira."):
        importlib.import_module(module.name)
    found, waiting = {FeiraError}, [FeiraError]
    while waiting:
        fresh = [kind for kind in waiting.pop().__subclasses__() if kind.__module__.startswith("feira.")]
        found.update(fresh)
        waiting.extend(fresh)
    return found


def registered_kinds() -> dict[str, registry.Kind]:
    """Return the shop's kinds of job; tests that bring their own leave them out of this."""
    names = set(re.findall(r"^@job\(\s*\"([\w.]+)\"", sources(), re.MULTILINE))
    return {name: registry.get_kind(name) for name in names}


def test_every_problem_code_is_documented_with_its_status() -> None:
    documented = {codes(row[0])[0]: int(row[1]) for row in rows(HTTP, under="Problem codes") if len(row) == 4}
    assert documented == {kind.code: kind.http_status for kind in error_classes()}


def test_codes_of_the_framework_and_of_plain_answers_are_documented() -> None:
    documented = {code for row in rows(HTTP, under="Problem codes") if len(row) == 3 for code in codes(row[0])}
    kinds = [kind for kind in vars(exceptions).values() if isinstance(kind, type)]
    raised = {
        str(kind.default_code)
        for kind in kinds
        if issubclass(kind, exceptions.APIException) and kind is not exceptions.APIException
    }
    written = set(re.findall(r"code=\"(\w+)\"", sources())) | {"internal"}
    assert documented == (raised | written) - {kind.code for kind in error_classes()}


def test_every_reason_for_refusing_a_photo_is_documented() -> None:
    documented = {codes(row[0])[0] for row in rows(HTTP, under="Reasons for refusing a photo")}
    assert documented == set(re.findall(r"reason=\"(\w+)\"", sources()))


def named_addresses() -> Iterator[tuple[str, URLPattern]]:
    """Yield every named address of ours as `app:name`."""

    def walk(patterns: list[URLPattern | URLResolver], namespace: str) -> Iterator[tuple[str, URLPattern]]:
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, pattern.namespace or namespace)
            elif pattern.name and namespace not in {"", "admin"}:
                yield f"{namespace}:{pattern.name}", pattern

    yield from walk(get_resolver().url_patterns, "")


def test_every_page_and_address_is_documented() -> None:
    documented = {
        codes(row[0])[0]
        for under in ("Pages", "The API", "Short addresses")
        for row in rows(HTTP, under=under)
        if codes(row[0])
    }
    assert documented - {"account_login"} == {name for name, _pattern in named_addresses()}


@pytest.mark.parametrize(
    ("root", "row"),
    [
        (root, row)
        for root, under in (("/api/v1/", "The API"), ("/api/", "Short addresses"))
        for row in rows(HTTP, under=under)
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_an_api_address_leads_to_its_name_and_takes_its_methods(root: str, row: list[str]) -> None:
    for written in codes(row[1]):
        *methods, path = written.split()
        found = resolve(f"{root}{path.replace('ID', '7')}")
        assert found.view_name == codes(row[0])[0]
        view = getattr(found.func, "view_class", None) or getattr(found.func, "cls", None)
        if view is not None:
            assert all(hasattr(view, method.lower()) for method in methods)


def test_every_kind_of_job_is_documented_with_its_terms() -> None:
    documented = {codes(row[0])[0]: (codes(row[1])[0], int(row[2])) for row in rows(JOBS, under="Kinds")}
    assert documented == {name: (kind.queue, kind.max_attempts) for name, kind in registered_kinds().items()}


def test_payloads_of_jobs_are_documented() -> None:
    for row in rows(JOBS, under="Kinds"):
        registered_kinds()[codes(row[0])[0]].check(dict.fromkeys(codes(row[4])))


def test_every_queue_and_state_is_documented() -> None:
    assert all(f"`{queue}`" in prose(JOBS) for queue in registry.QUEUES)
    assert [codes(row[0])[0] for row in rows(JOBS, under="States")] == list(State.values)


def test_what_recurs_is_documented_with_its_interval() -> None:
    unit = {"s": 1, "h": 3600}
    documented = {}
    for row in rows(JOBS, under="What recurs"):
        number, letter = row[1].split()
        documented[codes(row[0])[0]] = int(number) * unit[letter]
    assert documented == {entry.name: entry.every_s for entry in recurring_work()}


def test_every_event_is_documented_with_its_subscribers() -> None:
    documented = {codes(row[0])[0]: codes(row[3]) for row in rows(EVENTS, under="Events")}
    announced = set(re.findall(r"announce\(\s*\"([\w.]+)\"", sources()))
    assert set(documented) == announced
    assert all(registry.subscribers_of(event) == kinds for event, kinds in documented.items())


@pytest.mark.parametrize("table", [IndexLogEntry, Embedding], ids=lambda table: table.__name__)
def test_the_tables_of_the_index_log_are_documented_column_by_column(table: type[Model]) -> None:
    name = table._meta.db_table  # Django's own way to ask
    documented = [codes(row[0])[0] for row in rows(LOG, under=f"`{name}`")]
    assert set(documented) == {field.column for field in table._meta.fields}


def test_the_query_on_the_page_is_the_one_that_is_asked() -> None:
    assert fences(LOG, "sql")[0].strip() == SELECT_ENTRIES.format("?").strip()
