"""How well an encoder is asked in words: titles, attributes, names of stickers, captions of everyday photos."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from feira.core.evaluation.attributes import (
    FIRST,
    attribute_queries,
    capped_precision,
    fused,
    ranked_by_pictures,
    ranked_by_titles,
)
from feira.core.evaluation.catalogues import CaptionedPhoto, Product, Sticker
from feira.core.evaluation.composed import Swap, colour_swaps, kind_swaps
from feira.core.evaluation.crossing import Crossing, cross
from feira.core.evaluation.metrics import recall_at_k
from feira.core.recommend.composing import compose
from feira.core.types import Matrix

Reads = Callable[[Sequence[str]], Matrix]


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure: what was asked of which photos, by which way, and how it went over how many queries."""

    task: str
    way: str
    metric: str
    value: float
    queries: int


def measure_titles(products: Sequence[Product], images: Matrix, read: Reads) -> list[Measure]:
    """Find each product's photo by its title, and its title by its photo; products of one title count as one."""
    titles = [product.title for product in products]
    rows = read(titles)
    return [
        *_crossed("products", "title → photo", cross(rows, titles, images, titles)),
        *_crossed("products", "photo → title", cross(images, titles, rows, titles)),
    ]


def measure_attributes(products: Sequence[Product], images: Matrix, read: Reads) -> list[Measure]:
    """Ask for a colour and a kind: in the titles only, by pictures only, and by both fused."""
    wanted = attribute_queries(products)
    if not wanted:
        return []
    queries, relevant = list(wanted), list(wanted.values())
    by_titles = ranked_by_titles(queries, [product.title for product in products])
    by_pictures = ranked_by_pictures(read(queries), images)
    ways = {
        "titles only": by_titles,
        "pictures only": by_pictures,
        "fused": [fused(*both) for both in zip(by_titles, by_pictures, strict=True)],
    }
    return [
        Measure(
            "colour + kind",
            way,
            f"precision@{FIRST} (capped)",
            _mean(map(capped_precision, ranked, relevant)),
            len(queries),
        )
        for way, ranked in ways.items()
    ]


def measure_stickers(stickers: Sequence[Sticker], images: Matrix, read: Reads) -> list[Measure]:
    """Find stickers by name, and by each of their keywords, with no text of theirs in any index."""
    keys = [sticker.key for sticker in stickers]
    names = list({sticker.key: sticker.name for sticker in stickers}.items())
    found = cross(read([name for _, name in names]), [key for key, _ in names], images, keys)
    with_keyword: dict[str, set[int]] = {}
    for place, sticker in enumerate(stickers):
        for word in sticker.keywords:
            with_keyword.setdefault(word, set()).add(place)
    ranked = ranked_by_pictures(read(list(with_keyword)), images)
    recall = _mean(
        recall_at_k(order[:10], wanted, 10) for order, wanted in zip(ranked, with_keyword.values(), strict=True)
    )
    return [
        *_crossed("stickers", "name → picture", found),
        Measure("stickers", "keyword → pictures", "recall@10", recall, len(with_keyword)),
    ]


def measure_captions(photos: Sequence[CaptionedPhoto], images: Matrix, read: Reads) -> list[Measure]:
    """Find everyday photos by each of the sentences that people wrote about them."""
    said = [(photo.key, caption) for photo in photos for caption in photo.captions]
    rows = read([caption for _, caption in said])
    found = cross(rows, [key for key, _ in said], images, [photo.key for photo in photos])
    return _crossed("everyday photos", "caption → photo", found)


def measure_composed(products: Sequence[Product], images: Matrix, read: Reads) -> list[Measure]:
    """Ask for “like this photo, but …”: by the photo alone, by words alone, and by the photo changed by words."""
    measures = []
    for task, swaps in (("other colour", colour_swaps(products)), ("other kind", kind_swaps(products))):
        if not swaps:
            continue
        photos = images[[swap.source for swap in swaps]]
        new, old, kept = (
            _read_once(read, texts) for texts in zip(*((swap.new, swap.old, swap.kept) for swap in swaps), strict=True)
        )
        changed = [
            compose(photo=photo, add=new[[place]], remove=old[[place]], keep=kept[[place]])
            for place, photo in enumerate(photos)
        ]
        ways = {
            "photo only": photos,
            "words only": _read_once(read, [swap.words for swap in swaps]),
            "photo changed by words": np.stack(changed),
        }
        measures += [
            Measure(task, way, "recall@10", _recall_of_swaps(swaps, queries, images), len(swaps))
            for way, queries in ways.items()
        ]
    return measures


def _recall_of_swaps(swaps: Sequence[Swap], queries: Matrix, images: Matrix) -> float:
    """Mean recall@10 of the right products, the source itself left out."""
    scores = queries @ images.T
    scores[np.arange(len(swaps)), [swap.source for swap in swaps]] = -np.inf
    order = np.argsort(-scores, axis=1, kind="stable")[:, :10].tolist()
    return _mean(recall_at_k(first, swap.relevant, 10) for first, swap in zip(order, swaps, strict=True))


def _read_once(read: Reads, texts: Sequence[str]) -> Matrix:
    unique = list(dict.fromkeys(texts))
    rows = read(unique)
    number = {text: place for place, text in enumerate(unique)}
    chosen: Matrix = rows[[number[text] for text in texts]]
    return chosen


def _crossed(task: str, way: str, found: Crossing) -> list[Measure]:
    values = {"recall@1": found.recall_at_1, "recall@10": found.recall_at_10, "MRR": found.mrr}
    return [Measure(task, way, metric, value, found.queries) for metric, value in values.items()]


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
