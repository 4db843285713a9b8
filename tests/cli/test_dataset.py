"""`feira dataset` on the test database: asked for, estimated, watched, fetched, compared, named, deleted."""

import io
import json
import signal
import subprocess
import sys
import tarfile
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from feira.cli import dataset as command
from feira.shop.accounts.models import Account
from feira.shop.datasets import archives, selectors, services
from feira.shop.datasets.asked import asked_from_json
from feira.shop.datasets.models import DatasetRequest, Snapshot
from feira.shop.jobs import services as jobs
from feira.shop.listings.models import Listing
from tests.cli.conftest import Call
from tests.shop.datasets import conftest as shop_fixtures

pytestmark = pytest.mark.django_db
catalogue, team_member = shop_fixtures.catalogue, shop_fixtures.team_member


def made(**given: Any) -> DatasetRequest:
    """Return a data set whose files are there."""
    request = services.ask_for_dataset(asked_from_json(given), by=None)
    jobs.run_until_idle()
    found = selectors.dataset(request.pk)
    assert found is not None
    return found


def json_of(call: Call, *arguments: object) -> Any:
    said = call(command.app, *arguments, "--json")
    assert said.code == 0, said.err
    return json.loads(said.out)


@pytest.mark.usefixtures("catalogue")
def test_options_make_the_request_that_the_api_takes(call: Call, tmp_path: Path, team_member: Account) -> None:
    recipe = tmp_path / "recipe.json"
    recipe.write_text('{"operations": [{"operation": "flip"}], "variants": 2}')
    shown = json_of(
        call, "create", "--words", "shoes", "--category", "clothing/shoes", "--condition", "good", "--condition", "new",
        "--min-price", "3", "--covers", "--most-photos", "2", "--label", "condition", "--split", "hash",
        "--ratio", "train=0.5", "--ratio", "test=0.5", "--seed", "7", "--size", "64", "--fit", "square",
        "--files", "png", "--augment", recipe, "--format", "parquet", "--format", "folder",
        "--name", "shoes", "--by", team_member.email,
    )  # fmt: skip
    asked = asked_from_json(
        {
            "filters": {
                "words": "shoes",
                "category": "clothing/shoes",
                "conditions": ["new", "good"],
                "min_price": "3",
            },
            "photos": "cover",
            "most_photos": 2,
            "label": "condition",
            "split": {"by": "hash", "ratios": {"train": 0.5, "test": 0.5}, "sides": ["train", "test"], "seed": 7},
            "image": {"fit": "square", "size": 64, "format": "png", "quality": None},
            "augmentation": {
                "operations": [{"operation": "flip", "direction": "horizontal", "probability": 1}],
                "seed": 7,
                "variants": 2,
                "version": 1,
            },
            "formats": ["folder", "parquet"],
        }
    )
    assert shown["request"] == json.loads(json.dumps(asked.to_json()))
    assert shown["name"] == "shoes"
    assert DatasetRequest.objects.get().requested_by == team_member


@pytest.mark.usefixtures("catalogue")
def test_a_request_comes_from_a_file_and_options_count_over_it(call: Call, tmp_path: Path) -> None:
    wanted = tmp_path / "wanted.json"
    wanted.write_text(
        json.dumps({"name": "x", "filters": {"words": "shoes"}, "split": {"by": "hash"}, "photos": "all"})
    )
    answer = json_of(call, "estimate", "--request", wanted)
    assert (answer["photos"], answer["images"]) == (6, 6)
    answer = json_of(call, "estimate", "--request", wanted, "--covers", "--augment", "light")
    assert (answer["photos"], answer["images"]) == (3, 12)
    assert "3 photos" not in call(command.app, "estimate", "--request", wanted).out
    assert not DatasetRequest.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("list", "--state", "lost"), "no state"),
        (("list", "--limit", "0"), "equal to 1"),
        (("show", "seven"), "DATASET"),
        (("create", "--category", "nowhere"), "filters.category: There is no category 'nowhere'"),
        (("create", "--split", "colour"), "split.by"),
        (("create", "--label", "taste"), "label:"),
        (("create", "--size", "large"), "no number for --size"),
        (("create", "--size", "9000"), "image.size"),
        (("create", "--ratio", "train"), "train=0.8"),
        (("create", "--ratio", "train=most"), "no number for --ratio"),
        (("create", "--variants", "3"), "--augment light"),
        (("create", "--embeddings"), "--predict live"),
        (("create", "--augment", "/nowhere/recipe.json"), "cannot be read"),
        (("create", "--request", "/nowhere/request.json"), "cannot be read"),
        (("create", "--target", "ftp://elsewhere/x"), "target:"),
        (("create", "--by", "nobody@example.org"), "Nobody signs in"),
        (("create", "--min-price", "cheap"), "filters.min_price"),
        (("estimate", "--format", "floppy"), "formats:"),
        (("prune",), "Name a data set"),
        (("prune", "1", "--old"), "Name a data set"),
    ],
)
@pytest.mark.usefixtures("catalogue")
def test_what_is_misused_ends_with_2_in_one_line_and_nothing_is_asked_for(
    call: Call, arguments: tuple[str, ...], reason: str
) -> None:
    said = call(command.app, *arguments)
    assert said.code == 2
    assert reason in " ".join(said.err.split())
    assert not DatasetRequest.objects.exists()


@pytest.mark.usefixtures("catalogue")
def test_files_that_are_no_requests_or_recipes_are_misuse(call: Call, tmp_path: Path) -> None:
    for content, reason in (
        ("[1]", "no JSON object"),
        ("{", "no JSON"),
        ('{"filter": {}}', "'filter'"),
        ('{"filters": 3}', "filters"),
        ('{"augmentation": {"operations": [{"operation": "explode"}]}}', "explode"),
        ('{"augmentation": 3}', "augmentation"),
    ):
        (tmp_path / "given.json").write_text(content)
        said = call(command.app, "create", "--request", tmp_path / "given.json")
        assert (said.code, said.err.count("\n")) == (2, 1), said.err
        assert reason in said.err
    assert not DatasetRequest.objects.exists()


@pytest.mark.usefixtures("catalogue")
def test_what_nothing_passes_is_refused_with_what_to_let_go(call: Call) -> None:
    said = call(command.app, "create", "--words", "unicorn")
    assert said.code == 1
    assert "without `words`" in said.err
    assert not DatasetRequest.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_it_is_followed_until_it_is_ready(call: Call, catalogue: list[Listing]) -> None:
    stop = threading.Event()

    def work() -> None:
        try:
            while not stop.wait(0.2):
                jobs.run_until_idle()
        finally:
            connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        said = call(command.app, "create", "--words", "shoes", "--follow", "--json")
        assert said.code == 0, said.err
        shown = json.loads(said.out)
        waited = call(command.app, "wait", shown["id"])
        assert (waited.code, waited.out.count("ready")) == (0, 1)
    finally:
        stop.set()
        worker.join()
    assert (shown["progress"]["state"], shown["snapshot"]["photos"]) == ("ready", 6)
    assert f"data set {shown['id']}, percent: 100 of 100" in said.err
    assert "No worker is running" in said.err
    assert len(catalogue) == 6


@pytest.mark.usefixtures("catalogue")
def test_what_was_stopped_or_failed_ends_the_watching_with_1(call: Call) -> None:
    request = services.ask_for_dataset(asked_from_json({}), by=None)
    assert call(command.app, "cancel", request.pk).code == 0
    assert call(command.app, "cancel", request.pk).code == 1
    stopped = call(command.app, "wait", request.pk)
    assert (stopped.code, "was stopped" in stopped.err) == (1, True)
    assert call(command.app, "retry", request.pk).code == 0
    jobs.run_until_idle()
    assert call(command.app, "retry", request.pk).code == 1
    assert json_of(call, "wait", request.pk)["progress"]["state"] == "ready"


WATCHER = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from feira.cli.main import main
main()
"""


def test_ctrl_c_ends_the_watching_and_not_the_work(feira: Call, tmp_path: Path) -> None:
    env = {"FEIRA_DATA_DIR": str(tmp_path / "data"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    assert feira("migrate").code == 0
    made = subprocess.run(
        [sys.executable, "-c", MAKE_ONE], env=env, check=True, capture_output=True, text=True, timeout=120
    )
    number = made.stdout.strip()
    watcher = subprocess.Popen(
        [sys.executable, "-c", WATCHER, "dataset", "wait", number], env=env, stderr=subprocess.PIPE, text=True
    )
    assert watcher.stderr is not None
    first = watcher.stderr.readline()
    assert f"data set {number}, percent" in first
    watcher.send_signal(signal.SIGINT)
    rest = watcher.communicate(timeout=60)[1]
    assert watcher.returncode == 130
    assert f"Data set {number} goes on being made. `feira dataset wait {number}` watches it again." in rest
    assert json.loads(feira("dataset", "show", number, "--json").out)["progress"]["state"] == "waiting"


MAKE_ONE = """
from feira.cli.shop import start_django
start_django()
from feira.shop.datasets import building
from feira.shop.datasets.models import DatasetRequest
from feira.shop.datasets.asked import Asked
request = DatasetRequest.objects.create(asked=Asked().to_json())
building.submit_resolve(request)
print(request.pk)
"""


@pytest.fixture
def ready(catalogue: list[Listing]) -> DatasetRequest:
    """A data set that can be fetched."""
    assert catalogue
    return made(filters={"words": "shoes"})


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_archive_is_written_checked_and_gone_on_with(
    call: Call, ready: DatasetRequest, kind: Any, tmp_path: Path
) -> None:
    snapshot = command.ready(ready)
    stream = archives.archive_of(snapshot, archive=kind)
    whole = b"".join(stream.chunks())
    target = tmp_path / "new" / f"shoes.{kind}"
    target.parent.mkdir()
    part = target.with_name(f"shoes.{kind}.{stream.etag[:16]}.part")
    part.write_bytes(whole[:5000])
    said = call(command.app, "download", ready.pk, target)
    assert (said.code, said.out.strip()) == (0, str(target)), said.err
    assert target.read_bytes() == whole
    assert f"Going on at byte 5000 of {len(whole)}." in said.err
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    again = call(command.app, "download", ready.pk, target)
    assert (again.code, "there already" in again.err) == (2, True)


def test_a_folder_gets_the_archive_under_the_name_of_the_hash(
    call: Call, ready: DatasetRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = archives.archive_name(command.ready(ready))
    assert call(command.app, "download", ready.pk).out.strip() == f"{name}.zip"
    assert call(command.app, "download", ready.pk, ".", "--archive", "tar").out.strip() == f"{name}.tar"
    with zipfile.ZipFile(f"{name}.zip") as zipped, tarfile.open(f"{name}.tar") as packed:
        assert {*zipped.namelist()} == {*packed.getnames()}
    assert call(command.app, "download", ready.pk, "shoes.rar").code == 2


def test_it_is_unpacked_into_a_folder(call: Call, ready: DatasetRequest, tmp_path: Path) -> None:
    said = call(command.app, "download", ready.pk, tmp_path / "shoes", "--unpack")
    assert said.code == 0, said.err
    assert len(list((tmp_path / "shoes" / "images").rglob("*.jpg"))) == 6
    assert [path.name for path in tmp_path.iterdir()] == ["shoes"]
    assert call(command.app, "download", ready.pk, tmp_path / "shoes", "--unpack").code == 2


def test_what_is_not_as_the_manifest_says_is_deleted_and_not_kept(
    call: Call, ready: DatasetRequest, tmp_path: Path
) -> None:
    stream = archives.archive_of(command.ready(ready), archive="zip")
    target = tmp_path / "shoes.zip"
    part = target.with_name(f"shoes.zip.{stream.etag[:16]}.part")
    # Half a file of something else is gone on with: only the checksums tell.
    with zipfile.ZipFile(io.BytesIO(b"".join(stream.chunks()))) as zipped:
        first = next(info for info in zipped.infolist() if info.filename.endswith(".jpg"))
    content = bytearray(b"".join(stream.chunks(0, first.header_offset + 2000)))
    content[-1000] ^= 0xFF
    part.write_bytes(content)
    said = call(command.app, "download", ready.pk, target)
    assert said.code == 1
    assert "fetch it again" in said.err
    assert list(tmp_path.iterdir()) == []
    assert call(command.app, "download", ready.pk, target).code == 0


@pytest.mark.usefixtures("catalogue")
def test_what_is_not_ready_or_was_deleted_is_not_fetched(call: Call, tmp_path: Path) -> None:
    request = services.ask_for_dataset(asked_from_json({}), by=None)
    early = call(command.app, "download", request.pk, tmp_path / "a.zip")
    assert (early.code, "dataset wait" in early.err) == (1, True)
    jobs.run_until_idle()
    assert call(command.app, "prune", request.pk).code == 0
    late = call(command.app, "download", request.pk, tmp_path / "a.zip")
    assert (late.code, "were deleted" in late.err) == (1, True)
    assert call(command.app, "download", 4711).code == 1
    assert list(tmp_path.iterdir()) == []


def test_names_keep_it_and_are_shown(call: Call, ready: DatasetRequest) -> None:
    assert call(command.app, "tag", ready.pk, "v2").code == 0
    assert "v2" in call(command.app, "list", "--tag", "v2", "--state", "ready").out
    assert json_of(call, "list", "--tag", "v1") == []
    kept = call(command.app, "prune", ready.pk)
    assert (kept.code, "tagged or kept" in kept.err) == (1, True)
    assert call(command.app, "tag", ready.pk, " ").code == 2
    assert call(command.app, "untag", ready.pk, "v2").code == 0
    assert call(command.app, "untag", ready.pk, "v2").code == 1
    assert call(command.app, "prune", ready.pk).code == 0
    assert [row["id"] for row in json_of(call, "list", "--state", "pruned")] == [ready.pk]
    assert call(command.app, "prune", "--old").err == "Files of 0 data sets deleted.\n"


def test_two_are_compared(call: Call, ready: DatasetRequest, catalogue: list[Listing]) -> None:
    same = made(filters={"words": "shoes"})
    assert "byte for byte" in call(command.app, "diff", same.pk, ready.pk).err
    Listing.objects.filter(pk=catalogue[1].pk).update(title="Red shoes of another kind")
    later = made(filters={"words": "shoes"}, most_photos=5)
    told = json_of(call, "diff", later.pk, ready.pk)
    assert (told["removed_count"], told["added_count"]) == (1, 0)
    said = call(command.app, "diff", later.pk, ready.pk)
    assert "0 added, 1 removed" in said.err
    assert "most_photos, None before, 5 now" in said.err
    assert "title" in said.out


def test_what_was_trained_from_it_is_noted(call: Call, ready: DatasetRequest) -> None:
    assert call(command.app, "trained", ready.pk, "sorter-2", "--note", "accuracy 0.91").code == 0
    assert [each["note"] for each in json_of(call, "show", ready.pk)["trained"]] == ["accuracy 0.91"]
    assert "sorter-2" in call(command.app, "show", ready.pk).out
    assert Snapshot.objects.count() == 1
