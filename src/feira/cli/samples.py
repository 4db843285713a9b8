"""Where the demo's photos come from: what was asked for, what lies beside the clone, the web, or our own pencil."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from feira.cli.console import say
from feira.cli.download import digest_of, download, unpack
from feira.core.errors import SourceError

COMMIT = "11961516512414bf9f6c150a832cfd21b54a6b54"
PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
BESIDE_THE_CLONE = Path("shared", "data", "clothing")
MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class KnownSet:
    """A public set of photos: where it is, under which licence, and what it must hold."""

    title: str
    url: str
    photos: int
    classes: frozenset[str]


CLOTHING = KnownSet(
    title="clothing photos taken by volunteers at home (alexeygrigorev/clothing-dataset-small, CC0: public domain)",
    url=f"https://codeload.github.com/alexeygrigorev/clothing-dataset-small/tar.gz/{COMMIT}",
    photos=3_781,
    classes=frozenset(
        {"dress", "hat", "longsleeve", "outwear", "pants", "shirt", "shoes", "shorts", "skirt", "t-shirt"}
    ),
)


def find_samples(source: str, *, samples_dir: Path, clone: Path | None, known: KnownSet = CLOTHING) -> Path | None:
    """Return a folder of photos, None when there is none to be had and Feira has to draw some.

    Args:
        source: a folder, an archive or an address that the user named; empty when they named none.
        samples_dir: where downloads and unpacked archives are kept.
        clone: the folder that may have the shared data beside it.

    Raises:
        SourceError: what the user named cannot be read. Without their word, nothing is an error.
    """
    if source:
        return named_samples(source, samples_dir=samples_dir)
    if clone is not None and (beside := clone.parent / BESIDE_THE_CLONE).is_dir():
        return beside
    try:
        return known_samples(known, samples_dir=samples_dir)
    except SourceError as error:
        say(f"{error.message} Feira draws photos of its own instead.")
        return None


def named_samples(source: str, *, samples_dir: Path) -> Path:
    """Return the folder of photos behind a folder's or archive's name, or an address.

    An address may carry what its file must be: `https://host/photos.zip#sha256=0123…`.
    """
    if source.startswith(("http://", "https://")):
        parts = urlsplit(source)
        sha256 = parse_qs(parts.fragment).get("sha256", [""])[0]
        name = f"{hashlib.sha256(source.encode()).hexdigest()[:12]}-{Path(parts.path).name or 'photos'}"
        folder = samples_dir / f"{name}.unpacked"
        if not folder.is_dir():
            archive = fetched(parts._replace(fragment="").geturl(), samples_dir / name, sha256=sha256)
            unpack(archive, folder)
            archive.unlink()
        return only_folder(folder)
    path = Path(source).expanduser().resolve()
    if path.is_dir():
        return path
    if not path.is_file():
        raise SourceError(f"{source} is neither a folder nor an archive nor an address.")
    facts = path.stat()
    mark = hashlib.sha256(f"{path}\0{facts.st_size}\0{facts.st_mtime_ns}".encode()).hexdigest()[:12]
    folder = samples_dir / f"{mark}-{path.name}.unpacked"
    return only_folder(folder if folder.is_dir() else unpack(path, folder))


def known_samples(known: KnownSet, *, samples_dir: Path) -> Path:
    """Return the folder of a known set, fetched and checked on first use."""
    name = hashlib.sha256(known.url.encode()).hexdigest()[:12]
    folder = samples_dir / f"{name}.unpacked"
    if not folder.is_dir():
        say(f"Fetching {known.title}")
        archive = fetched(known.url, samples_dir / f"{name}.tar.gz")
        checked = unpack(archive, samples_dir / f"{name}.checking")
        refuse_other_contents(checked, known)
        checked.replace(folder)
        archive.unlink()
    return only_folder(folder)


def refuse_other_contents(folder: Path, known: KnownSet) -> None:
    """Compare what was unpacked with what the set must hold.

    The host packs this archive anew now and then, with other bytes for the same files, so that no checksum of the
    archive would stay true. The commit in its address and this listing are what can be checked.

    Raises:
        SourceError: photos are missing, or there are others.
    """
    photos = [path for path in folder.rglob("*") if path.suffix.lower() in PHOTO_SUFFIXES]
    classes = {path.parent.name for path in photos}
    if len(photos) != known.photos or classes != known.classes:
        raise SourceError(f"The download holds {len(photos)} photos of {len(classes)} classes, not {known.photos}.")
    say(f"Checked by listing: {len(photos)} photos of {len(classes)} classes. The archive has no published checksum.")


def fetched(url: str, into: Path, *, sha256: str = "") -> Path:
    """Download with progress, then say how large it was and what its checksum is."""
    file = download(url, into, sha256=sha256, follow=progress_lines())
    note = "as expected" if sha256 else "nothing to compare it with"
    say(f"{file.stat().st_size / MEGABYTE:.1f} MB, SHA-256 {digest_of(file)} ({note})")
    return file


def progress_lines(every: float = 10 * MEGABYTE) -> Callable[[int, int | None], None]:
    """Return a function that says every few megabytes how far a download is."""
    told = -1

    def follow(have: int, total: int | None) -> None:
        nonlocal told
        if int(have // every) == told:
            return
        told = int(have // every)
        of = f" of {total / MEGABYTE:.1f}" if total else ""
        say(f"Downloading: {have / MEGABYTE:.1f}{of} MB")

    return follow


def only_folder(folder: Path) -> Path:
    """Step into folders that hold nothing but one folder, as archives often do."""
    inside = [path for path in folder.iterdir() if not path.name.startswith(".")]
    while len(inside) == 1 and inside[0].is_dir():
        folder = inside[0]
        inside = [path for path in folder.iterdir() if not path.name.startswith(".")]
    return folder
