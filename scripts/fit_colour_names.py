"""Fit the regions of the colour names that `feira.core.images.colours` knows, and write them beside that module.

    python scripts/fit_colour_names.py ../shared/data/fashion-products

Takes a table of products with a stated colour each and learns, by gradient descent through the shares of a whole
picture, where in OKLab each name lies: nobody has to say which pixel is red, only which product is. Held-out products
(`feira.core.evaluation.splits`) are never looked at. Points that everybody agrees on (pure red is red) count as well,
so that the names also hold away from clothes. Needs the extra `torch`; takes minutes.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch

from feira.core.evaluation.colours import labelled_pictures
from feira.core.images import colours
from feira.core.images.colours import COLOUR_NAMES
from feira.core.images.decode import decode_rendition
from feira.core.images.foreground import distance_from_centre, find_foreground
from feira.core.images.oklab import oklab

SEED, EPOCHS, BATCH, PROTOTYPES, SAMPLES = 0, 30, 64, 3, 64
KEPT = 192
TYPICAL = {
    "black": ["000000", "1c1c1c"],
    "white": ["ffffff", "f4f4f2"],
    "grey": ["808080", "a8a8a8", "555555"],
    "red": ["ff0000", "c81e1e", "7d1128"],
    "orange": ["ff8c00", "f07818"],
    "yellow": ["ffff00", "f5d020"],
    "green": ["00a000", "2e8b3a", "7dc242", "6b7a2a"],
    "turquoise": ["30c8c0", "00a0a0"],
    "blue": ["0000ff", "2050c0", "87b5e5", "1c2a5c"],
    "purple": ["800080", "7a3aa8", "b497d6"],
    "pink": ["ff69b4", "f5a3c0", "e8388a"],
    "brown": ["8b4513", "5c3a21", "a9724a"],
    "beige": ["f5deb3", "d9c4a0", "e8dcc8"],
}


def main(folder: Path) -> None:
    """Fit on everything in the folder that is not held out, and write the table."""
    torch.manual_seed(SEED)
    random = np.random.default_rng(SEED)
    pictures = [picture for picture in labelled_pictures(folder, held_out=False) if picture.colour in COLOUR_NAMES]
    points = torch.tensor(np.stack([_sampled(picture.path.read_bytes(), random) for picture in pictures]))
    truth = torch.tensor([COLOUR_NAMES.index(picture.colour) for picture in pictures])
    kept = _fitted(points, truth)
    out = Path(colours.__file__).with_name("colour_prototypes.json")
    about = {
        "about": "Regions of colour names in OKLab, fitted by scripts/fit_colour_names.py.",
        "data": f"{folder.name}, {len(pictures)} products that are not held out",
        "seed": SEED,
        "version": colours.COLOURS_VERSION,
    }
    out.write_text(json.dumps({**about, "names": kept}, indent=1) + "\n", encoding="utf-8")


def _sampled(content: bytes, random: np.random.Generator) -> np.ndarray:
    """Return points of what the picture shows, drawn with the weights that shares are counted with."""
    shown = find_foreground(decode_rendition(content))
    weights = (shown.weight * np.exp(-distance_from_centre(shown.weight.shape))).ravel().astype(np.float64) + 1e-9
    return shown.lab.reshape(-1, 3)[random.choice(weights.size, KEPT, p=weights / weights.sum())]


def _fitted(points: torch.Tensor, truth: torch.Tensor) -> dict[str, list[dict[str, object]]]:
    typical = torch.tensor(np.concatenate([oklab(_pixels(TYPICAL[name])) for name in COLOUR_NAMES]))
    typical_name = torch.tensor([n for n, name in enumerate(COLOUR_NAMES) for _hex in TYPICAL[name]])
    start = torch.stack([typical[typical_name == n].mean(0) for n in range(len(COLOUR_NAMES))])
    centres = (start[:, None] + torch.randn(len(COLOUR_NAMES), PROTOTYPES, 3) * 0.03).requires_grad_()
    log_sharpness = torch.full((len(COLOUR_NAMES), PROTOTYPES, 3), 2.5, requires_grad=True)
    bias = torch.zeros(len(COLOUR_NAMES), PROTOTYPES, requires_grad=True)
    optimiser = torch.optim.Adam([{"params": [centres], "lr": 0.004}, {"params": [log_sharpness, bias], "lr": 0.02}])
    # Rare colours count for more than their number, though less than as much as frequent ones.
    counts = torch.bincount(truth, minlength=len(COLOUR_NAMES)).float().clamp(min=5)
    weight = (counts.sum() / counts) ** 0.3

    def named(lab: torch.Tensor) -> torch.Tensor:
        scores = bias - ((lab[..., None, None, :] - centres) ** 2 * torch.exp(2 * log_sharpness)).sum(-1)
        return torch.softmax(torch.logsumexp(scores, -1), -1)

    for epoch in range(EPOCHS):
        total = 0.0
        for batch in torch.split(torch.randperm(len(truth)), BATCH):
            shares = named(points[batch][:, torch.randperm(KEPT)[:SAMPLES]]).mean(1)
            right = shares.gather(1, truth[batch, None])[:, 0]
            loss = -(torch.log(right + 1e-3) * weight[truth[batch]]).mean() / weight[truth].mean()
            agreed = named(typical).gather(1, typical_name[:, None])
            loss = loss - 0.3 * torch.log(agreed + 1e-4).mean() + 1e-3 * (log_sharpness - 2.5).square().mean()
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            total += float(loss.detach()) * len(batch)
        for group in optimiser.param_groups:
            group["lr"] *= 0.9
        sys.stderr.write(f"epoch {epoch + 1} of {EPOCHS}: loss {total / len(truth):.4f}\n")
    return {
        name: [
            {
                "at": [round(float(value), 4) for value in centres[n, k]],
                "sharpness": [round(float(value), 3) for value in log_sharpness[n, k].exp()],
                "bias": round(float(bias[n, k]), 3),
            }
            for k in range(PROTOTYPES)
        ]
        for n, name in enumerate(COLOUR_NAMES)
    }


def _pixels(hexes: list[str]) -> np.ndarray:
    return np.array([[int(text[at : at + 2], 16) for at in (0, 2, 4)] for text in hexes], dtype=np.uint8)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
