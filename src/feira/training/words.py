"""Trains the built-in words: a table of vectors whose sums point where a sentence encoder's vectors point.

The teacher embeds many short texts; its vectors are reduced to the directions that hold most of them, and the table is
fitted so that the sum over a text's words lies near in cosine and so that texts are as like each other as the teacher
finds them. Words are replaced by their pieces now and then, sometimes misspelt, so that the pieces learn to stand for
words. Nothing of the teacher but its answers enters the table.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from random import Random
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from feira.core.encoders.words.encoder import pack_words
from feira.core.encoders.words.tokens import bucket_of, pieces_of, words_of
from feira.core.types import Matrix

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
Report = Callable[[str], None]
Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class WordsRecipe:
    """Everything that decides how the words are trained.

    Attributes:
        seed: of the phrases, the typos, the order of texts and the first table.
        words, buckets: rows of the table for whole words and for pieces.
        dim: length of the vectors.
        phrases: how many are made up of the teacher's words.
        epochs, batch, learning_rate: of the fit; the rate falls to nothing along half a cosine.
        pieces_share, typo_share: how often a word is shown as its pieces, and as those of a misspelt form.
        likeness: weight of the loss on how alike two texts of a batch are, against that on single texts.
    """

    seed: int = 7
    words: int = 24_000
    buckets: int = 4096
    dim: int = 192
    phrases: int = 250_000
    epochs: int = 8
    batch: int = 4096
    learning_rate: float = 0.015
    pieces_share: float = 0.16
    typo_share: float = 0.05
    likeness: float = 0.5

    @classmethod
    def quick(cls, seed: int = 7) -> "WordsRecipe":
        """Return a recipe that takes seconds and teaches little."""
        return cls(seed=seed, words=2_000, buckets=256, dim=32, phrases=2_000, epochs=2, batch=512)


def choose_vocabulary(texts: Sequence[str], general: Sequence[str], count: int) -> list[str]:
    """Return the words that get rows of their own: those that the texts hold at least twice, then general ones.

    Args:
        general: most frequent first.
        count: no more than this many; of the texts' own, the most frequent.
    """
    seen = Counter(word for text in texts for word in words_of(text))
    own = [word for word, times in seen.most_common() if times > 1]
    folded = [parts[0] for word in general if len(parts := words_of(word)) == 1]
    # Half of the places at least are for the language at large: a shop for clothes sells lamps one day.
    kept = dict.fromkeys(own[: count // 2])
    return list(dict.fromkeys([*kept, *folded, *own]))[:count]


def reduce_vectors(rows: Matrix, dim: int) -> tuple[Matrix, Matrix]:
    """Return the rows along their `dim` main directions, of unit length again, and the directions (full, dim)."""
    moment = np.zeros((rows.shape[1], rows.shape[1]))
    for start in range(0, len(rows), 50_000):
        part = rows[start : start + 50_000].astype(np.float64)
        moment += part.T @ part
    directions = np.linalg.eigh(moment)[1][:, ::-1][:, :dim].astype(np.float32)
    reduced = rows.astype(np.float32) @ directions
    unit: Matrix = reduced / np.maximum(np.linalg.norm(reduced, axis=1, keepdims=True), 1e-9)
    return unit, directions


def misspelt(word: str, rng: Random) -> str:
    """Return the word with one letter dropped, doubled, replaced or swapped with the next."""
    place = rng.randrange(len(word))
    letter = word[place]
    change = rng.randrange(4)
    if change == 0 and len(word) > 2:
        return word[:place] + word[place + 1 :]
    if change == 1:
        return word[:place] + letter + word[place:]
    if change == 2:
        return word[:place] + rng.choice(_LETTERS) + word[place + 1 :]
    return word[:place] + word[place + 1 : place + 2] + letter + word[place + 2 :]


class Spelling:
    """Turns texts into rows of the table with weights, for `torch.nn.functional.embedding_bag`."""

    def __init__(self, texts: Sequence[str], vocabulary: Sequence[str], buckets: int, rng: Random) -> None:
        known = {word: place for place, word in enumerate(vocabulary)}
        numbers: dict[str, int] = {}
        sequences = [[numbers.setdefault(word, len(numbers)) for word in words_of(text)] for text in texts]
        self._starts = np.cumsum([0, *map(len, sequences)])
        self._words = np.array([number for sequence in sequences for number in sequence], dtype=np.int64)
        words = list(numbers)
        self._is_known = np.array([word in known for word in words])
        # Three ways to show each word: its row (or pieces, when it has none), its pieces, pieces of a misspelt form.
        pieces = [_rows_of(word, len(known), buckets) for word in words]
        whole = [[known[word]] if word in known else rows for word, rows in zip(words, pieces, strict=True)]
        typos = [_rows_of(misspelt(word, rng), len(known), buckets) for word in words]
        ways = [*whole, *pieces, *typos]
        self._way_starts = np.cumsum([0, *map(len, ways)])
        self._way_rows = np.array([row for way in ways for row in way], dtype=np.int64)
        self._count = len(words)

    def __len__(self) -> int:
        return len(self._starts) - 1

    def batch(
        self, places: Numbers, rng: np.random.Generator, *, pieces_share: float = 0.0, typo_share: float = 0.0
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return rows, the start of each text among them, and the weight of each row."""
        occurrences, lengths = _ranges(self._starts, places)
        words = self._words[occurrences]
        chance = rng.random(len(words))
        way = np.where(chance < typo_share, 2, np.where(chance < typo_share + pieces_share, 1, 0))
        shown, counts = _ranges(self._way_starts, words + way * self._count)
        weights = np.repeat(1.0 / np.sqrt(np.maximum(counts, 1)), counts)
        # Rows per text: the counts of its words added up.
        ends = np.concatenate(([0], np.cumsum(counts)))
        edges = np.concatenate(([0], np.cumsum(lengths)))
        return (
            torch.from_numpy(self._way_rows[shown]),
            torch.from_numpy(ends[edges[:-1]]),
            torch.from_numpy(weights.astype(np.float32)),
        )


def train_words(
    texts: Sequence[str],
    targets: Matrix,
    general: Sequence[str],
    recipe: WordsRecipe,
    *,
    teacher_id: str,
    vocabulary: Sequence[str] | None = None,
    say: Report = lambda _line: None,
) -> bytes:
    """Return the file of a `WordsEncoder`.

    Args:
        texts: without held-out ones; each once.
        targets: the teacher's unit rows for them, shape (n, any).
        general: words of the language, most frequent first; they fill the places that the texts' own words leave.
        teacher_id: noted in the file.
    """
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    words = list(vocabulary or choose_vocabulary(texts, general, recipe.words))
    goals, _ = reduce_vectors(targets, recipe.dim)
    spelling = Spelling(texts, words, recipe.buckets, Random(f"{recipe.seed}:typos"))
    table = _first_table(texts, goals, words, recipe)
    optimiser = torch.optim.Adam([table], lr=recipe.learning_rate, betas=(0.9, 0.99))
    goal_rows = torch.from_numpy(goals)
    steps, step = recipe.epochs * ((len(texts) + recipe.batch - 1) // recipe.batch), 0
    for epoch in range(recipe.epochs):
        order, lost = rng.permutation(len(texts)), []
        for start in range(0, len(order), recipe.batch):
            places = order[start : start + recipe.batch]
            rows, starts, weights = spelling.batch(
                places, rng, pieces_share=recipe.pieces_share, typo_share=recipe.typo_share
            )
            for group in optimiser.param_groups:
                group["lr"] = recipe.learning_rate * 0.5 * (1 + np.cos(np.pi * step / steps))
            sums = torch.nn.functional.embedding_bag(rows, table, starts, mode="sum", per_sample_weights=weights)
            loss = _loss(sums, goal_rows[places], recipe.likeness)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            lost.append(float(loss.detach()))
            step += 1
        say(f"epoch {epoch + 1} of {recipe.epochs}: loss {np.mean(lost):.4f}")
    facts = {"teacher": teacher_id, "texts": len(texts), "recipe": asdict(recipe)}
    return pack_words(words, table.detach().numpy(), buckets=recipe.buckets, facts=facts)


def _loss(sums: torch.Tensor, goals: torch.Tensor, likeness: float) -> torch.Tensor:
    found = torch.nn.functional.normalize(sums, dim=1)
    single = 1 - (found * goals).sum(dim=1).mean()
    half = len(found) // 2
    if not likeness or half < 2:
        return single
    alike = found[:half] @ found[half : 2 * half].T - goals[:half] @ goals[half : 2 * half].T
    return single + likeness * 10 * (alike**2).mean()


def _first_table(texts: Sequence[str], goals: Matrix, words: Sequence[str], recipe: WordsRecipe) -> torch.nn.Parameter:
    """Return a table that begins with what the teacher says of single words, frequent ones shorter."""
    table = torch.randn(len(words) + recipe.buckets, recipe.dim) * 0.02
    alone = {text: place for place, text in enumerate(texts)}
    places = {word: place for place, word in enumerate(words)}
    frequency = np.ones(len(words))
    for text in texts:
        for word in words_of(text):
            if (place := places.get(word)) is not None:
                frequency[place] += 1
    weights = 1e-3 / (1e-3 + frequency / frequency.sum())  # Arora, Liang and Ma 2017
    for place, word in enumerate(words):
        if word in alone:
            table[place] = torch.from_numpy(goals[alone[word]] * np.float32(weights[place]))
    return torch.nn.Parameter(table)


def _rows_of(word: str, known: int, buckets: int) -> list[int]:
    return [known + bucket_of(piece, buckets) for piece in pieces_of(word)]


def _ranges(starts: Numbers, places: Numbers) -> tuple[Numbers, Numbers]:
    """Return every number from starts[p] to starts[p + 1] for each p in turn, and how many each gave."""
    first, counts = starts[places], starts[places + 1] - starts[places]
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) + np.repeat(first - (ends - counts), counts), counts
