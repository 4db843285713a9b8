"""The API keeps its word: the schema is valid OpenAPI, and every answer is one that the schema describes."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from rest_framework.test import APIClient
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from feira.shop.accounts.services import issue_token
from tests.shop.api.conftest import World

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
METHODS = {"get", "put", "post", "patch", "delete"}
EXAMPLES_PER_OPERATION = 25


def read_schema() -> dict[str, Any]:
    out = io.StringIO()
    call_command("spectacular", "--format", "openapi-json", stdout=out)
    schema: dict[str, Any] = json.loads(out.getvalue())
    return schema


def operations() -> list[tuple[str, str]]:
    paths = read_schema()["paths"]
    return [(path, method) for path, item in paths.items() for method in item if method in METHODS]


@pytest.mark.usefixtures("capsys")
def test_the_schema_is_valid_and_nothing_in_it_was_guessed() -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=io.StringIO())


def test_every_operation_has_a_name_a_summary_and_its_problems() -> None:
    schema = read_schema()
    assert schema["openapi"] == "3.1.0"
    every = [schema["paths"][path][method] for path, method in operations()]
    assert all(operation["operationId"] and operation["summary"] and operation["tags"] for operation in every)
    assert all("application/problem+json" in operation["responses"]["401"]["content"] for operation in every)
    names = [operation["operationId"] for operation in every]
    assert len(set(names)) == len(names)


@pytest.mark.django_db
@pytest.mark.parametrize("wanted", ["application/json", "application/yaml"])
def test_the_schema_is_served_to_guests(wanted: str) -> None:
    served = APIClient().get("/api/v1/schema/", headers={"Accept": wanted})
    assert served.status_code == 200
    assert served["Content-Type"].startswith(wanted)
    assert b"/api/v1/listings/" in served.content


@pytest.fixture
def _the_test_keeps_its_transaction() -> Iterator[None]:
    """Do as Django's own test client does: a request served in this process must not close the connection."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.mark.usefixtures("_the_test_keeps_its_transaction")
@pytest.mark.parametrize(("path", "method"), operations())
def test_made_up_requests_get_answers_that_the_schema_describes(path: str, method: str, world: World) -> None:
    config = schemathesis.Config()
    schema = schemathesis.openapi.from_wsgi("/api/v1/schema/?format=json", get_wsgi_application(), config=config)
    operation = schema[path][method.upper()]
    modes = [GenerationMode.POSITIVE]
    if "parameters" in operation.definition.raw or "requestBody" in operation.definition.raw:
        modes.append(GenerationMode.NEGATIVE)
    # Who may do everything gets past the door of every operation, to what is behind it.
    world.owner.is_staff = world.owner.is_superuser = True
    world.owner.save()
    _token, secret = issue_token(account=world.owner, name="fuzz")
    headers = {"Authorization": f"Bearer {secret}"}
    # Half of the requests name things that are there.
    known = {
        "dataset_id": world.dataset.pk,
        "job_id": world.job.pk,
        "name": "verify-index",
        "number": 1,
        "listing_id": world.live.pk,
        "photo_id": world.photo.pk,
        "search_id": world.search.pk,
        "token_id": world.token.pk,
    }

    @examples(
        max_examples=EXAMPLES_PER_OPERATION,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of([operation.as_strategy(generation_mode=mode) for mode in modes]), real=st.booleans())
    def answers_as_described(case: schemathesis.Case[Any], real: bool) -> None:
        if real:
            case.path_parameters = {name: known[name] for name in case.path_parameters or {}}
        case.call_and_validate(headers=headers, checks=CHECKS)

    answers_as_described()
