"""Everything that decides how the eye is trained, in one record that is stored beside the weights."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from feira.training.photos import Source


@dataclass(frozen=True, slots=True)
class Recipe:
    """How views are made, what the network looks like and how it is trained.

    Attributes:
        seed: of the views, the starting weights and the order of the batches.
        start: id of the encoder whose weights are the first ones; empty for random weights.
        drawn: how many drawn photos take part.
        views: changed copies per photo, by source.
        shares: share of each source among the samples, whatever its number of photos.
        view_size: side in pixels of a stored view.
        dim: length of the embedding.
        stem, widths, depths, group_width: the network's shape, see `feira.training.network`.
        train_size: side in pixels of what the network sees while it trains; `last_size` for the last `last_share`
            of the time, and `serve_size` is what the exported encoder is given.
        batch, learning_rate, weight_decay, warm_up: of the optimiser; `warm_up` is a share of the time.
        average: how slowly the averaged weights follow the trained ones, per step.
        weights: of the losses, see `feira.training.losses`.
    """

    seed: int = 7
    start: str = ""
    drawn: int = 600
    views: Mapping[Source, int] = field(
        default_factory=lambda: {"clothing": 9, "products": 2, "stickers": 3, "drawn": 1}
    )
    shares: Mapping[Source, float] = field(
        default_factory=lambda: {"clothing": 0.48, "products": 0.30, "stickers": 0.15, "drawn": 0.07}
    )
    view_size: int = 144
    dim: int = 256
    stem: int = 32
    widths: tuple[int, ...] = (64, 160, 384)
    depths: tuple[int, ...] = (2, 4, 3)
    group_width: int = 32
    train_size: int = 112
    last_size: int = 128
    last_share: float = 0.25
    serve_size: int = 144
    batch: int = 96
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    warm_up: float = 0.03
    average: float = 0.999
    weights: Mapping[str, float] = field(
        default_factory=lambda: {"cosine": 4.0, "pairs": 20.0, "soft": 1.0, "labels": 1.0, "words": 0.5}
    )

    @classmethod
    def quick(cls, seed: int = 7) -> "Recipe":
        """Return a recipe for a tiny network and few views; proves in seconds that everything works, teaches little."""
        return cls(
            seed=seed,
            drawn=36,
            views={"clothing": 1, "products": 1, "stickers": 1, "drawn": 3},
            view_size=64,
            dim=32,
            stem=16,
            widths=(16, 32),
            depths=(1, 1),
            group_width=16,
            train_size=48,
            last_size=48,
            serve_size=64,
            batch=16,
            average=0.9,
        )
