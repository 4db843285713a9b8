"""Equal values have equal bytes, and the hash of a data set changes with all that decides its bytes."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feira.core.datasets.canonical import canonical_json, content_hash, rounded

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
leaves = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | texts
exact = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4))


@settings(deadline=None)
@given(value=exact)
def test_it_is_json_and_reads_back(value: Any) -> None:
    content = canonical_json(value)
    assert json.loads(content) == value
    assert canonical_json(json.loads(content)) == content
    assert b"\n" not in content


@settings(deadline=None)
@given(values=st.dictionaries(texts, exact, max_size=6), data=st.data())
def test_the_order_of_keys_does_not_matter(values: dict[str, Any], data: st.DataObject) -> None:
    shuffled = dict(data.draw(st.permutations(list(values.items()))))
    assert canonical_json(shuffled) == canonical_json(values)
    keys = [key for key, _ in json.loads(canonical_json(values), object_pairs_hook=list)]
    assert keys == sorted(keys)


@settings(deadline=None)
@given(first=exact, second=exact)
def test_different_values_have_different_bytes(first: Any, second: Any) -> None:
    # True == 1 in Python, but not in JSON.
    same = json.dumps(first, sort_keys=True) == json.dumps(second, sort_keys=True)
    assert (canonical_json(first) == canonical_json(second)) == same


@settings(deadline=None)
@given(number=st.floats(allow_nan=False, allow_infinity=False))
def test_floats_are_settled_after_one_rounding(number: float) -> None:
    content = canonical_json(number)
    assert canonical_json(json.loads(content)) == content
    assert math.isclose(json.loads(content), number, rel_tol=1e-8)


def test_noise_of_the_last_bits_is_gone() -> None:
    assert canonical_json([0.1 + 0.2, -0.0, 1 / 3, 1.0, 1]) == b"[0.3,0.0,0.333333333,1.0,1]"
    assert canonical_json([Decimal("12.50"), Decimal("3.000"), Decimal("0.1")]) == b"[12.5,3,0.1]"
    assert str(rounded(-0.0)) == "0.0"


def test_texts_stay_as_they_are_in_utf_8() -> None:
    assert canonical_json({"título": "Sapatos ✨", "a": "é"}) == '{"a":"é","título":"Sapatos ✨"}'.encode()


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"a": [1, math.nan]}, r"\$\.a\[1\] is nan"),
        ({"a": {"b": math.inf}}, r"\$\.a\.b is inf"),
        ([2**63], r"\$\[0\] .*64 bits"),
        ({"a": {1: 2}}, r"\$\.a has the key 1"),
        ({"a": object()}, r"\$\.a is a object"),
        ({"a": {"x"}}, r"\$\.a is a set"),
        ("\ud800", "JSON"),
        (Decimal("Infinity"), "finite"),
    ],
)
def test_what_json_does_not_know_is_refused_with_its_place(value: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        canonical_json(value)


BASE: Mapping[str, Any] = {
    "request": {"category": "shoes", "split": {"by": "seller"}},
    "rows": [{"key": "a"}, {"key": "b"}],
    "format_version": 1,
    "libraries": {"pillow": "13.0.0"},
    "encoders": ["eye-2", "eye-1"],
    "seeds": {"split": 1},
}


def test_the_hash_changes_with_all_that_decides_bytes() -> None:
    changes: list[dict[str, Any]] = [
        {"request": {"category": "boots", "split": {"by": "seller"}}},
        {"rows": [{"key": "a"}]},
        {"rows": [{"key": "b"}, {"key": "a"}]},
        {"rows": []},
        {"format_version": 2},
        {"libraries": {"pillow": "13.0.1"}},
        {"encoders": ["eye-1"]},
        {"seeds": {"split": 2}},
        {"seeds": None},
    ]
    hashes = [content_hash(**BASE), *(content_hash(**{**BASE, **change}) for change in changes)]
    assert len(set(hashes)) == len(hashes)
    assert all(len(each) == 64 for each in hashes)


def test_the_hash_does_not_change_with_the_order_of_names() -> None:
    turned = {**BASE, "request": {"split": {"by": "seller"}, "category": "shoes"}, "encoders": ["eye-1", "eye-2"]}
    assert content_hash(**turned) == content_hash(**BASE)
    assert content_hash(**{**BASE, "rows": iter(BASE["rows"])}) == content_hash(**BASE)


def test_the_hash_is_the_same_in_another_process() -> None:
    program = "from tests.core.datasets.test_canonical import BASE, content_hash; print(content_hash(**BASE))"
    answers = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": locale, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=True,
            text=True,
        ).stdout.strip()
        for seed, locale in (("1", "C"), ("2", "C.UTF-8"))
    }
    assert answers == {content_hash(**BASE)}
