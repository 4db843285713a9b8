"""A pull: fetched beside, checked, tried out, and only then switched into the models folder."""

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from feira.core.encoders.golden import answers_of, compare, write_golden
from feira.core.encoders.manifest import MANIFEST_NAME, read_manifest
from feira.core.errors import FeiraError
from feira.core.types import Matrix
from feira.engine.hub.complete import complete
from feira.engine.hub.errors import PullFailed
from feira.engine.hub.lock import write_entry
from feira.engine.hub.plan import Plan, PlannedFile
from feira.engine.hub.transfer import Follow, Transfer
from feira.engine.registry import coarsest_arithmetic, open_manifest

GOLDEN_NAME: Final = "golden.npz"
INT8_FLOOR: Final = 0.95
"""Least cosine to float32 of a model that rounds activations: wrong ones fall below 0.9, right ones stay above 0.96."""
_SAME: Final = 0.99999

# Called with a file's name, the bytes there are and the bytes there will be.
FollowFile = Callable[[str, int, int | None], None]


def pull(
    plan: Plan,
    *,
    models_dir: Path,
    transfer: Transfer,
    follow: FollowFile = lambda _name, _have, _all: None,
    now: Callable[[], float] = time.time,
) -> Path:
    """Carry a plan out and return the model's folder.

    Until everything has come, agrees with its checksums and has answered, a model that lies under the name stays as it
    is; what has come of an interrupted pull is gone on with by the next.

    Raises:
        PullFailed: something cannot be fetched or is wrong, or another pull of the name is under way.
        Offline: this installation fetches nothing.
    """
    models_dir.mkdir(parents=True, exist_ok=True)
    staging = models_dir / f".pulling-{plan.name}"
    with _alone(models_dir):
        staging.mkdir(exist_ok=True)
        checksums = {file.name: _fetched(file, staging, transfer, follow) for file in plan.files}
        twin = staging / "float32"
        if plan.twins:
            twin.mkdir(exist_ok=True)
            for file in plan.twins:
                _fetched(file, twin, transfer, follow)
        try:
            _finish(plan, staging, twin, checksums)
        except PullFailed:
            raise
        except FeiraError as error:
            raise PullFailed(f"{plan.name} has come but cannot be used: {error.message}") from error
        shutil.rmtree(twin, ignore_errors=True)
        folder = _switched(staging, models_dir / plan.name)
        entry = {"address": plan.address, "revision": plan.revision, "licence": plan.licence, "files": checksums}
        write_entry(
            models_dir, plan.name, {**entry, "pulled_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now()))}
        )
    return folder


def prove(folder: Path, twin: Path, *, floor: float = INT8_FLOOR) -> dict[str, float]:
    """Compare a model with its float32 twin on this processor, and keep the twin's answers beside it.

    Returns:
        the least cosine of `images` and `texts`, as far as the model takes them.

    Raises:
        ManifestError: one of the two cannot be opened, or they differ by more than the floor allows.
    """
    expected = answers_of(open_manifest(read_manifest(twin), device="cpu"))
    manifest = read_manifest(folder)
    least = compare(answers_of(open_manifest(manifest, device="cpu")), expected, floor=floor, what=manifest.encoder_id)
    write_golden(folder / GOLDEN_NAME, expected)
    facts = json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))
    facts["files"][GOLDEN_NAME] = {"sha256": _sha256(folder / GOLDEN_NAME)}
    facts["golden"] = {"file": GOLDEN_NAME, "floor": floor}
    beside = folder / f".{MANIFEST_NAME}"
    beside.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    beside.replace(folder / MANIFEST_NAME)
    return least


def _fetched(file: PlannedFile, folder: Path, transfer: Transfer, follow: FollowFile) -> str:
    """Return the SHA-256 of a file that is there and right, fetched when it was not."""
    path = folder / file.name
    wanted = file.expected.sha256
    if wanted and path.is_file() and _sha256(path) == wanted:
        return wanted
    path.unlink(missing_ok=True)
    show: Follow = lambda have, total: follow(file.name, have, total)  # noqa: E731
    return transfer.fetch(file.url, path, file.expected, follow=show)


def _finish(plan: Plan, staging: Path, twin: Path, checksums: dict[str, str]) -> None:
    """Write the manifest, open the model and ask it something."""
    _clear(staging, {*checksums, twin.name})
    if plan.manifest is not None:
        (staging / MANIFEST_NAME).write_bytes(plan.manifest)
    else:
        _write_manifest(staging, plan.facts, checksums)
    manifest = read_manifest(staging)
    if plan.twins:
        for name in checksums:
            if not (twin / name).exists():
                (twin / name).hardlink_to(staging / name)
        _write_manifest(twin, plan.facts, {path.name: _sha256(path) for path in twin.iterdir()})
        prove(staging, twin, floor=INT8_FLOOR)
        return
    for side, rows in answers_of(open_manifest(manifest, device="cpu")).items():
        if _all_alike(rows):
            raise PullFailed(f"{plan.name} answers the same to different {side}; it is damaged or not an encoder.")
    if coarsest_arithmetic(manifest) == "int8" and manifest.golden is None:
        raise PullFailed(
            f"{plan.name} rounds its activations to 8 bits and brings no golden answers, so nobody can tell whether it "
            "is right on this processor. Pull its float32 file; `feira model convert` makes a smaller one of it."
        )


def _write_manifest(folder: Path, facts: Any, checksums: dict[str, str]) -> None:
    whole = complete(facts, folder)
    listed = {name: {"sha256": sha256, "bytes": (folder / name).stat().st_size} for name, sha256 in checksums.items()}
    text = json.dumps({**whole, "files": listed}, indent=1, ensure_ascii=False)
    (folder / MANIFEST_NAME).write_text(text + "\n", encoding="utf-8")


def _all_alike(rows: Matrix) -> bool:
    return bool(np.min(rows @ rows.T) > _SAME)


def _clear(staging: Path, wanted: set[str]) -> None:
    """Remove what an earlier pull of something else left behind."""
    for path in staging.iterdir():
        if path.name in wanted:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _switched(staging: Path, folder: Path) -> Path:
    """Put the new folder in the place of the old, which comes back when that fails."""
    old = folder.with_name(f".old-{folder.name}")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.replace(old)
    try:
        staging.replace(folder)
    except OSError:
        if old.exists():
            old.replace(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)
    return folder


@contextmanager
def _alone(models_dir: Path) -> Iterator[None]:
    """Let one process at a time pull into a folder; one that dies lets go."""
    handle = os.open(models_dir, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PullFailed(f"Another process is pulling into {models_dir}. Try again when it is done.") from error
        yield
    finally:
        os.close(handle)


def _sha256(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
