"""The page of a data set that is ready: what is in it, how it is fetched, named, kept, compared and let go."""

import io
import json
from urllib.parse import urlsplit

import pytest
from django.test import Client
from PIL import Image

from feira.shop.accounts.models import Account
from feira.shop.datasets import services
from feira.shop.datasets.asked import asked_from_json
from feira.shop.datasets.models import DatasetRequest, Snapshot
from feira.shop.jobs import services as jobs
from feira.shop.jobs.models import Job, State
from feira.shop.jobs.running import run
from feira.shop.listings.models import Listing
from tests.factories import make_listing

WISH = {
    "image": {"fit": "longest", "size": 48},
    "augmentation": {"variants": 2, "operations": [{"operation": "flip", "probability": 0.5}]},
    "split": {"by": "hash", "ratios": {"train": 0.5, "test": 0.5}},
    "formats": ["folder", "imagefolder"],
}


# Work that is cut in processes of its own sees only what is committed.
pytestmark = pytest.mark.django_db(transaction=True)


def made(analyst: Account, name: str) -> DatasetRequest:
    """Ask for a data set and let the work be done here."""
    found = services.ask_for_dataset(asked_from_json(WISH), by=analyst, name=name)
    jobs.run_until_idle()
    found.refresh_from_db()
    return found


@pytest.fixture
def shoes(analyst: Account) -> DatasetRequest:
    """A data set of five photos, ready."""
    for number in range(5):
        make_listing(title=f"Shoes {number}", colour=(50 * number, 90, 30))
    return made(analyst, "Autumn shoes")


def test_the_page_tells_what_is_in_it(shoes: DatasetRequest, pages: Client) -> None:
    answer = pages.get(f"/datasets/{shoes.pk}/")
    shown, context = answer.text, answer.context
    assert "5 photos of 5 listings, with 2 changed copies of each." in shown
    assert shoes.snapshot is not None
    assert str(shoes.snapshot.content_hash) in shown
    assert [(each.label, each.count) for each in context["labels"]] == [("clothing/shoes", 5)]
    assert sum(each.count for each in context["splits"]) == 5
    assert context["images"] == 15
    assert {each.name for each in context["files"]} == {"folder/", "imagefolder/"}
    assert sum(each.byte_size for each in context["files"]) == shoes.snapshot.byte_size
    assert len(context["loading"]) == 3
    assert "Make the pictures" in shown
    for sample in context["samples"]:
        picture = pages.get(sample.src)
        assert picture["Content-Type"] == "image/jpeg"
        assert "private" in picture["Cache-Control"]
        with Image.open(io.BytesIO(picture.content)) as opened:
            assert opened.size == (sample.width, sample.height)
    for beyond in ("9/0", "0/3"):
        assert pages.get(f"/datasets/{shoes.pk}/picture/{beyond}/").status_code == 404


def test_every_item_of_the_work_is_shown(shoes: DatasetRequest, pages: Client) -> None:
    answer = pages.get(f"/datasets/{shoes.pk}/items/")
    render = next(part for part in answer.context["parts"] if part["step"].title == "Make the pictures")
    assert {item.state for item in render["items"]} == {"done"}
    assert render["step"].done == render["step"].total > 0


def test_it_is_fetched_by_a_button_or_a_link(shoes: DatasetRequest, pages: Client) -> None:
    sent = pages.post(f"/datasets/{shoes.pk}/download/", {"archive": "tar"})
    assert sent["Location"].startswith(f"/api/v1/datasets/{shoes.pk}/download/?archive=tar")
    archive = pages.get(sent["Location"])
    assert archive["Content-Type"] == "application/x-tar"
    assert len(archive.getvalue()) == int(archive["Content-Length"])
    shown = pages.post(f"/datasets/{shoes.pk}/link/")
    parts = urlsplit(shown.context["link"])
    assert pages.get(f"{parts.path}?{parts.query}").status_code == 200
    assert "curl -C -" in shown.text


def test_tagged_and_kept_ones_are_not_deleted(shoes: DatasetRequest, pages: Client) -> None:
    address = f"/datasets/{shoes.pk}"
    assert "Tagged as best." in pages.post(f"{address}/tag/", {"tag": "best"}, follow=True).text
    assert "Delete its files" not in pages.get(f"{address}/").text
    pages.post(f"{address}/delete/")
    assert Snapshot.objects.get().state == Snapshot.State.READY
    assert "Autumn shoes" in pages.get("/datasets/?tag=best").text
    assert "Autumn shoes" not in pages.get("/datasets/?tag=worst").text
    pages.post(f"{address}/untag/", {"tag": "best"})
    pages.post(f"{address}/keep/", {"keep": "1"})
    assert Snapshot.objects.get().keep
    pages.post(f"{address}/delete/")
    assert Snapshot.objects.get().state == Snapshot.State.READY
    pages.post(f"{address}/keep/", {"keep": "0"})
    assert "Its files are deleted" in pages.post(f"{address}/delete/", follow=True).text
    assert Snapshot.objects.get().state == Snapshot.State.PRUNED
    assert pages.get(f"{address}/picture/0/0/").status_code == 404
    again = pages.post(f"{address}/again/")
    jobs.run_until_idle()
    assert pages.get(again["Location"]).context["row"].is_ready
    assert Snapshot.objects.count() == 1


def test_two_are_compared(shoes: DatasetRequest, analyst: Account, pages: Client) -> None:
    changed = Listing.objects.get(title="Shoes 0")
    changed.title = "Green shoes"
    changed.save()
    make_listing(title="New shoes", colour=(1, 200, 30))
    later = made(analyst, "Winter shoes")
    assert f'<option value="{shoes.pk}">' in pages.get(f"/datasets/{later.pk}/").text
    answer = pages.get(f"/datasets/{later.pk}/diff/?with={shoes.pk}")
    counts = {name: answer.context[name] for name in ("added", "removed", "changed", "same")}
    assert counts == {"added": 1, "removed": 0, "changed": 1, "same": 4}
    assert "Green shoes" in answer.text
    assert "title" in answer.context["parts"][2]["rows"][0]["fields"]
    assert "Both asked for the same" in answer.text
    smaller = services.ask_for_dataset(asked_from_json({**WISH, "most_photos": 2}), by=analyst)
    jobs.run_until_idle()
    fewer = pages.get(f"/datasets/{smaller.pk}/diff/?with={later.pk}")
    assert fewer.context["request_changes"] == [("most_photos", "null", "2")]
    assert fewer.context["removed"] == 4
    same = pages.get(f"/datasets/{shoes.pk}/diff/?with={shoes.pk}")
    assert "Nothing: both have the same rows." in same.text
    assert pages.get(f"/datasets/{shoes.pk}/diff/?with=x").status_code == 404


def test_what_was_asked_for_can_be_asked_for_again(shoes: DatasetRequest, pages: Client) -> None:
    form = pages.get(f"/datasets/new/?like={shoes.pk}").context["form"]
    assert json.loads(form["recipe_json"].value())["variants"] == 2
    assert form["split_by"].value() == "hash"
    assert form["formats"].value() == ["folder", "imagefolder"]


def test_a_part_that_nothing_fell_to_is_shown_and_told(analyst: Account, pages: Client) -> None:
    for number in range(3):
        make_listing(title=f"Shoes {number}")
    ratios = {"train": 0.4, "validation": 0.3, "tuning": 0.1, "late": 0.1, "test": 0.1}
    wish = {"image": WISH["image"], "split": {"by": "hash", "ratios": ratios}}
    found = services.ask_for_dataset(asked_from_json(wish), by=analyst)
    jobs.run_until_idle()
    answer = pages.get(f"/datasets/{found.pk}/")
    # Three listings cannot fill five parts; all are there, in the order of the request.
    assert [each.label for each in answer.context["splits"]] == list(ratios)
    assert 0 in [each.count for each in answer.context["splits"]]
    assert "A part is empty" in answer.text


def test_what_was_never_begun_is_not_blamed(analyst: Account, pages: Client) -> None:
    make_listing()
    found = services.ask_for_dataset(asked_from_json({}), by=analyst)
    assert found.resolve_job is not None
    assert run(found.resolve_job.pk) == State.SUCCEEDED
    found.refresh_from_db()
    assert found.snapshot is not None
    assert found.snapshot.render_job is not None
    jobs.cancel(found.snapshot.render_job)
    jobs.run_until_idle()
    finish = Job.objects.get(kind="datasets.finish")
    assert "which was cancelled" in finish.error
    answer = pages.get(f"/datasets/{found.pk}/")
    assert [each.state_text for each in answer.context["steps"]][1:] == ["stopped", "not begun"]
    assert finish.error not in answer.text


def test_an_empty_lineage_tells_how_to_fill_it(shoes: DatasetRequest, pages: Client) -> None:
    shown = pages.get(f"/datasets/{shoes.pk}/").text
    assert f"dataset = shop.datasets.get({shoes.pk})" in shown
    assert "note_training" in shown
    assert shoes.snapshot is not None
    services.note_trained(shoes.snapshot, model="shoe-model-3", note="top-1 0.91")
    after = pages.get(f"/datasets/{shoes.pk}/").text
    assert "shoe-model-3" in after
    assert "note_training" not in after
