"""`feira train words` from beginning to end: texts, the teacher's answers, the table, its figures and its card."""

import csv
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from feira.core.encoders.sentence import SentenceEncoder
from feira.core.encoders.words.encoder import FILE, WordsEncoder
from feira.core.evaluation.splits import is_held_out
from feira.core.types import Matrix
from feira.training.word_texts import PRODUCTS, STICKERS, all_texts, teacher_words
from feira.training.words import WordsRecipe, train_words

CARD_NAME: Final = "CARD.md"
CAPTIONS: Final = Path("photos/captions.csv")
_NEIGHBOURS: Final = 10
_AT_ONCE: Final = 8_192
Say = Callable[[str], None]

_TYPOS: Final = (
    ("jacket", "jackt"),
    ("trousers", "trowsers"),
    ("sneakers", "sneekers"),
    ("handbag", "hanbag"),
    ("sunglasses", "sunglases"),
    ("necklace", "neclace"),
)


@dataclass(frozen=True, slots=True)
class Likeness:
    """How far the words agree with their teacher on texts that they never learned from.

    Attributes:
        texts: how many.
        correlation: Pearson's, between the two likenesses of every pair of texts.
        neighbours: mean share of a text's ten nearest that both agree on.
    """

    texts: int
    correlation: float
    neighbours: float


def run(data: Path, teacher: Path, out: Path, *, recipe: WordsRecipe, threads: int, say: Say) -> dict[str, Likeness]:
    """Train, write `words-v1.npz` and its card into `out`, and return the figures.

    The teacher's answers are kept in `out` while the texts stay the same, so that another recipe is quick to try.

    Raises:
        SourceError: a part of the data is missing.
        ManifestError: the teacher's folder is incomplete or altered.
    """
    out.mkdir(parents=True, exist_ok=True)
    encoder = SentenceEncoder(teacher, threads=threads)
    words = teacher_words(teacher / "tokenizer.json")
    texts = all_texts(data, words, phrases=recipe.phrases, seed=recipe.seed)
    say(f"{len(texts)} texts")
    targets = _answers(texts, encoder, out, say)
    started = time.monotonic()
    content = train_words(texts, targets, words, recipe, teacher_id=encoder.text_id, say=say)
    (out / FILE).write_bytes(content)
    trained = WordsEncoder(content)
    figures = {
        what: likeness_of(trained.embed_texts(held_out), encoder.embed_texts(held_out))
        for what, held_out in held_out_texts(data).items()
    }
    card = _card(trained, encoder, recipe, figures, texts=len(texts), minutes=(time.monotonic() - started) / 60)
    (out / CARD_NAME).write_text(card, encoding="utf-8")
    return figures


def likeness_of(rows: Matrix, teacher_rows: Matrix) -> Likeness:
    """Compare two sets of unit rows of the same texts, in spaces that need not be of one length."""
    ours, theirs = rows @ rows.T, teacher_rows @ teacher_rows.T
    pairs = np.triu_indices(len(rows), 1)
    correlation = float(np.corrcoef(ours[pairs], theirs[pairs])[0, 1])
    for likeness in (ours, theirs):
        np.fill_diagonal(likeness, -np.inf)
    count = min(_NEIGHBOURS, len(rows) - 1)
    near = [np.argsort(-likeness, axis=1, kind="stable")[:, :count] for likeness in (ours, theirs)]
    shared = [len(set(one) & set(other)) / count for one, other in zip(*(part.tolist() for part in near), strict=True)]
    return Likeness(len(rows), correlation, float(np.mean(shared)))


def held_out_texts(data: Path) -> dict[str, list[str]]:
    """Return texts that no training text was made of, by what they are; captions only where the photos are there."""
    texts = {
        "titles of held-out products": sorted(
            {row["productDisplayName"] for row in _table(data / PRODUCTS) if is_held_out(row["id"])}
        ),
        "names of held-out stickers": sorted(
            {row["name"] for row in _table(data / STICKERS) if is_held_out(row["codepoints"])}
        ),
    }
    if (data / CAPTIONS).is_file():
        texts["captions of everyday photos"] = [row["caption"] for row in _table(data / CAPTIONS)][::5]
    return texts


def _answers(texts: Sequence[str], teacher: SentenceEncoder, out: Path, say: Say) -> Matrix:
    """Return the teacher's rows as float16, from the last run where the texts and the teacher are the same."""
    mark = hashlib.sha256(json.dumps([teacher.text_id, *texts]).encode()).hexdigest()
    kept = out / f"teacher-{mark[:16]}.npy"
    if kept.is_file():
        found: Matrix = np.load(kept, allow_pickle=False)
        return found
    parts: list[Any] = []
    for start in range(0, len(texts), _AT_ONCE):
        parts.append(teacher.embed_texts(texts[start : start + _AT_ONCE]).astype(np.float16))
        say(f"{teacher.text_id} has read {min(start + _AT_ONCE, len(texts))} of {len(texts)} texts")
    rows: Matrix = np.concatenate(parts)
    np.save(kept, rows, allow_pickle=False)
    return rows


def _card(
    words: WordsEncoder,
    teacher: SentenceEncoder,
    recipe: WordsRecipe,
    figures: dict[str, Likeness],
    *,
    texts: int,
    minutes: float,
) -> str:
    size = (words.vocabulary + recipe.buckets) * (recipe.dim // 2 + 2) / 1e6
    table = "\n".join(
        f"| {what} | {one.texts} | {one.correlation:.3f} | {one.neighbours:.3f} |" for what, one in figures.items()
    )
    typos = ", ".join(
        f"{right}/{wrong} {float((words.embed_texts([right]) @ words.embed_texts([wrong]).T)[0, 0]):.2f}"
        for right, wrong in _TYPOS
    )
    settings = "\n".join(f"| {name} | {value} |" for name, value in asdict(recipe).items())
    return f"""# {words.text_id}

The text encoder that ships with Feira: {words.vocabulary:,} words and {recipe.buckets:,} buckets of pieces, each a
row of {recipe.dim} numbers in four bits, {size:.1f} MB before they are packed. A text is the sum of its words; a word
outside of the table is the sum of its pieces of three to five letters, and a signature of its own.

- **Made by**
  `feira train words --data ../shared/data --teacher ../shared/models/minilm --out DIR --seed {recipe.seed}`,
  {minutes:.0f} minutes of fitting on one core of a busy machine, after the teacher had read the texts, which took
  longer.
- **Teacher** {teacher.text_id} ({teacher.manifest.licence}); none of its weights are in the table.
- **Texts** {texts:,}: titles and attributes of training products, names and keywords of training stickers, titles and
  descriptions of drawn things, sentences of clothing reviews, class names, the teacher's vocabulary word by word, and
  phrases made up of it. Held-out products and stickers ([`is_held_out`](../../src/feira/core/evaluation/splits.py)) and
  the captions of everyday photos are not among them.
- **Licence** Apache-2.0, as Feira.
- **Limits** English at large; other languages are told apart, not understood, until a shop's own titles teach the
  bridge what they show. The order of words does not count: "dog bites man" is "man bites dog". Negation is not read.

## Agreement with the teacher, on texts that it was not trained on

Correlation of the likeness of all pairs, and share of the ten nearest that both name.

| texts | count | correlation | ten nearest |
|---|---|---|---|
{table}

Cosine of words and their typos: {typos}.

## Recipe

| setting | value |
|---|---|
{settings}
"""


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))
