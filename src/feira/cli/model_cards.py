"""What the commands of `feira model` know of each encoder."""

from dataclasses import asdict
from typing import Any

from feira.core.errors import Refused
from feira.engine.config import chosen_encoder
from feira.engine.registry import EncoderCard, list_models
from feira.settings import load_settings


def cards() -> list[EncoderCard]:
    """Return every encoder of this installation, and models of texts alone."""
    return list_models(load_settings().resolved_models_dir())


def card_named(name: str) -> EncoderCard:
    """Return the encoder of this name.

    Raises:
        Refused: there is none.
    """
    known = {card.name: card for card in cards()}
    if name not in known:
        folder = load_settings().resolved_models_dir()
        raise Refused(f"There is no encoder named {name} in {folder}; there are: {', '.join(known)}.")
    return known[name]


def facts(card: EncoderCard) -> dict[str, Any]:
    """Return a card as data."""
    return {**asdict(card), "in_use": card.name == chosen_encoder(load_settings())}
