"""The classifiers of an encoder: those that it brought, until the shop has taught others, and from then on those."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from feira.core.encoders.heads import HEADS_NAME, Head, Heads
from feira.core.testing.photos import photo_bytes
from feira.engine.config import EngineConfig
from feira.engine.database import LogUnavailable
from feira.engine.heads import FollowedHeads
from feira.engine.parts import open_parts
from tests.engine.conftest import StartEngine, until
from tests.engine.encoders import open_test_encoder
from tests.engine.shop_tables import ShopTables, SqliteTables
from tests.engine.test_text_side import PARTS

EYE, DIM = "eye@1", 3
ROW = np.array([[1, 0, 0]], np.float32)


def head(*names: str) -> Head:
    """Return a head that is sure of its first name whatever it is shown."""
    return Head(names, np.zeros((len(names), DIM), np.float32), np.arange(len(names), 0, -1).astype(np.float32) * 9)


def packed(encoder_id: str = EYE, **heads: Head) -> bytes:
    return Heads(encoder_id, heads).pack()


def goes_live(tables: ShopTables, content: bytes, version: int, about: str = EYE) -> None:
    mark = "?" if tables.url.startswith("sqlite") else "%s"
    tables.execute("UPDATE learning_learnedpart SET state = 'retired' WHERE state = 'live'")
    tables.execute(
        "INSERT INTO learning_learnedpart (id, part, about, version, content, state) "  # noqa: S608 - marks alone
        f"VALUES ({mark}, 'heads', {mark}, {mark}, {mark}, 'live')",
        (version, about, version, content),
    )


def followed(tables: ShopTables, shipped: Heads | None) -> FollowedHeads:
    return FollowedHeads(EYE, DIM, shipped=shipped, open_parts=partial(open_parts, tables.url))


def said(heads: FollowedHeads) -> tuple[int, dict[str, str]]:
    heads.refresh()
    version, now = heads.in_force()
    answer = now.classify(ROW, top=1)[0] if now is not None else {}
    return version, {name: named[0][0] for name, named in answer.items()}


@pytest.fixture
def taught(tables: ShopTables) -> ShopTables:
    tables.execute(PARTS if tables.url.startswith("sqlite") else PARTS.replace("BLOB", "BYTEA"))
    return tables


def test_what_the_shop_taught_goes_before_its_namesake_and_beside_the_others(taught: ShopTables) -> None:
    heads = followed(taught, Heads(EYE, {"kind": head("mug", "hat"), "colour": head("red", "blue")}))
    assert said(heads) == (0, {"kind": "mug", "colour": "red"})
    goes_live(taught, packed(colour=head("teal", "pink"), brand=head("acme", "zeta")), 4)
    assert said(heads) == (4, {"kind": "mug", "colour": "teal", "brand": "acme"})
    goes_live(taught, packed(brand=head("zeta", "acme")), 5)
    assert said(heads) == (5, {"kind": "mug", "colour": "red", "brand": "zeta"})
    taught.execute("UPDATE learning_learnedpart SET state = 'retired'")
    assert said(heads) == (0, {"kind": "mug", "colour": "red"})
    heads.close()


def test_an_encoder_that_brought_none_is_taught_all_the_same(taught: ShopTables) -> None:
    heads = followed(taught, None)
    assert said(heads) == (0, {})
    goes_live(taught, packed(brand=head("acme", "zeta")), 1)
    assert said(heads) == (1, {"brand": "acme"})
    heads.close()


@pytest.mark.parametrize(
    "content",
    [
        b"damaged",
        packed("other@1", brand=head("acme", "zeta")),
        packed(brand=Head(("a", "b"), np.ones((2, 5), np.float32), np.ones(2, np.float32))),
    ],
    ids=["damaged", "of another encoder", "of another length"],
)
def test_learned_heads_that_do_not_fit_are_passed_over(sqlite_tables: SqliteTables, content: bytes) -> None:
    sqlite_tables.execute(PARTS)
    goes_live(sqlite_tables, content, 2)
    heads = followed(sqlite_tables, Heads(EYE, {"kind": head("mug", "hat")}))
    assert said(heads) == (0, {"kind": "mug"})


def test_a_database_that_is_away_leaves_everything_as_it_was(sqlite_tables: SqliteTables) -> None:
    sqlite_tables.execute(PARTS)
    goes_live(sqlite_tables, packed(brand=head("acme", "zeta")), 1)
    heads = followed(sqlite_tables, None)
    assert said(heads) == (1, {"brand": "acme"})
    sqlite_tables.execute("ALTER TABLE learning_learnedpart RENAME TO away")
    with pytest.raises(LogUnavailable):
        open_parts(sqlite_tables.url).version("heads", EYE)
    assert said(heads) == (1, {"brand": "acme"})


def test_other_heads_beside_the_encoder_do_not_take_back_what_was_taught(sqlite_tables: SqliteTables) -> None:
    sqlite_tables.execute(PARTS)
    goes_live(sqlite_tables, packed(brand=head("acme", "zeta")), 1)
    heads = followed(sqlite_tables, Heads(EYE, {"kind": head("mug", "hat")}))
    assert said(heads) == (1, {"kind": "mug", "brand": "acme"})
    heads.ship(Heads(EYE, {"kind": head("hat", "mug")}))
    version, now = heads.in_force()
    assert now is not None
    assert (version, now.names) == (1, ("brand", "kind"))
    assert said(heads) == (1, {"kind": "hat", "brand": "acme"})


def test_a_running_engine_changes_classifiers_without_a_gap_and_says_which_answered(
    config: EngineConfig, start_engine: StartEngine, sqlite_tables: SqliteTables
) -> None:
    sqlite_tables.execute(PARTS)
    folder = config.models_dir / "brightness"
    folder.mkdir(parents=True)
    (folder / HEADS_NAME).write_bytes(packed("brightness", light=head("dark", "light")))
    running = start_engine(replace(config, encoder="brightness"), open_encoder=open_test_encoder)
    rows = running.client.encode([photo_bytes((250, 250, 250))]).rows

    def now() -> tuple[int, set[tuple[str, str]]]:
        answer = running.client.classify(rows)
        return answer.heads_version, {(tag.head, tag.name) for tag in answer.tags[0] if tag.confidence > 0.5}

    shipped, both = {("light", "dark")}, {("light", "dark"), ("brand", "acme")}
    assert now() == (0, shipped)
    goes_live(sqlite_tables, packed("brightness", brand=head("acme", "zeta")), 7, about="brightness")
    seen: list[tuple[int, set[tuple[str, str]]]] = []

    def is_taught() -> bool:
        seen.append(now())
        return seen[-1] == (7, both)

    until(is_taught)
    assert all(answer in ((0, shipped), (7, both)) for answer in seen)
    assert running.client.status().encoders[0].heads_version == 7
    sqlite_tables.execute("UPDATE learning_learnedpart SET state = 'retired'")
    until(lambda: now() == (0, shipped))
