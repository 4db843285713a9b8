"""Data sets from a program, against a served shop: asked for, followed, fetched, checked, compared."""

import json
import tarfile
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from PIL import Image
from pytest_django.live_server_helper import LiveServer

from feira.client import (
    Client,
    Conflict,
    Damaged,
    DataSet,
    Invalid,
    NotAllowed,
    NotFound,
    NotSignedIn,
    Progress,
    WorkFailed,
)
from feira.client.archives import is_whole
from feira.shop.accounts.models import Account
from feira.shop.accounts.services import issue_token
from feira.shop.insight.teams import ML_TEAM
from feira.shop.jobs import services as jobs
from feira.shop.jobs.models import Job, State
from feira.shop.listings.models import Listing
from tests.factories import make_account, make_category, make_listing

SMALL = {"fit": "longest", "size": 48}


@pytest.fixture
def team(live_server: LiveServer, transactional_db: None) -> Iterator[Client]:
    """The client of somebody of the ML team."""
    member: Account = make_account(email="mira@example.org", display_name="Mira")
    member.groups.add(Group.objects.get(name=ML_TEAM))
    _token, secret = issue_token(account=member, name="notebook")
    with Client(live_server.url, secret, timeout_s=10) as client:
        yield client


@pytest.fixture
def listings(transactional_db: None) -> list[Listing]:
    """Three pairs of shoes and a hat."""
    shoes, hats = make_category("Clothing", "Shoes"), make_category("Clothing", "Hats")
    made = [make_listing(title=f"Shoes {number}", category=shoes, colour=(60 * number, 90, 30)) for number in range(3)]
    return [*made, make_listing(title="Blue hat", category=hats, price="30.00")]


def ready(team: Client, **wish: object) -> DataSet:
    """Ask for a data set and let the work be done here."""
    made = team.datasets.create(**{"image": SMALL, **wish})  # type: ignore[arg-type] # as given by the test
    jobs.run_until_idle()
    return made.wait(timeout_s=20)


def test_a_data_set_is_asked_for_followed_and_fetched(team: Client, listings: list[Listing], tmp_path: Path) -> None:
    wish = {"filters": {"category": "clothing/shoes", "max_price": Decimal(20)}, "image": SMALL}
    estimate = team.datasets.estimate(**wish)  # type: ignore[arg-type] # of this shape
    assert (estimate.listings, estimate.photos) == (3, 3)
    made = team.datasets.create(name="Shoes", **wish)  # type: ignore[arg-type] # as above
    assert made.state in ("waiting", "running")
    with pytest.raises(Conflict):
        made.download(tmp_path / "too-early")
    with pytest.raises(TimeoutError):
        made.wait(timeout_s=0)
    jobs.run_until_idle()
    told: list[Progress] = []
    folder = made.wait(progress=told.append).download(tmp_path / "shoes")
    assert told
    assert (made.photos, len(str(made.hash))) == (3, 64)
    content = json.loads((folder / "metadata.json").read_bytes())
    assert {record["title"] for record in content["records"]} == {"Shoes 0", "Shoes 1", "Shoes 2"}
    for record in content["records"]:
        with Image.open(folder / record["image"]["path"]) as picture:
            assert max(picture.size) <= 48
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shoes"]
    assert [file.path for file in made.files()] == sorted(file.path for file in made.files())
    assert {row.facts["title"] for row in made.rows()} == {"Shoes 0", "Shoes 1", "Shoes 2"}


def test_an_archive_is_kept_as_it_is(team: Client, listings: list[Listing], tmp_path: Path) -> None:
    made = ready(team)
    zipped, packed = made.download(tmp_path / "all.zip"), made.download(tmp_path / "all.tar")
    with zipfile.ZipFile(zipped) as one, tarfile.open(packed) as other:
        names = {name for name in one.namelist() if not name.endswith("/")}
        assert names == {member.name for member in other if member.isfile()}
        assert sum(name.endswith(".jpg") for name in names) == 4


def test_several_formats_lie_side_by_side_each_checked_by_its_manifest(
    team: Client, listings: list[Listing], tmp_path: Path
) -> None:
    made = ready(team, formats=["folder", "imagefolder", "webdataset"])
    folder = made.download(tmp_path / "all")
    assert sorted(path.name for path in folder.iterdir()) == ["folder", "imagefolder", "webdataset"]
    assert made.facts.snapshot is not None
    manifest = made.facts.snapshot.manifest_sha256
    assert is_whole(folder, manifest_sha256=manifest)
    next(folder.glob("webdataset/*.tar")).write_bytes(b"")
    assert not is_whole(folder, manifest_sha256=manifest)


def test_what_is_there_and_whole_is_not_fetched_again(team: Client, listings: list[Listing], tmp_path: Path) -> None:
    made = ready(team)
    folder = made.download(tmp_path / "all")
    asked: list[str] = []
    team._transport._http.event_hooks = {"request": [lambda request: asked.append(request.url.path)]}
    assert made.download(tmp_path / "all") == folder
    assert asked == []
    assert made.facts.snapshot is not None
    manifest = made.facts.snapshot.manifest_sha256
    (folder / "metadata.json").write_text("{}")
    assert not is_whole(folder, manifest_sha256=manifest)
    with pytest.raises(FileExistsError):
        made.download(tmp_path / "all")
    assert (folder / "metadata.json").read_text() == "{}"


def test_bytes_that_are_not_those_of_the_data_set_are_thrown_away(
    team: Client, listings: list[Listing], tmp_path: Path
) -> None:
    made = ready(team)
    (tmp_path / f"all.tar.{str(made.hash)[:16]}.part").write_bytes(b"something else, of another length")
    with pytest.raises(Damaged):
        made.download(tmp_path / "all")
    assert list(tmp_path.iterdir()) == []
    assert made.download(tmp_path / "all").is_dir()


def test_the_same_wish_gives_the_same_hash_and_a_change_is_told(team: Client, listings: list[Listing]) -> None:
    first, second = ready(team, name="first"), ready(team, name="second")
    assert first.hash == second.hash
    assert second.diff(first).is_same
    listings[0].title = "Green shoes"
    listings[0].save()
    third = ready(team)
    changed = third.diff(first)
    assert (changed.added_count, changed.removed_count, changed.changed_count) == (0, 0, 1)
    assert [*changed.changed.values()] == [("title",)]
    assert third.hash != first.hash


def test_data_sets_are_found_by_number_tag_and_hash(team: Client, listings: list[Listing]) -> None:
    made = ready(team, name="Shoes")
    made.tag("best").note_training("shoe-model-3", note="for the tests")
    assert made.facts.snapshot is not None
    assert made.facts.snapshot.tags == ("best",)
    for name in (made.id, "best", str(made.hash)[:8]):
        assert team.datasets.get(name).id == made.id
    assert [each.name for each in team.datasets.list()] == ["Shoes"]
    assert made.untag("best").facts.snapshot is not None
    for name in ("best", 10**9, "0123"):
        with pytest.raises(NotFound):
            team.datasets.get(name)
    made.delete_files()
    assert made.refresh().state == "pruned"
    with pytest.raises(WorkFailed):
        made.wait()


@pytest.mark.parametrize("formats", [["folder"], ["folder", "webdataset"]])
def test_whoever_has_only_the_files_notes_what_was_trained_from_them(
    team: Client, listings: list[Listing], tmp_path: Path, formats: list[Any]
) -> None:
    made = ready(team, formats=formats)
    folder = made.download(tmp_path / "shoes")
    found = team.datasets.of(folder)
    assert (found.id, found.hash) == (made.id, made.hash)
    noted = found.note_training("shoe-model-4", note="top-1 0.93")
    assert [(each.model, each.note) for each in noted.facts.trained] == [("shoe-model-4", "top-1 0.93")]
    for manifest in folder.rglob("manifest.json"):
        manifest.unlink()
    with pytest.raises(Damaged):
        team.datasets.of(folder)


def test_a_data_set_is_stopped_and_goes_on(team: Client, listings: list[Listing], tmp_path: Path) -> None:
    made = team.datasets.create(image=SMALL).cancel()
    with pytest.raises(WorkFailed) as stopped:
        made.wait(timeout_s=5)
    assert stopped.value.facts["state"] == "cancelled"
    made.retry()
    jobs.run_until_idle()
    assert made.wait(timeout_s=20).download(tmp_path / "all").is_dir()
    with pytest.raises(Conflict):
        made.retry()


def test_jobs_are_followed_one_by_one(team: Client, listings: list[Listing]) -> None:
    made = ready(team)
    steps = {step.name: step.job_id for step in made.facts.progress.steps}
    assert team.jobs.wait(steps["render"], timeout_s=5).state == "succeeded"
    assert {item.state for item in team.jobs.items(steps["render"])} == {"done"}
    assert steps["render"] in [job.id for job in team.jobs.list(kind="datasets.render", state="succeeded")]
    with pytest.raises(Conflict):
        team.jobs.cancel(steps["render"])
    with pytest.raises(Conflict):
        team.jobs.retry(steps["render"])
    Job.objects.get(pk=steps["render"]).lines.create(text="One photo could not be read.")
    assert [line.text for line in team.jobs.lines(steps["render"])] == ["One photo could not be read."]
    Job.objects.filter(pk=steps["render"]).update(state=State.FAILED, error="No space left.")
    with pytest.raises(WorkFailed, match="No space left"):
        team.jobs.wait(steps["render"])
    assert team.jobs.retry(steps["render"]).is_finished is False


def test_refusals_say_what_to_change(team: Client, shop: Client, guest: Client, listings: list[Listing]) -> None:
    with pytest.raises(Invalid) as nothing:
        team.datasets.create(filters={"words": "unicorn"})
    assert "words" in nothing.value.detail
    with pytest.raises(Invalid) as unknown:
        team.datasets.create(label="colour of the sky")
    assert "label" in unknown.value.facts["errors"]
    for client, error in ((shop, NotAllowed), (guest, NotSignedIn)):
        with pytest.raises(error):
            client.datasets.create()
        with pytest.raises(error):
            next(client.datasets.list())
    assert list(team.datasets.list()) == []
