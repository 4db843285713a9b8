"""The built-in words are trained from a teacher's answers, on texts of which nothing is held out."""

import csv
import gzip
import json
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
import pytest

from feira.core.encoders.words.encoder import WordsEncoder, builtin_words
from feira.core.encoders.words.tokens import words_of
from feira.core.errors import SourceError
from feira.core.evaluation.splits import is_held_out
from feira.core.learning.bridge import fit_bridge, unpack_prior
from feira.training.photos import TrainingPhoto
from feira.training.prior import prior_of, reach_of, texts_of
from feira.training.word_run import held_out_texts, likeness_of, run
from feira.training.word_texts import all_texts, composed_texts, product_texts, sticker_texts, teacher_words
from feira.training.words import (
    Spelling,
    WordsRecipe,
    choose_vocabulary,
    misspelt,
    reduce_vectors,
    train_words,
)
from tests.shared_files import SHARED, needs_shared

DATA, MINILM = SHARED / "data", SHARED / "models/minilm"
GOODS = ("shoe", "dress", "lamp", "chair", "mug", "ball")
COLOURS = ("red", "blue", "green", "white")


def meaning_of(text: str) -> np.ndarray:
    """A teacher who knows ten words: each points along an axis of its own."""
    row = np.full(16, 0.01, dtype=np.float32)
    for place, word in enumerate((*GOODS, *COLOURS)):
        row[place] += word in text.split()
    return row / np.linalg.norm(row)


TEXTS = [*GOODS, *COLOURS, *(f"the {colour} {thing}" for colour in COLOURS for thing in GOODS)] * 3
TEXTS = [f"{text}{' ' * number}" for number, text in enumerate(TEXTS)]
TARGETS = np.stack([meaning_of(text) for text in TEXTS])


@cache
def trained(seed: int) -> WordsEncoder:
    recipe = WordsRecipe(
        seed=seed, words=20, buckets=64, dim=12, epochs=60, batch=32, learning_rate=0.03, pieces_share=0.2
    )
    return WordsEncoder(train_words(TEXTS, TARGETS, ["hello"], recipe, teacher_id="teacher@1"))


def test_a_trained_table_answers_as_its_teacher_does() -> None:
    words = trained(1)
    agreed = likeness_of(words.embed_texts(TEXTS[:34]), TARGETS[:34])
    assert agreed.texts == 34
    assert agreed.correlation > 0.95
    rows = words.embed_texts(["the", "red shoe", "shoe red the", "blue lamp"])
    np.testing.assert_allclose(rows[1] @ rows[2], 1, atol=0.05)
    assert rows[1] @ rows[2] > rows[1] @ rows[3] + 0.5


def test_pieces_learn_to_stand_for_their_words() -> None:
    words = trained(1)
    typo, right, other = words.embed_texts(["chaiir", "chair", "dress"])
    assert typo @ right > typo @ other


def test_the_same_seed_gives_the_same_table() -> None:
    again = trained.__wrapped__(1)
    assert again.text_id == trained(1).text_id != trained(2).text_id


def test_every_word_can_be_shown_as_a_row_as_pieces_and_misspelt() -> None:
    spelling = Spelling(["red shoe", "", "zzz red"], ["red", "shoe"], 8, Random(1))
    rng = np.random.default_rng(1)
    rows, starts, weights = spelling.batch(np.arange(3), rng)
    assert rows[:2].tolist() == [0, 1]
    assert starts.tolist() == [0, 2, 2]
    assert rows[2:-1].min() >= 2
    assert rows[-1] == 0
    np.testing.assert_allclose((weights[2:-1] ** 2).sum(), 1, atol=1e-6)
    pieces, *_ = spelling.batch(np.array([0]), rng, pieces_share=1.0)
    typos, *_ = spelling.batch(np.array([0]), rng, typo_share=1.0)
    assert pieces.min() >= 2
    assert typos.min() >= 2
    assert pieces.tolist() != typos.tolist()


def test_the_vocabulary_holds_what_texts_repeat_and_the_language_at_large() -> None:
    texts = ["kurta for women", "blue kurta", "unique"]
    assert choose_vocabulary(texts, ["the", "of", "cat"], 4) == ["kurta", "the", "of", "cat"]
    assert choose_vocabulary(texts, ["the"], 9) == ["kurta", "the"]


def test_vectors_are_reduced_to_the_directions_that_hold_most() -> None:
    rows = np.zeros((50, 6), np.float32)
    rows[:, 2], rows[:, 4] = np.cos(np.arange(50)), np.sin(np.arange(50))
    reduced, directions = reduce_vectors(rows, 2)
    assert directions.shape == (6, 2)
    np.testing.assert_allclose(reduced @ reduced.T, rows @ rows.T, atol=1e-5)


def test_a_misspelt_word_differs_by_one_letter_or_two() -> None:
    rng = Random(5)
    found = {misspelt("jacket", rng) for _ in range(300)}
    assert "jackket" in found
    assert "jackt" in found
    assert "jakcet" in found
    assert all(abs(len(word) - 6) <= 1 for word in found)


def test_phrases_are_the_same_for_the_same_seed_and_use_frequent_words_more() -> None:
    words = [f"w{number}" for number in range(1000)]
    first = list(composed_texts(words, 2000, 1))
    assert first == list(composed_texts(words, 2000, 1)) != list(composed_texts(words, 2000, 2))
    used = [int(word[1:]) for text in first for word in text.split() if word[1:].isdigit()]
    assert np.median(used) < 400


@needs_shared("data/fashion-products")
def test_no_text_is_made_of_what_is_held_out() -> None:
    with (DATA / "fashion-products/products.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    taught = {row["productDisplayName"] for row in rows if not is_held_out(row["id"])}
    withheld = {row["productDisplayName"] for row in rows if is_held_out(row["id"])} - taught
    assert withheld
    assert not withheld & set(product_texts(DATA))
    names = set(held_out_texts(DATA)["names of held-out stickers"])
    assert len(names & set(sticker_texts(DATA))) < 0.15 * len(names)  # a name may be another sticker's keyword


@needs_shared("models/minilm")
def test_the_teachers_words_are_whole_and_frequent_ones_come_first() -> None:
    words = teacher_words(MINILM / "tokenizer.json")
    assert words[:3] == ["the", "of", "and"]
    assert len(words) > 20_000
    assert all(words_of(word) == [word] for word in words[:2000])


def test_missing_texts_and_odd_tokenizers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="clothing/train is missing"):
        all_texts(tmp_path, ["the"], phrases=1, seed=1)
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": {"vocab": ["a"]}}))
    with pytest.raises(SourceError, match="no vocabulary"):
        teacher_words(tmp_path / "tokenizer.json")


@needs_shared("models/minilm")
def test_a_whole_run_writes_a_table_and_its_card(tmp_path: Path) -> None:
    data = small_data(tmp_path)
    lines: list[str] = []
    recipe = WordsRecipe(seed=2, words=200, buckets=32, dim=16, phrases=200, epochs=2, batch=256)
    figures = run(data, MINILM, tmp_path / "out", recipe=recipe, threads=1, say=lines.append)
    words = WordsEncoder((tmp_path / "out/words-v1.npz").read_bytes())
    assert words.text_dim == 16
    assert set(figures) == {"titles of held-out products", "names of held-out stickers"}
    card = (tmp_path / "out/CARD.md").read_text()
    assert words.text_id in card
    assert "all-MiniLM-L6-v2@bdccdf2a" in card
    again = len(lines)
    run(data, MINILM, tmp_path / "out", recipe=recipe, threads=1, say=lines.append)
    assert not any("has read" in line for line in lines[again:])


def small_data(folder: Path) -> Path:
    """Forty products, stickers and reviews in the layout of the shared data."""
    for name in ("hat", "shoes"):
        (folder / "data/clothing/train" / name).mkdir(parents=True)
    for name in ("fashion-products", "stickers", "reviews"):
        (folder / "data" / name).mkdir()
    things = [f"{colour} {thing}" for colour in COLOURS for thing in GOODS] * 2
    products = [
        f"{1500 + number},Women,Apparel,Topwear,{title.split()[1]},{title.split()[0]},Fall,2011,Casual,{title} {number}"
        for number, title in enumerate(things)
    ]
    head = "id,gender,masterCategory,subCategory,articleType,baseColour,season,year,usage,productDisplayName"
    (folder / "data/fashion-products/products.csv").write_text("\n".join([head, *products]))
    stickers = [f"{number:04x},sticker {title} {number},{title};thing,Objects" for number, title in enumerate(things)]
    (folder / "data/stickers/stickers.csv").write_text("\n".join(["codepoints,name,keywords,group", *stickers]))
    with gzip.open(folder / "data/reviews/womens_clothing_reviews.csv.gz", "wt") as stream:
        stream.write("Title,Review Text\nLovely,It fits well. I like it!\n")
    return folder / "data"


def test_an_encoder_brings_along_what_its_training_photos_are_called() -> None:
    photos = [
        TrainingPhoto(f"products/{number}", "products", None, labels={"article": thing, "colour": colour}, words=title)
        for number, (thing, colour, title) in enumerate(
            (thing, colour, f"Brand {number} {colour} {thing}")
            for number, (thing, colour) in enumerate((t, c) for t in GOODS for c in COLOURS)
        )
    ]
    assert [text for text, _weight in texts_of(photos[0])] == ["Brand 0 red shoe", "shoe", "red", "red shoe"]
    eye = np.zeros((len(photos), 12), np.float32)
    for place in range(len(photos)):
        eye[place, place // 4], eye[place, 6 + place % 4] = 0.8, 0.6
    content = prior_of("eye@1", photos, eye, builtin_words())
    sums, encoder_id, text_id = unpack_prior(content)
    assert (encoder_id, text_id) == ("eye@1", builtin_words().text_id)
    bridge = fit_bridge(sums, encoder_id=encoder_id, text_id=text_id)
    queries = bridge.to_image_space(builtin_words().embed_texts(["green lamp", "white ball"]))
    assert (queries @ eye.T).argmax(axis=1).tolist() == [2 * 4 + 2, 5 * 4 + 3]
    assert reach_of(eye, bridge.to_image_space(builtin_words().embed_texts([p.words for p in photos]))) > 0.9
