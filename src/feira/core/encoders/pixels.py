"""From a photo's pixels to the array that a model sees: crop, size, colours, range, order of axes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from feira.core.types import Pixels

Crop = Literal["centre square", "squash", "pad"]
Layout = Literal["NCHW", "NHWC"]
Colours = tuple[float, float, float]

RESAMPLING: Final = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "area": Image.Resampling.BOX,
    "lanczos": Image.Resampling.LANCZOS,
}
"""Interpolation by the manifest's word; each of Pillow's smooths while it shrinks (what others call antialias)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """How a model wants to see a photo.

    Attributes:
        size: side of the square the model sees.
        mean, std: in the order of the model's colours; it sees `(pixel - mean) / std` of pixels from 0 to 255.
        resize: a key of `RESAMPLING`.
        crop: `centre square` cuts, `squash` ignores proportions, `pad` adds margins of `pad_colour`.
        crop_share: of the shorter side that a centre square keeps: 0.875 is "resize to 256, cut 224".
        pad_colour: red, green, blue of the margins, 0 to 255.
        layout: order of the axes.
        colour_order: `RGB` or `BGR`.
        dtype: what the model takes; with `uint8` mean and std must be 0 and 1.
    """

    size: int
    mean: Colours
    std: Colours
    resize: str = "bilinear"
    crop: Crop = "centre square"
    crop_share: float = 1.0
    pad_colour: tuple[int, int, int] = (255, 255, 255)
    layout: Layout = "NCHW"
    colour_order: Literal["RGB", "BGR"] = "RGB"
    dtype: Literal["float32", "float16", "uint8"] = "float32"

    @property
    def shorter_side(self) -> int:
        """Shorter side below which a larger photo need not be decoded."""
        return round(self.size / self.crop_share)

    @property
    def is_classic(self) -> bool:
        """Whether this is the one preparation that manifests could state at first."""
        return self == Preparation(size=self.size, mean=self.mean, std=self.std)

    def prepare(self, images: Sequence[Pixels]) -> NDArray[Any]:
        """Return the batch that the model takes: shape (n, 3, size, size), or (n, size, size, 3) for NHWC."""
        is_planes = self.layout == "NCHW"
        shape = (3, self.size, self.size) if is_planes else (self.size, self.size, 3)
        batch = np.empty((len(images), *shape), dtype=np.uint8 if self.dtype == "uint8" else np.float32)
        # Written colour by colour into the one array that the model sees, and calculated there: a tenth of what whole
        # arrays of pixels, floats, differences and quotients take.
        for row, image in zip(batch, images, strict=True):
            pixels = self._squared(image)
            for place in range(3):
                colour = 2 - place if self.colour_order == "BGR" else place
                plane = row[place] if is_planes else row[..., place]
                plane[...] = pixels[..., colour]
                if self.dtype != "uint8":
                    np.subtract(plane, np.float32(self.mean[place]), out=plane)
                    np.divide(plane, np.float32(self.std[place]), out=plane)
        return batch.astype(self.dtype, copy=False)

    def _squared(self, image: Pixels) -> NDArray[np.uint8]:
        """Bring one photo to the model's square; uint8, shape (size, size, 3), red first."""
        height, width = image.shape[:2]
        method = RESAMPLING[self.resize]
        if self.crop == "pad":
            scale = self.size / max(height, width)
            inner = max(1, round(width * scale)), max(1, round(height * scale))
            canvas = Image.new("RGB", (self.size, self.size), self.pad_colour)
            small = Image.fromarray(np.ascontiguousarray(image)).resize(inner, method)
            canvas.paste(small, ((self.size - inner[0]) // 2, (self.size - inner[1]) // 2))
            return np.asarray(canvas)
        if self.crop == "centre square":
            side = max(1, round(min(height, width) * self.crop_share))
            left, top = (width - side) // 2, (height - side) // 2
            image = image[top : top + side, left : left + side]
        return np.asarray(Image.fromarray(np.ascontiguousarray(image)).resize((self.size, self.size), method))
