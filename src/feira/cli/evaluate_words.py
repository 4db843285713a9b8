"""`feira evaluate words`: how well an encoder is asked in words, on catalogues that were kept from training."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from feira.cli.console import progress
from feira.core.encoders.protocol import Encoder, TextEmbedder, TextEncoder
from feira.core.evaluation.catalogues import read_captioned, read_products, read_stickers
from feira.core.evaluation.similar import encoded_photos
from feira.core.evaluation.words import (
    Measure,
    Reads,
    measure_attributes,
    measure_captions,
    measure_composed,
    measure_stickers,
    measure_titles,
)
from feira.core.learning.bridge import choose_bridge, fit_bridge
from feira.core.learning.priors import prior_between, read_prior
from feira.core.learning.ridge import PairSums
from feira.core.types import Matrix
from feira.engine.registry import open_encoder
from feira.engine.texts import open_text_model

# Of the pairs that a bridge is taught with, every tenth chooses how strongly it is held back.
_CHOOSING = 10


def words_measured(
    name: str, data: Path, *, models_dir: Path, text_model: str, threads: int
) -> tuple[dict[str, Any], list[Measure]]:
    """Return what was measured with (encoder, words, where the way between them came from) and every figure.

    Args:
        data: a folder with `fashion-products`, `stickers` and `photos`.

    Raises:
        SourceError: one of them is not there.
    """
    encoder = open_encoder(name, models_dir=models_dir, threads=threads)
    products, stickers = read_products(data / "fashion-products"), read_stickers(data / "stickers")
    captioned = read_captioned(data / "photos")
    images = {
        part: photos_seen(encoder, paths, label=f"{encoder.encoder_id}: {part}")
        for part, paths in {
            "products": [each.path for each in products],
            "stickers": [each.path for each in stickers],
            "photos": [each.path for each in captioned],
        }.items()
    }
    read, text_id, taught_by = reader_of(name, encoder, data, models_dir=models_dir, text_model=text_model)
    measures = [
        *measure_titles(products, images["products"], read),
        *measure_attributes(products, images["products"], read),
        *measure_composed(products, images["products"], read),
        *measure_stickers(stickers, images["stickers"], read),
        *measure_captions(captioned, images["photos"], read),
    ]
    return {"encoder": encoder.encoder_id, "words": text_id, "taught_by": taught_by}, measures


def reader_of(name: str, encoder: Encoder, data: Path, *, models_dir: Path, text_model: str) -> tuple[Reads, str, str]:
    """Return what takes words to the encoder's pictures, the id of what reads them, and where the way came from.

    A dual encoder reads for itself, one with a bridge of its own has that; any other is taught with the titles and
    names of the photos that are not held out, as a shop with such photos would teach it.
    """
    if isinstance(encoder, TextEncoder):
        return encoder.encode_texts, encoder.encoder_id, "its maker"
    embedder = open_text_model(text_model, models_dir=models_dir)
    prior = prior_between(
        read_prior(name, models_dir=models_dir), encoder_id=encoder.encoder_id, text_id=embedder.text_id
    )
    if prior is not None:
        bridge, taught_by = fit_bridge(prior, encoder_id=encoder.encoder_id, text_id=embedder.text_id), "its maker"
    else:
        texts, images = pairs_to_teach(encoder, embedder, data)
        chooses = np.arange(len(texts)) % _CHOOSING == 0
        sums = PairSums.empty(encoder.dim, embedder.text_dim)
        sums.add(images[~chooses], texts[~chooses])
        bridge, _facts = choose_bridge(
            sums,
            encoder_id=encoder.encoder_id,
            text_id=embedder.text_id,
            texts=texts[chooses],
            images=images[chooses],
        )
        taught_by = f"{len(texts):,} titles and names"
    return lambda asked: bridge.to_image_space(embedder.embed_texts(asked)), embedder.text_id, taught_by


def pairs_to_teach(encoder: Encoder, embedder: TextEmbedder, data: Path) -> tuple[Matrix, Matrix]:
    """Return text and image rows of the photos that are not held out: titles of products, names of stickers."""
    products = read_products(data / "fashion-products", held_out=False)
    stickers = read_stickers(data / "stickers", held_out=False)
    paths = [*(each.path for each in products), *(each.path for each in stickers)]
    texts = [
        *(each.title for each in products),
        *(" ".join([each.name, *each.keywords]) for each in stickers),
    ]
    return embedder.embed_texts(texts), photos_seen(encoder, paths, label=f"{encoder.encoder_id}: to learn from")


def photos_seen(encoder: Encoder, paths: Sequence[Path], *, label: str) -> Matrix:
    """Return the rows of photos, with a progress bar."""
    with progress(label, len(paths)) as advance:
        seen = 0

        def follow(done: int, _total: int) -> None:
            nonlocal seen
            advance(done - seen)
            seen = done

        return encoded_photos(paths, encoder, progress=follow)


def as_rows(facts: dict[str, Any], measures: Sequence[Measure]) -> list[dict[str, Any]]:
    """Return the figures as data, one row each."""
    return [{**facts, **asdict(each)} for each in measures]
