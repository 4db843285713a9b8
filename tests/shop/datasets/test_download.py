"""Fetching a data set: a signed link, one stream, any part of it, and nobody who may not."""

import io
import zipfile
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from feira.shop.accounts.models import Account
from feira.shop.datasets import selectors, services
from feira.shop.datasets.models import DatasetRequest
from feira.shop.insight.teams import ML_TEAM
from feira.shop.jobs import services as jobs
from tests.factories import make_account
from tests.shop.datasets.conftest import request_for

ClientOf = Callable[[Account | None], APIClient]


@pytest.fixture
def ready(catalogue: object, team_member: Account) -> DatasetRequest:
    """A data set that can be fetched."""
    request = services.ask_for_dataset(request_for(filters={"words": "shoes"}), by=team_member)
    jobs.run_until_idle()
    found = selectors.dataset(request.pk)
    assert found is not None
    return found


@pytest.fixture
def link(ready: DatasetRequest, team_member: Account, api_of: ClientOf) -> str:
    """The address from which it is fetched, without the host."""
    answer = api_of(team_member).post(f"/api/v1/datasets/{ready.pk}/link/", {}, format="json")
    assert answer.status_code == 200, answer.content
    parts = urlsplit(answer.json()["url"])
    return f"{parts.path}?{parts.query}"


def body_of(response: object) -> bytes:
    return b"".join(response.streaming_content)  # type: ignore[attr-defined] # a streaming response


def test_who_has_the_link_needs_no_token(link: str, ready: DatasetRequest, api_of: ClientOf) -> None:
    response = api_of(None).get(link)
    assert response.status_code == 200
    assert response.streaming
    content = body_of(response)
    assert len(content) == int(response["Content-Length"])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert sum("/images/" in name for name in archive.namelist()) == 6


def test_a_broken_download_goes_on_where_it_stopped(link: str, api_of: ClientOf) -> None:
    whole = api_of(None).get(link)
    content, etag = body_of(whole), whole["ETag"]
    rest = api_of(None).get(link, headers={"Range": "bytes=500-", "If-Range": etag})
    assert rest.status_code == 206
    assert rest["Content-Range"] == f"bytes 500-{len(content) - 1}/{len(content)}"
    assert body_of(rest) == content[500:]
    some = api_of(None).get(link, headers={"Range": "bytes=10-19"})
    assert body_of(some) == content[10:20]
    # What has changed meanwhile is sent whole: halves of two archives are no archive.
    assert api_of(None).get(link, headers={"Range": "bytes=500-", "If-Range": '"another"'}).status_code == 200
    beyond = api_of(None).get(link, headers={"Range": f"bytes={len(content)}-"})
    assert beyond.status_code == 416
    assert beyond["Content-Range"] == f"bytes */{len(content)}"


@pytest.mark.parametrize("changed", ["signature", "expires", "by", "archive"])
def test_a_forged_link_is_refused(link: str, changed: str, api_of: ClientOf) -> None:
    other = {"signature": "x" * 43, "expires": "4102444800", "by": "1", "archive": "tar"}[changed]
    forged = link.replace(f"{changed}={parse_qs(urlsplit(link).query)[changed][0]}", f"{changed}={other}")
    assert forged != link
    answer = api_of(None).get(forged)
    assert (answer.status_code, answer.json()["code"]) == (403, "dataset_link_refused")


def test_a_link_of_one_data_set_opens_no_other(link: str, ready: DatasetRequest, api_of: ClientOf) -> None:
    other = DatasetRequest.objects.create(snapshot=ready.snapshot)
    assert api_of(None).get(link.replace(f"/{ready.pk}/", f"/{other.pk}/")).status_code == 403


def test_an_expired_link_is_gone(
    link: str, ready: DatasetRequest, team_member: Account, api_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = timezone.now() + timedelta(minutes=61)
    monkeypatch.setattr(timezone, "now", lambda: later)
    answer = api_of(None).get(link)
    assert (answer.status_code, answer.json()["code"]) == (410, "dataset_link_expired")


def test_somebody_else_who_is_signed_in_may_not_use_the_link(link: str, team_member: Account, api_of: ClientOf) -> None:
    assert api_of(make_account()).get(link).status_code == 403
    assert api_of(team_member).get(link).status_code == 200


def test_the_link_of_somebody_who_left_the_team_is_worth_nothing(
    link: str, team_member: Account, api_of: ClientOf
) -> None:
    team_member.groups.remove(Group.objects.get(name=ML_TEAM))
    assert api_of(None).get(link).status_code == 403


def test_there_is_no_link_to_what_is_not_ready(catalogue: object, team_member: Account, api_of: ClientOf) -> None:
    request = services.ask_for_dataset(request_for(), by=team_member)
    answer = api_of(team_member).post(f"/api/v1/datasets/{request.pk}/link/", {}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "dataset_not_ready")


def test_rows_files_tags_and_lineage_are_shown(ready: DatasetRequest, team_member: Account, api_of: ClientOf) -> None:
    client, address = api_of(team_member), f"/api/v1/datasets/{ready.pk}/"
    first = client.get(f"{address}rows/?limit=4").json()
    rest = client.get(f"{address}rows/?limit=4&after={first['next_after']}").json()
    assert [row["position"] for row in first["results"] + rest["results"]] == list(range(6))
    assert rest["next_after"] is None
    files = client.get(f"{address}files/?limit=3").json()
    assert [each["path"] for each in files["results"]] == sorted(each["path"] for each in files["results"])
    assert client.get(f"{address}files/?after={files['next_after']}").json()["next_after"] is None
    assert client.post(f"{address}tags/", {"name": "v1"}, format="json").json()["snapshot"]["tags"] == ["v1"]
    assert [each["id"] for each in client.get("/api/v1/datasets/?tag=v1").json()["results"]] == [ready.pk]
    # A tag keeps the files; without it they may go.
    assert client.delete(address).status_code == 403
    assert client.delete(f"{address}tags/?name=v1").status_code == 204
    noted = client.post(f"{address}trained/", {"model": "shoes-2", "note": "a try"}, format="json").json()["trained"]
    assert [(each["model"], each["note"]) for each in noted] == [("shoes-2", "a try")]
    assert client.delete(address).status_code == 204
    assert client.get(address).json()["progress"]["state"] == "pruned"
    assert client.post(f"{address}link/", {}, format="json").status_code == 409
    same = client.get(f"{address}diff/?since={ready.pk}").json()
    assert same["is_same"]
    assert same["changed_count"] == 0


@pytest.mark.parametrize("archive", ["zip", "tar"])
def test_size_and_places_are_known_before_any_file_is_looked_at(
    archive: str, ready: DatasetRequest, team_member: Account, api_of: ClientOf, django_assert_num_queries: Any
) -> None:
    asked = api_of(team_member).post(f"/api/v1/datasets/{ready.pk}/link/", {"archive": archive}, format="json")
    parts = urlsplit(asked.json()["url"])
    client, address = api_of(None), f"{parts.path}?{parts.query}"
    whole = body_of(client.get(address))
    assert ready.snapshot is not None
    with CaptureQueriesContext(connection) as seen:
        response = client.get(address, headers={"Range": "bytes=700-"})
    assert not [query["sql"] for query in seen if "snapshotfile" in query["sql"]]
    assert int(response["Content-Length"]) == len(whole) - 700
    # Of one batch; a zip lists them once more at its end.
    with django_assert_num_queries(2 if archive == "zip" else 1):
        assert body_of(response) == whole[700:]


def test_a_snapshot_of_before_there_were_plans_gets_its_own(link: str, ready: DatasetRequest, api_of: ClientOf) -> None:
    assert ready.snapshot is not None
    before = body_of(api_of(None).get(link))
    ready.snapshot.archives.all().delete()
    assert body_of(api_of(None).get(link)) == before
    assert set(ready.snapshot.archives.values_list("archive", flat=True)) == {"zip", "tar"}


def test_files_are_asked_for_in_batches_that_make_one_archive(
    link: str, api_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = body_of(api_of(None).get(link))
    monkeypatch.setattr(selectors, "FILES_AT_ONCE", 2)
    assert body_of(api_of(None).get(link)) == whole
    assert body_of(api_of(None).get(link, headers={"Range": "bytes=5000-"})) == whole[5000:]


def test_plans_go_with_the_files(link: str, ready: DatasetRequest, api_of: ClientOf) -> None:
    assert ready.snapshot is not None
    assert ready.snapshot.archives.count() == 2
    services.prune_snapshot(ready)
    assert ready.snapshot.archives.count() == 0
    assert api_of(None).get(link).status_code == 409
