"""`feira train bridge` from beginning to end: photos, embeddings, sums, a look at what is held out."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from feira.core.encoders.onnx import OnnxEncoder
from feira.core.encoders.protocol import TextEmbedder
from feira.core.encoders.sentence import SentenceEncoder
from feira.core.encoders.words.encoder import builtin_words
from feira.core.learning.bridge import fit_bridge, unpack_prior
from feira.core.learning.priors import PRIOR_NAME
from feira.training.package import encode
from feira.training.photos import gather, gather_held_out
from feira.training.prior import prior_of, reach_of


def write_prior(
    model: Path,
    data: Path,
    *,
    text: Path | None,
    drawn: int,
    seed: int,
    threads: int,
    say: Callable[[str], None],
) -> dict[str, tuple[float, int]]:
    """Write `bridge.npz` into a model folder; return recall@10 of held-out photos, and of how many, by source.

    Raises:
        ManifestError: the model folder or the sentence encoder cannot be used.
        Refused: there are no photos.
    """
    encoder = OnnxEncoder(model, threads=threads)
    embedder: TextEmbedder = builtin_words() if text is None else SentenceEncoder(text, threads=threads)
    photos, held_out = gather(data, drawn=drawn, seed=seed), gather_held_out(data)
    say(f"encoding {len(photos) + len(held_out):,} photos")
    content = prior_of(encoder.encoder_id, photos, encode(encoder, photos), embedder)
    (model / PRIOR_NAME).write_bytes(content)
    sums, encoder_id, text_id = unpack_prior(content)
    bridge = fit_bridge(sums, encoder_id=encoder_id, text_id=text_id)
    reached = {}
    for source in sorted({photo.source for photo in held_out}):
        chosen = [photo for photo in held_out if photo.source == source]
        queries = bridge.to_image_space(embedder.embed_texts([photo.words for photo in chosen]))
        reached[source] = reach_of(np.asarray(encode(encoder, chosen)), queries), len(chosen)
    return {str(source): figures for source, figures in reached.items()}
