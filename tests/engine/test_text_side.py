"""The words' side of an encoder: which way leads from words to its pictures, and when another takes over."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from feira.core.encoders.class_names import ClassDirections
from feira.core.encoders.words.encoder import WordsEncoder, builtin_words
from feira.core.errors import ManifestError, Misconfigured, NoTextSide
from feira.core.evaluation.similar import encoded_photos
from feira.core.learning.bridge import Bridge, fit_bridge, pack_prior
from feira.core.learning.priors import PRIOR_NAME
from feira.core.learning.ridge import PairSums
from feira.core.testing.encoders import HistogramEncoder
from feira.engine.parts import open_parts
from feira.engine.registry import open_encoder
from feira.engine.texts import TextSide, open_text_model, text_side_of
from tests.engine.shop_tables import SqliteTables
from tests.shared_files import SHARED, needs_shared

EYE, DIM = "eye@1", 8
THINGS = ["red dress", "blue shoes", "wooden chair", "coffee mug"] * 5
PHOTOS = np.tile(np.eye(DIM, dtype=np.float32)[:4], (5, 1))
PARTS = """
CREATE TABLE learning_learnedpart (
    id INTEGER PRIMARY KEY, part VARCHAR(40), about VARCHAR(120), version INTEGER, content BLOB, state VARCHAR(10)
)
"""


@pytest.fixture
def tables(sqlite_tables: SqliteTables) -> SqliteTables:
    sqlite_tables.execute(PARTS)
    return sqlite_tables


def learned(shift: int = 0) -> PairSums:
    """What a shop would teach whose photos show the things, each along an axis of its own, moved on by `shift`."""
    sums = PairSums.empty(DIM, builtin_words().text_dim)
    sums.add(np.roll(PHOTOS, shift, axis=1), builtin_words().embed_texts(THINGS))
    return sums


def bridge(shift: int = 0, text_id: str = "") -> Bridge:
    return fit_bridge(learned(shift), encoder_id=EYE, text_id=text_id or builtin_words().text_id)


def side(tables: SqliteTables, **terms: Any) -> TextSide:
    given: dict[str, Any] = {
        "open_embedder": builtin_words,
        "open_parts": partial(open_parts, tables.url),
    }
    return TextSide(EYE, DIM, **{**given, **terms})


def goes_live(tables: SqliteTables, content: bytes, version: int = 1) -> None:
    tables.execute("UPDATE learning_learnedpart SET state = 'retired'")
    tables.execute(
        "INSERT INTO learning_learnedpart (part, about, version, content, state) VALUES ('bridge', ?, ?, ?, 'live')",
        (EYE, version, content),
    )


def axis_of(text_side: TextSide, text: str) -> int:
    """Ask as an engine does once it has looked."""
    text_side.refresh()
    return int(text_side.encode_queries([text])[0].argmax())


def test_without_any_way_words_are_refused_but_still_embedded(tables: SqliteTables) -> None:
    plain = side(tables)
    with pytest.raises(NoTextSide, match="feira train align"):
        plain.encode_queries(["red dress"])
    assert plain.embed(["red dress"]).shape == (1, builtin_words().text_dim)
    assert plain.text_id == builtin_words().text_id


def test_the_bridge_that_came_with_the_encoder_answers_at_first(tables: SqliteTables) -> None:
    prior = pack_prior(learned(), encoder_id=EYE, text_id=builtin_words().text_id)
    brought = side(tables, prior=prior)
    assert [axis_of(brought, text) for text in ("red dress", "mug", "blue shoes")] == [0, 3, 1]
    rows = brought.encode_queries(["red dress", "?!"])
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), [1, 0], atol=1e-6)


def test_a_learned_bridge_takes_over_as_soon_as_it_is_live_and_gives_way_again(tables: SqliteTables) -> None:
    followed = side(tables, prior=pack_prior(learned(), encoder_id=EYE, text_id=builtin_words().text_id))
    followed.refresh()
    seen = [followed.version]
    for shift, version in ((1, 1), (2, 2)):
        goes_live(tables, bridge(shift).pack(), version)
        assert axis_of(followed, "red dress") == shift
        seen.append(followed.version)
    tables.execute("UPDATE learning_learnedpart SET state = 'retired'")
    assert axis_of(followed, "red dress") == 0
    seen.append(followed.version)
    assert seen[0] == seen[3]
    assert len(set(seen)) == 3


@pytest.mark.parametrize(
    "content",
    [
        b"damaged",
        bridge(1, text_id="other@1").pack(),
        Bridge(EYE, builtin_words().text_id, np.ones((3, 4), np.float32), np.ones(4, np.float32)).pack(),
    ],
    ids=["damaged", "of another text encoder", "of another length"],
)
def test_a_learned_bridge_that_does_not_fit_is_passed_over(tables: SqliteTables, content: bytes) -> None:
    goes_live(tables, content)
    brought = side(tables, prior=pack_prior(learned(), encoder_id=EYE, text_id=builtin_words().text_id))
    assert axis_of(brought, "red dress") == 0


def test_a_database_that_is_away_leaves_everything_as_it_was(tables: SqliteTables) -> None:
    goes_live(tables, bridge(1).pack())
    followed = side(tables)
    assert axis_of(followed, "red dress") == 1
    version = followed.version
    tables.path.rename(tables.path.with_suffix(".away"))
    assert axis_of(followed, "red dress") == 1
    assert followed.version == version


def test_before_the_shop_has_tables_the_default_answers(tmp_path: Path) -> None:
    prior = pack_prior(learned(), encoder_id=EYE, text_id=builtin_words().text_id)
    early = side(SqliteTables(tmp_path / "none.sqlite3"), prior=prior)
    assert axis_of(early, "wooden chair") == 2
    early.close()


def test_class_names_answer_where_nothing_was_learned(tables: SqliteTables) -> None:
    names = ClassDirections.of_weights(("cat", "shoe", "chair"), np.eye(DIM, dtype=np.float32)[:3])
    assert axis_of(side(tables, find_directions=lambda: names), "armchair") == 2
    goes_live(tables, bridge(3).pack())
    assert axis_of(side(tables, find_directions=lambda: names), "wooden chair") == 5


@needs_shared("models/mobilenet_v2")
@needs_shared("data/clothing")
def test_a_classifier_in_the_model_itself_lets_a_young_shop_be_asked_in_words(tables: SqliteTables) -> None:
    encoder = open_encoder("mobilenet_v2", models_dir=SHARED / "models")
    young = text_side_of(
        encoder,
        "mobilenet_v2",
        models_dir=SHARED / "models",
        open_embedder=builtin_words,
        open_parts=partial(open_parts, tables.url),
    )
    kinds = ["dress", "pants", "shoes", "t-shirt"]
    paths = [
        path for kind in kinds for path in sorted((SHARED / "data" / "clothing" / "test" / kind).glob("*.jpg"))[:12]
    ]
    shown = np.repeat(kinds, 12)
    scores = young.encode_queries(kinds) @ encoded_photos(paths, encoder).T
    right = np.mean([shown[np.argsort(-row)[:10]] == kind for row, kind in zip(scores, kinds, strict=True)])
    assert right > 0.7  # chance is 0.25


def test_queries_do_not_ask_the_database_looks_do(tables: SqliteTables) -> None:
    goes_live(tables, bridge(1).pack())
    asked = side(tables)
    before = asked.encode_queries(["red dress"])[0].argmax()
    goes_live(tables, bridge(2).pack(), 2)
    between = asked.encode_queries(["red dress"])[0].argmax()
    assert (before, between, axis_of(asked, "red dress")) == (1, 1, 2)


def test_a_text_encoder_that_cannot_be_opened_is_said_and_tried_again(tables: SqliteTables) -> None:
    faults = [ManifestError("The folder was altered.")] * 3

    def open_embedder() -> WordsEncoder:
        if faults:
            raise faults.pop()
        return builtin_words()

    goes_live(tables, bridge().pack())
    late = side(tables, open_embedder=open_embedder)
    assert late.text_id == ""
    late.refresh()
    assert late.version == ""
    with pytest.raises(NoTextSide, match="The folder was altered"):
        late.encode_queries(["red dress"])
    assert axis_of(late, "red dress") == 0


def test_files_beside_an_encoder_make_its_side(tables: SqliteTables, tmp_path: Path) -> None:
    encoder = HistogramEncoder()
    folder = tmp_path / "histogram"
    folder.mkdir()
    sums = PairSums.empty(encoder.dim, builtin_words().text_dim)
    sums.add(np.eye(encoder.dim, dtype=np.float32)[:4], builtin_words().embed_texts(THINGS[:4]))
    prior = pack_prior(sums, encoder_id=encoder.encoder_id, text_id=builtin_words().text_id)
    (folder / PRIOR_NAME).write_bytes(prior)
    found = text_side_of(
        encoder,
        "histogram",
        models_dir=tmp_path,
        open_embedder=builtin_words,
        open_parts=partial(open_parts, tables.url),
    )
    assert axis_of(found, "wooden chair") == 2


def test_the_text_model_is_chosen_by_name(tmp_path: Path) -> None:
    assert open_text_model("", models_dir=tmp_path) is open_text_model("words-v1", models_dir=tmp_path)
    with pytest.raises(Misconfigured, match="FEIRA_TEXT_MODEL"):
        open_text_model("unheard-of", models_dir=tmp_path)
    with pytest.raises(Misconfigured):
        open_text_model("../elsewhere", models_dir=tmp_path)


@needs_shared("models/minilm")
def test_a_sentence_encoder_takes_the_place_of_the_built_in_words(tables: SqliteTables) -> None:
    minilm = partial(open_text_model, "minilm", models_dir=SHARED / "models")
    sums = PairSums.empty(DIM, 384)
    sums.add(PHOTOS, minilm().embed_texts(THINGS))
    goes_live(tables, fit_bridge(sums, encoder_id=EYE, text_id=minilm().text_id).pack())
    asked = side(tables, open_embedder=minilm)
    assert [axis_of(asked, text) for text in ("crimson gown", "cup for coffee")] == [0, 3]
