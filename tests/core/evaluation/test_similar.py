"""The evaluation measures what it says, on made photos whose answer is known and on real ones."""

from pathlib import Path

import pytest

from feira.core.encoders.descriptors import DescriptorEncoder
from feira.core.encoders.onnx import OnnxEncoder
from feira.core.errors import InvalidImage, SourceError
from feira.core.evaluation.similar import evaluate_similar, neighbour_scores
from feira.core.testing.encoders import HistogramEncoder
from feira.core.testing.photos import photo_bytes
from feira.core.types import Hit
from tests.shared_files import SHARED, needs_shared

CLOTHING = SHARED / "data" / "clothing"
COLOURS = {"blue": (20, 20, 220), "green": (20, 220, 20), "red": (220, 20, 20)}


def write(folder: Path, kind: str, colour: tuple[int, int, int], *, count: int = 1) -> None:
    (folder / kind).mkdir(parents=True, exist_ok=True)
    start = len(list((folder / kind).iterdir()))
    for place in range(start, start + count):
        (folder / kind / f"{place}.png").write_bytes(photo_bytes(colour, (20 + place, 18), "PNG"))


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    for kind, colour in COLOURS.items():
        write(tmp_path / "gallery", kind, colour, count=12)
        write(tmp_path / "queries", kind, colour, count=2)
    return tmp_path / "gallery", tmp_path / "queries"


def test_an_encoder_that_sees_the_difference_scores_one(folders: tuple[Path, Path]) -> None:
    seen = list[tuple[int, int]]()
    record = evaluate_similar(*folders, HistogramEncoder(), progress=lambda done, total: seen.append((done, total)))
    assert (record.encoder, record.precision_at_10, record.knn10_accuracy) == ("histogram-64", 1, 1)
    assert (record.queries, record.gallery) == (6, 36)
    assert record.images_per_s > 0
    assert seen == [(32, 42), (42, 42)]


def test_mislabelled_queries_lower_the_scores_by_their_share(folders: tuple[Path, Path]) -> None:
    gallery, queries = folders
    write(queries, "red", COLOURS["blue"], count=2)
    record = evaluate_similar(gallery, queries, HistogramEncoder())
    assert record.precision_at_10 == record.knn10_accuracy == 6 / 8


def test_a_class_that_the_gallery_lacks_counts_as_missed(folders: tuple[Path, Path]) -> None:
    gallery, queries = folders
    write(queries, "violet", COLOURS["blue"], count=2)
    record = evaluate_similar(gallery, queries, HistogramEncoder())
    assert record.precision_at_10 == record.knn10_accuracy == 6 / 8


def test_two_near_photos_outvote_three_far_ones() -> None:
    hits = [[Hit(0, 0.9), Hit(1, 0.8), Hit(2, 0.4), Hit(3, 0.4), Hit(4, 0.4)]]
    kinds = ["hat", "hat", "shoe", "shoe", "shoe"]
    assert neighbour_scores(hits, kinds, ["hat"]) == (0.2, 1)
    assert neighbour_scores(hits, kinds, ["shoe"]) == (0.3, 0)


def test_a_folder_without_classes_is_refused(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    (tmp_path / "flat").mkdir()
    (tmp_path / "flat" / "1.png").write_bytes(photo_bytes(format="PNG"))
    for empty in (tmp_path / "flat", tmp_path / "nowhere"):
        with pytest.raises(SourceError) as caught:
            evaluate_similar(folders[0], empty, HistogramEncoder())
        assert str(empty) in caught.value.message


def test_a_gallery_of_fewer_than_ten_is_refused(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    write(tmp_path / "small", "red", COLOURS["red"], count=9)
    with pytest.raises(SourceError):
        evaluate_similar(tmp_path / "small", folders[1], HistogramEncoder())


def test_a_damaged_photo_is_refused(folders: tuple[Path, Path]) -> None:
    (folders[0] / "red" / "x.jpg").write_bytes(photo_bytes()[:200])
    with pytest.raises(InvalidImage):
        evaluate_similar(*folders, HistogramEncoder())


@needs_shared("data/clothing/train")
def test_descriptors_find_the_class_of_most_clothes() -> None:
    """Measured: 0.72 and 0.58; the bounds leave room for another decoder, not for a worse encoder."""
    record = evaluate_similar(CLOTHING / "train", CLOTHING / "test", DescriptorEncoder())
    assert (record.gallery, record.queries) == (3068, 372)
    assert record.knn10_accuracy > 0.67
    assert record.precision_at_10 > 0.54


@needs_shared("data/clothing/train")
@needs_shared("models/mobilenet_v2")
def test_a_trained_network_finds_the_class_of_most_clothes_in_a_small_gallery(tmp_path: Path) -> None:
    """A tenth of the photos, so that it takes seconds; the whole gives 0.85 and 0.75."""
    for split, step in (("train", 8), ("test", 4)):
        for kind in sorted((CLOTHING / split).iterdir()):
            (tmp_path / split / kind.name).mkdir(parents=True)
            for path in sorted(kind.iterdir())[::step]:
                (tmp_path / split / kind.name / path.name).symlink_to(path)
    encoder = OnnxEncoder(SHARED / "models" / "mobilenet_v2")
    record = evaluate_similar(tmp_path / "train", tmp_path / "test", encoder)
    assert 300 < record.gallery < 400
    assert 80 < record.queries < 120
    assert record.knn10_accuracy > 0.7
    assert record.precision_at_10 > 0.5
