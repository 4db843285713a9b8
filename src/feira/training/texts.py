"""Vectors of what the photos are called, from a sentence encoder: pictures of like words should lie close."""

from pathlib import Path

from feira.core.encoders.sentence import SentenceEncoder
from feira.core.types import Matrix


def text_rows(texts: list[str], folder: Path) -> Matrix:
    """Return one unit row per text from a sentence encoder's folder; equal texts are asked about once.

    Raises:
        ManifestError: the folder holds no sentence encoder.
    """
    # Texts of like length together: the shorter ones are padded to the longest of their batch.
    different = sorted(set(texts), key=lambda text: (len(text), text))
    rows = SentenceEncoder(folder).embed_texts(different)
    places = {text: place for place, text in enumerate(different)}
    chosen: Matrix = rows[[places[text] for text in texts]]
    return chosen
