"""What a shop is served by from its first day, and after an upgrade: written down when the database is brought up."""

from feira.cli.console import say
from feira.cli.model_cards import cards
from feira.engine.config import first_encoder
from feira.engine.registry import DEFAULT_ENCODER, EncoderCard
from feira.settings import load_settings
from feira.shop.photos import swap
from feira.shop.photos.roster import roster
from feira.shop.photos.selectors import encoder_of_last_embedding


def settle_encoder() -> None:
    """Write down the live encoder when the shop has not, or when its name stands for other weights by now.

    A shop of before this was written down keeps the encoder that has seen its photos. When the encoder cannot be used
    here (its models folder may be on another machine), nothing is changed; the engine says what is wrong.
    """
    live = roster().live
    known = {card.name: card for card in cards()}
    card = known.get(live.name) if live is not None else _first(known)
    if card is None or not card.is_valid:
        name = live.name if live is not None else first_encoder(load_settings())
        say(f"Encoder: {name} cannot be used here. {card.fault if card else 'It is not in the models folder.'}")
        return
    if live is None or live.encoder_id != card.encoder_id:
        swap.settle(card.name, card.encoder_id)
        if live is not None:
            say(f"Encoder: {card.name} is {card.encoder_id} now; photos are shown to it while the shop is open")


def _first(known: dict[str, EncoderCard]) -> EncoderCard | None:
    settings = load_settings()
    name = first_encoder(settings)
    seen = encoder_of_last_embedding() if name == DEFAULT_ENCODER and not settings.encoder else ""
    by_id = {card.encoder_id: card for card in known.values() if card.encoder_id}
    return by_id.get(seen) or known.get(name)
