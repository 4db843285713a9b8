"""Every malformed, hostile and odd file of the shared set gets the outcome that its index expects."""

import csv
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from feira.core.errors import InvalidImage
from feira.core.images.decode import decode_rendition
from feira.core.images.intake import HEIC_ENABLED, read_photo
from feira.core.images.prepared import PreparedPhoto
from feira.core.images.renditions import RENDITIONS
from feira.core.images.sandbox import PhotoSandbox
from feira.core.types import Pixels
from tests.shared_files import SHARED, needs_shared

FOLDER = SHARED / "data" / "bad-images"
INDEX = FOLDER / "index.csv"
pytestmark = needs_shared("data/bad-images/index.csv")


def _rows() -> list[dict[str, str]]:
    if not INDEX.exists():
        return []
    with INDEX.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[PhotoSandbox]:
    with PhotoSandbox() as sandbox:
        yield sandbox


def _pixels(name: str) -> Pixels:
    return read_photo((FOLDER / name).read_bytes()).pixels


def _small(pixels: Pixels) -> NDArray[np.float64]:
    return np.asarray(Image.fromarray(pixels).resize((60, 80), Image.Resampling.BOX), dtype=np.float64)


def _unlikeness(one: Pixels, other: Pixels) -> float:
    """Mean absolute difference of two scenes, in levels of 255."""
    return float(np.abs(_small(one) - _small(other)).mean())


def test_the_index_is_there() -> None:
    assert len(_rows()) > 100


@pytest.mark.parametrize("row", _rows(), ids=lambda row: str(row["file"]))
def test_a_file_gets_the_outcome_that_the_index_expects(row: dict[str, str], sandbox: PhotoSandbox) -> None:
    content = (FOLDER / row["file"]).read_bytes()
    started = time.monotonic()
    outcome = _outcome(sandbox, content)
    assert time.monotonic() - started < 5
    if isinstance(outcome, InvalidImage):
        assert row["expected"] in ("reject", "either"), outcome
        assert outcome.message.count(". ") >= 1, "what is wrong, then what to do"
        assert outcome.message.endswith(".")
    else:
        assert row["expected"] in ("accept", "either")
        assert_publishable(outcome)


def _outcome(sandbox: PhotoSandbox, content: bytes) -> PreparedPhoto | InvalidImage:
    try:
        return sandbox.prepare(content)
    except InvalidImage as refusal:
        return refusal


def assert_publishable(photo: PreparedPhoto) -> None:
    """Renditions hold pixels and nothing else, in the promised sizes."""
    assert list(photo.renditions) == list(RENDITIONS)
    for name, rendition in photo.renditions.items():
        assert _webp_chunks(rendition.content) == [b"VP8 "]
        assert decode_rendition(rendition.content).shape == (rendition.height, rendition.width, 3)
        assert min(rendition.width, rendition.height) >= 1
        assert max(rendition.width, rendition.height) <= RENDITIONS[name]
        assert rendition.width <= photo.width
        assert rendition.height <= photo.height
    assert 0 <= photo.tint <= 215


def _webp_chunks(content: bytes) -> list[bytes]:
    """Return the names of a WebP's chunks; fails when bytes follow the container."""
    assert len(content) == 8 + int.from_bytes(content[4:8], "little")
    names, position = [], 12
    while position < len(content):
        names.append(content[position : position + 4])
        length = int.from_bytes(content[position + 4 : position + 8], "little")
        position += 8 + length + length % 2
    return names


@pytest.mark.parametrize("orientation", range(2, 9))
def test_all_eight_orientations_look_alike(orientation: int) -> None:
    assert _unlikeness(_pixels("libvips/rotation_1.jpg"), _pixels(f"libvips/rotation_{orientation}.jpg")) < 6


def test_a_turned_scene_would_not_look_alike() -> None:
    upright = _pixels("libvips/rotation_1.jpg")
    assert _unlikeness(upright, upright[:, ::-1]) > 12
    assert _unlikeness(upright, upright[::-1]) > 12


def test_orientation_swaps_width_and_height() -> None:
    photo = read_photo((FOLDER / "pillow/orientation_rectangle.jpg").read_bytes())
    assert (photo.width, photo.height) == (1, 2)
    assert photo.pixels.shape == (2, 1, 3)


def test_a_photo_stored_sideways_is_shown_upright() -> None:
    assert _unlikeness(_pixels("made/jpeg_orientation_6.jpg"), _pixels("made/jpeg_gps_owner.jpg")) < 3


def test_a_turn_in_the_container_is_applied_once() -> None:
    photo = read_photo((FOLDER / "pillow/rot1mir0.avif").read_bytes())
    assert (photo.width, photo.height) == (640, 427)
    sky, field = photo.pixels[:60].mean(axis=(0, 1)), photo.pixels[-60:].mean(axis=(0, 1))
    assert sky[2] > sky[0]
    assert field[2] < field[1]


def test_ink_becomes_light() -> None:
    red_on_black = _pixels("pillow/pil_sample_cmyk.jpg")
    assert red_on_black.mean() < 40
    red, green, blue = red_on_black[0, 0]
    assert red > 200
    assert max(green, blue) < 60
    assert _unlikeness(_pixels("made/cmyk_plain.jpg"), _pixels("made/jpeg_gps_owner.jpg")) < 3


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    grey = _pixels("image-rs/basi0g16.png")
    assert 100 < grey.mean() < 200
    assert len(np.unique(grey)) > 20
    colour = _pixels("image-rs/basn6a16.png")
    assert colour.min() < 60
    assert colour.max() == 255


def test_a_profile_decides_what_the_numbers_mean() -> None:
    red, green, blue = _pixels("libvips/sample-xyb.jpg").mean(axis=(0, 1))
    assert red > green > blue, "straw and skin; without its profile the picture is green"
    sky = _pixels("pillow/icc_profile_big.jpg")[:80].mean(axis=(0, 1))
    assert sky[2] > sky[0] + 50


def test_transparency_leaves_no_dark_fringe() -> None:
    flat = _pixels("pillow/transparent.webp").astype(np.int64)
    with Image.open(FOLDER / "pillow/transparent.webp") as picture:
        source = np.asarray(picture.convert("RGBA"), dtype=np.float64)
    alpha = source[..., 3:] / 255
    expected = source[..., :3] * alpha + 255 * (1 - alpha)
    assert np.abs(flat - expected).max() <= 1
    assert (flat[0, 0] == 255).all()


def test_the_first_picture_of_several_is_taken() -> None:
    with Image.open(FOLDER / "pillow/frame_size.mpo") as pictures:
        first = np.asarray(pictures.convert("RGB"))
    assert _unlikeness(_pixels("pillow/frame_size.mpo"), first) < 1
    assert read_photo((FOLDER / "pillow/frame_size.mpo").read_bytes()).format == "jpeg"


@pytest.mark.parametrize(("name", "expected"), [("made/png_named.jpg", "png"), ("made/webp_named.png", "webp")])
def test_the_kind_is_found_by_content(name: str, expected: str) -> None:
    assert read_photo((FOLDER / name).read_bytes()).format == expected


@pytest.mark.parametrize(
    "name",
    [
        "pillow/decompression_bomb.gif",
        "libvips/17000x17000.avif",
        "made/png_bomb_30000.png",
        "made/png_header_2g.png",
    ],
)
def test_absurd_sizes_are_refused_from_the_header(name: str) -> None:
    content = (FOLDER / name).read_bytes()
    started = time.monotonic()
    with pytest.raises(InvalidImage) as caught:
        read_photo(content)
    assert caught.value.reason == "too_many_pixels"
    assert time.monotonic() - started < 0.5


@pytest.mark.skipif(HEIC_ENABLED, reason="the extra heic is installed")
def test_a_heic_photo_is_refused_with_the_way_out() -> None:
    with pytest.raises(InvalidImage) as caught:
        read_photo((FOLDER / "libheif/with-alpha-512x512.heic").read_bytes())
    assert caught.value.reason == "heic_not_enabled"
    assert "JPEG" in caught.value.message


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("made/zero_bytes.jpg", "empty"),
        ("made/html_named.png", "unsupported_format"),
        ("made/svg_named.jpg", "unsupported_format"),
        ("pillow/hopper_lzw.tif", "unsupported_format"),
        ("made/jpeg_half.jpg", "truncated"),
        ("pillow/truncated_image.png", "truncated"),
        ("libvips/truncated.gif", "truncated"),
        ("pillow/zero_width.gif", "damaged"),
        ("pillow/broken_data_stream.png", "damaged"),
        ("made/jpeg_header_0.jpg", "damaged"),
    ],
)
def test_a_refusal_names_its_reason(name: str, reason: str) -> None:
    with pytest.raises(InvalidImage) as caught:
        read_photo((FOLDER / name).read_bytes())
    assert caught.value.reason == reason


def test_private_words_and_scripts_of_the_upload_are_not_published(sandbox: PhotoSandbox) -> None:
    for name in ("made/jpeg_gps_owner.jpg", "made/png_html_trailer.png", "made/png_text_xss.png", "pillow/iptc.jpg"):
        photo = sandbox.prepare((FOLDER / name).read_bytes())
        for rendition in photo.renditions.values():
            assert _webp_chunks(rendition.content) == [b"VP8 "], name
            assert b"<script" not in rendition.content
            assert b"Exif" not in rendition.content


def test_memory_stays_low_over_all_files(sandbox: PhotoSandbox) -> None:
    for row in _rows():
        _outcome(sandbox, (FOLDER / row["file"]).read_bytes())
    peak_kb = _peak_kb(sandbox)
    assert peak_kb is None or peak_kb < 400_000


def _peak_kb(sandbox: PhotoSandbox) -> int | None:
    """Return the high-water mark of the child's memory where the system tells it (Linux)."""
    child = sandbox._child
    status = Path(f"/proc/{child._process.pid if child else 0}/status")
    if not status.exists():
        return None
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))
