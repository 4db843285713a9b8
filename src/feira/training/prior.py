"""The way from words to pictures that an encoder brings with it, until a shop has taught its own."""

from collections.abc import Sequence

from feira.core.encoders.protocol import TextEmbedder
from feira.core.learning.bridge import pack_prior
from feira.core.learning.ridge import PairSums
from feira.core.types import Matrix
from feira.training.photos import TrainingPhoto

_NEAR = 10


def prior_of(encoder_id: str, photos: Sequence[TrainingPhoto], rows: Matrix, embedder: TextEmbedder) -> bytes:
    """Return the packed sums over all pairs of a training photo and its words.

    Args:
        rows: embeddings of the photos, shape (n, dim), by the encoder of this id. Validation photos are passed over.
    """
    taught = [place for place, photo in enumerate(photos) if photo.words and not photo.is_validation]
    sums = PairSums.empty(rows.shape[1], embedder.text_dim)
    sums.add(rows[taught], embedder.embed_texts([photos[place].words for place in taught]))
    return pack_prior(sums, encoder_id=encoder_id, text_id=embedder.text_id)


def reach_of(rows: Matrix, queries: Matrix) -> float:
    """Return recall@10: for how many queries their own photo, the row of the same number, is among the ten nearest."""
    scores = queries @ rows.T
    own = scores.diagonal()[:, None]
    return float(((scores > own).sum(axis=1) < _NEAR).mean())
