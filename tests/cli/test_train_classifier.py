"""`feira train classifier` from the command line: what it refuses, and what it says of a shop too small to teach."""

import json
from collections.abc import Callable

import pytest

from feira.cli import train
from feira.shop.learning.models import LearnedPart
from tests.cli.conftest import Call
from tests.factories import make_category, make_listing


@pytest.mark.django_db
def test_a_data_set_that_is_none_is_misuse(call: Call) -> None:
    said = call(train.app, "classifier", "--snapshot", "no such")
    assert said.code == 2
    assert "no such" in said.err
    assert said.out == ""


def test_a_head_under_which_nothing_is_said_is_misuse_and_names_those_there_are(
    call: Call, work_done: Callable[[], None]
) -> None:
    said = call(train.app, "classifier", "--head", "shape")
    assert said.code == 2
    assert "Choose among category." in said.err


def test_a_shop_too_small_changes_nothing_and_is_told_what_is_needed(call: Call, work_done: Callable[[], None]) -> None:
    make_listing(category=make_category("Mugs"))
    work_done()
    said = call(train.app, "classifier", "--json")
    assert said.code == 0
    facts = json.loads(said.out)
    assert (facts["serves"], facts["version"], facts["listings"]) == (False, None, 1)
    assert "two names with 8 listings each" in facts["reason"]
    plain = call(train.app, "classifier")
    assert "Nothing changed: Nothing was taught." in plain.err
    assert "category" in plain.out
    assert not LearnedPart.objects.exists()
