"""What is kept for evaluation is kept everywhere, and is the share that was said."""

from feira.core.evaluation.splits import HELD_OUT_SHARE, is_held_out, place


def test_the_same_keys_are_held_out_on_every_machine() -> None:
    assert [key for key in map(str, range(1550, 1600)) if is_held_out(key)] == [
        "1566",
        "1578",
        "1584",
        "1585",
        "1591",
        "1592",
        "1596",
    ]


def test_about_the_stated_share_of_many_keys_is_held_out() -> None:
    held_out = sum(is_held_out(str(number)) for number in range(20_000))
    assert abs(held_out / 20_000 - HELD_OUT_SHARE) < 0.01


def test_another_salt_chooses_independently() -> None:
    both = sum(place(str(n), salt="one") < 0.5 and place(str(n), salt="two") < 0.5 for n in range(10_000))
    assert abs(both / 10_000 - 0.25) < 0.02
