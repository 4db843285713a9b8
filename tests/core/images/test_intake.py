import contextlib
import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from feira.core.errors import InvalidImage
from feira.core.images.header import read_header
from feira.core.images.intake import read_photo
from feira.core.images.limits import IntakeLimits
from feira.core.images.png_chunks import only_needed_chunks
from feira.core.testing.photos import photo_bytes, photo_pixels

FORMATS = ["JPEG", "PNG", "WEBP", "AVIF", "GIF"]


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def refused(content: bytes, limits: IntakeLimits | None = None) -> str:
    with pytest.raises(InvalidImage) as caught:
        read_photo(content, limits)
    return caught.value.reason


@pytest.mark.parametrize("kind", FORMATS)
def test_each_format_gives_its_pixels_and_names_itself(kind: str) -> None:
    photo = read_photo(photo_bytes((20, 90, 200), (60, 40), kind))
    assert photo.format == kind.lower()
    assert (photo.width, photo.height) == (60, 40)
    assert photo.pixels.shape == (40, 60, 3)
    assert photo.pixels.dtype == np.uint8
    assert np.abs(photo.pixels.mean(axis=(0, 1)) - (20, 90, 200)).max() < 4


@pytest.mark.parametrize("kind", FORMATS)
def test_the_header_tells_the_size_before_any_decoder_runs(kind: str) -> None:
    header = read_header(photo_bytes(size=(37, 23), format=kind))
    assert header is not None
    assert header.size == (37, 23)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_cut_file_is_refused(kind: str, share: float) -> None:
    whole = photo_bytes(size=(300, 200), format=kind, pattern="noise")
    assert refused(whole[: int(len(whole) * share)]) in ("truncated", "damaged")


@pytest.mark.parametrize("kind", FORMATS)
def test_bytes_after_the_picture_change_nothing(kind: str) -> None:
    whole = photo_bytes(format=kind, pattern="stripes")
    followed = read_photo(whole + b"<script>alert(1)</script>")
    assert (followed.pixels == read_photo(whole).pixels).all()


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "PPM", "ICO", "TGA", "JPEG2000"])
def test_formats_we_do_not_offer_are_refused_by_name(kind: str) -> None:
    assert refused(photo_bytes(format=kind)) == "unsupported_format"


def test_too_many_bytes_are_refused() -> None:
    content = photo_bytes()
    assert refused(content, IntakeLimits(max_bytes=len(content) - 1)) == "too_large_bytes"
    assert read_photo(content, IntakeLimits(max_bytes=len(content))).width == 64


@pytest.mark.parametrize("kind", FORMATS)
def test_too_many_pixels_are_refused(kind: str) -> None:
    content = photo_bytes(size=(50, 40), format=kind)
    assert refused(content, IntakeLimits(max_pixels=1999)) == "too_many_pixels"
    assert read_photo(content, IntakeLimits(max_pixels=2000)).width == 50


@given(content=st.binary(max_size=200))
def test_any_bytes_are_taken_or_refused_but_never_crash(content: bytes) -> None:
    assert refused(content)


@given(data=st.data(), kind=st.sampled_from(FORMATS))
def test_flipped_bytes_are_taken_or_refused_but_never_crash(data: st.DataObject, kind: str) -> None:
    content = bytearray(photo_bytes(size=(40, 30), format=kind, pattern="checks"))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(InvalidImage):
        assert read_photo(bytes(content), IntakeLimits(max_pixels=1_000_000)).pixels.ndim == 3


def test_a_large_jpeg_is_decoded_reduced_but_keeps_its_size_and_its_largest_rendition() -> None:
    content = photo_bytes(size=(4000, 3001), pattern="gradient")
    photo = read_photo(content)
    assert (photo.width, photo.height) == (4000, 3001)
    assert max(photo.pixels.shape) == 2000
    just_below = read_photo(photo_bytes(size=(3199, 100)))
    assert just_below.pixels.shape == (100, 3199, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_orientation_is_applied_in_every_format(kind: str, orientation: int) -> None:
    upright = photo_pixels((0, 0, 0), (32, 48), second=(255, 255, 255))
    upright[:16, :16] = (255, 0, 0)
    # How a camera that is held so that it must write `orientation` stores this scene.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = read_photo(encoded(Image.fromarray(np.ascontiguousarray(stored)), kind, exif=exif, quality=95))
    assert (photo.width, photo.height) == (32, 48)
    assert photo.pixels[8, 8, 0] > 200
    assert photo.pixels[40, 24].max() < 60


def test_transparency_lies_on_white_in_every_mode() -> None:
    clear = {
        "RGBA": Image.new("RGBA", (9, 9), (0, 0, 0, 0)),
        "LA": Image.new("LA", (9, 9), (0, 0)),
        "P": Image.new("P", (9, 9), 0),
    }
    for mode, picture in clear.items():
        options = {"transparency": 0} if mode == "P" else {}
        assert (read_photo(encoded(picture, "PNG", **options)).pixels == 255).all(), mode


@pytest.mark.parametrize(("colour", "mode"), [((10,), "L"), ((10, 20, 30), "RGB")])
def test_the_transparent_colour_of_a_png_lies_on_white(colour: tuple[int, ...], mode: str) -> None:
    picture = Image.new(mode, (9, 9), colour if len(colour) > 1 else colour[0])
    transparency = colour if len(colour) > 1 else colour[0]
    assert (read_photo(encoded(picture, "PNG", transparency=transparency)).pixels == 255).all()


def test_the_transparent_grey_of_a_sixteen_bit_png_lies_on_white() -> None:
    rows = b"".join(b"\0" + struct.pack(">4H", 1000, 32768, 32768, 65535) for _ in range(4))
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 16, 0, 0, 0, 0))
    content += chunk(b"tRNS", struct.pack(">H", 1000)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    assert read_photo(content).pixels[0, :, 0].tolist() == [255, 128, 128, 255]


def test_a_wide_profile_makes_colours_stronger_and_a_broken_one_changes_nothing() -> None:
    picture = Image.new("RGB", (8, 8), (200, 80, 80))
    plain = read_photo(encoded(picture, "PNG")).pixels
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.abs(read_photo(encoded(picture, "PNG", icc_profile=srgb)).pixels.astype(int) - plain).max() <= 1
    # Red and green change places in the profile, so the picture turns from red to green.
    swapped = srgb.replace(b"rXYZ", b"tmp!").replace(b"gXYZ", b"rXYZ").replace(b"tmp!", b"gXYZ")
    for kind in ("PNG", "JPEG", "WEBP"):
        red, green, _ = read_photo(encoded(picture, kind, icc_profile=swapped)).pixels[4, 4]
        assert green > red, kind
    for broken in (b"not a profile", srgb[:100], srgb[:128] + bytes(400)):
        assert (read_photo(encoded(picture, "PNG", icc_profile=broken)).pixels == plain).all()


def test_a_profile_of_another_colour_space_counts_as_srgb() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    picture = Image.new("RGB", (8, 8), (200, 80, 80))
    assert (read_photo(encoded(picture, "PNG", icc_profile=lab)).pixels == (200, 80, 80)).all()


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "AVIF"])
def test_the_first_frame_of_an_animation_is_taken(kind: str) -> None:
    frames = [Image.new("RGB", (20, 10), colour) for colour in ((250, 0, 0), (0, 250, 0), (0, 0, 250))]
    content = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=50)
    red, green, blue = read_photo(content).pixels.mean(axis=(0, 1))
    assert red > 240
    assert max(green, blue) < 12


def test_text_and_unknown_chunks_never_reach_the_png_decoder() -> None:
    whole = photo_bytes(format="PNG", pattern="noise")
    bomb = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(50_000_000)))
    stuffed = whole[:33] + bomb + chunk(b"acTL", bytes(8)) + chunk(b"teSt", b"x" * 99) + whole[33:]
    assert only_needed_chunks(stuffed) == whole
    assert (read_photo(stuffed).pixels == read_photo(whole).pixels).all()


def test_a_png_in_very_many_pieces_is_refused() -> None:
    whole = photo_bytes(format="PNG")
    assert refused(whole[:33] + chunk(b"tEXt", b"") * 70_000 + whole[33:]) == "damaged"


def test_a_lost_end_chunk_does_not_cost_the_photo() -> None:
    whole = photo_bytes(format="PNG", pattern="noise")
    assert (read_photo(whole[:-12]).pixels == read_photo(whole).pixels).all()


def test_the_digest_is_that_of_the_file_as_sent() -> None:
    assert (
        read_photo(photo_bytes()).digest == read_photo(photo_bytes()).digest != read_photo(photo_bytes() + b"x").digest
    )
