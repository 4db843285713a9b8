"""Where the demo's photos come from."""

from pathlib import Path

import pytest

from feira.cli.samples import CLOTHING, KnownSet, find_samples, only_folder
from feira.core.errors import SourceError
from tests.cli.test_download import Served, a_tar, a_zip, served

__all__ = ["served"]  # the fixture

NOWHERE = KnownSet(title="nothing", url="http://127.0.0.1:9/photos.tar.gz", photos=1, classes=frozenset({"hat"}))


def a_set(path: Path) -> bytes:
    """Return an archive as a code host packs it: one folder around everything."""
    members = {
        f"set-1234/{split}/{kind}/{n}.jpg": b"x"
        for split in ("train", "test")
        for kind in ("hat", "shoe")
        for n in (1, 2)
    }
    return a_tar(path / "packed", **members, **{"set-1234/README.md": b"words"}).read_bytes()


def find(tmp_path: Path, source: str = "", *, clone: Path | None = None, known: KnownSet = NOWHERE) -> Path | None:
    """Look for samples as the demo does."""
    return find_samples(source, samples_dir=tmp_path / "samples", clone=clone, known=known)


def test_a_named_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    assert find(tmp_path, str(tmp_path)) == tmp_path


@pytest.mark.parametrize("make", [a_tar, a_zip])
def test_a_named_archive_is_unpacked_once(make: type, tmp_path: Path) -> None:
    archive = make(tmp_path / "photos", **{"photos/hat/1.jpg": b"1", "photos/shoe/2.jpg": b"2"})
    folder = find(tmp_path, str(archive))
    assert folder is not None
    assert sorted(path.name for path in folder.iterdir()) == ["hat", "shoe"]
    (folder / "mark").touch()
    assert find(tmp_path, str(archive)) == folder
    assert (folder / "mark").exists()


def test_a_named_address_is_fetched_once_and_checked(served: Served, tmp_path: Path) -> None:
    served.content = a_set(tmp_path)
    folder = find(tmp_path, served.url)
    assert folder is not None
    assert (folder / "train" / "hat" / "1.jpg").is_file()
    assert find(tmp_path, served.url) == folder
    assert len(served.ranges) == 1
    with pytest.raises(SourceError, match="SHA-256"):
        find(tmp_path, f"{served.url}#sha256={'0' * 64}")


def test_what_was_named_and_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="neither a folder nor an archive"):
        find(tmp_path, str(tmp_path / "nothing"))


def test_data_beside_the_clone_comes_before_the_web(tmp_path: Path) -> None:
    beside = tmp_path / "shared" / "data" / "clothing"
    beside.mkdir(parents=True)
    (tmp_path / "clone").mkdir()
    assert find(tmp_path, clone=tmp_path / "clone") == beside


def test_the_known_set_is_fetched_checked_by_listing_and_kept(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    served.content = a_set(tmp_path)
    known = KnownSet(title="a small set", url=served.url, photos=8, classes=frozenset({"hat", "shoe"}))
    folder = find(tmp_path, clone=tmp_path / "clone", known=known)
    assert folder is not None
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "test", "train"]
    said = capsys.readouterr().err
    assert "SHA-256" in said
    assert "nothing to compare it with" in said
    assert "8 photos of 2 classes" in said
    assert find(tmp_path, known=known) == folder
    assert len(served.ranges) == 1


def test_another_content_than_the_known_one_is_not_used(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    served.content = a_set(tmp_path)
    known = KnownSet(title="a small set", url=served.url, photos=9, classes=frozenset({"hat", "shoe"}))
    assert find(tmp_path, known=known) is None
    assert "holds 8 photos of 2 classes, not 9" in capsys.readouterr().err


def test_without_any_photos_feira_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str], served: Served) -> None:
    served.statuses = [404]
    known = KnownSet(title="gone", url=served.url, photos=1, classes=frozenset())
    assert find(tmp_path, known=known) is None
    assert "draws photos of its own" in capsys.readouterr().err


def test_the_known_set_names_its_commit_and_its_ten_classes() -> None:
    assert CLOTHING.url.endswith("/11961516512414bf9f6c150a832cfd21b54a6b54")
    assert (CLOTHING.photos, len(CLOTHING.classes)) == (3781, 10)


def test_folders_around_a_single_folder_are_stepped_into(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    (inner / "hat").mkdir(parents=True)
    (inner / "shoe").mkdir()
    (tmp_path / "a" / ".hidden").touch()
    assert only_folder(tmp_path) == inner
