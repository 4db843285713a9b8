"""The same records give the same bytes, whoever writes them, when, where and in which order."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from feira.core.datasets.canonical import canonical_json
from feira.core.datasets.records import Record
from feira.core.datasets.shards import plan_shards, shard_bytes
from feira.core.datasets.tar_blocks import END
from tests.core.datasets.made import LABELS, Photos, make_records


def laid_out(folder: Path, records: Sequence[Record], photos: Photos, *, seconds: int) -> Path:
    """Put records and photos into a folder in the order they have, all files of the given age."""
    folder.mkdir()
    for record in records:
        (folder / f"{record.key}.json").write_bytes(canonical_json(record.facts()))
        for _, image in record.files():
            (folder / image.sha256).write_bytes(photos(image).read())
    for path in folder.iterdir():
        os.utime(path, (seconds, seconds))
    return folder


def written_by_another_process(source: Path, shuffle: str, direction: str, **environment: str) -> dict[str, str]:
    answer = subprocess.run(
        [sys.executable, "-m", "tests.core.datasets.write_again", str(source), shuffle, direction],
        env={**os.environ, **environment, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        stdout=subprocess.PIPE,
        check=True,
    )
    found: dict[str, str] = json.loads(answer.stdout)
    return found


def test_another_process_at_another_place_and_time_writes_the_same_bytes(tmp_path: Path) -> None:
    records, photos = make_records(30)
    old = laid_out(tmp_path / "old", records, photos, seconds=1)
    new = laid_out(tmp_path / "new", records[::-1], photos, seconds=1_900_000_000)
    one = written_by_another_process(old, "1", "forwards", PYTHONHASHSEED="1", LC_ALL="C", TZ="UTC")
    two = written_by_another_process(
        new, "2", "backwards", PYTHONHASHSEED="4242", LC_ALL="C.UTF-8", TZ="Asia/Tokyo", LANG="pt_PT.UTF-8"
    )
    assert one == two
    assert {path.partition("/")[0] for path in one} > {"files", "webdataset", "parquet", "imagefolder"}
    assert sum(path.endswith(".tar") for path in one) > 2


@pytest.mark.parametrize("most_bytes", [20_000, 60_000, 10**9])
def test_shards_have_the_size_that_was_planned_and_together_hold_everything(most_bytes: int) -> None:
    records, photos = make_records(30)
    labels = sorted(LABELS)
    pieces = list(plan_shards(records, labels, most_bytes=most_bytes))
    everything = [record.key for piece in pieces for record in records if piece.holds(record)]
    assert sorted(everything) == [record.key for record in records]
    for piece in pieces:
        held = [record for record in records if piece.holds(record)]
        assert (len(held), held[0].key, held[-1].key) == (piece.records, piece.first, piece.last)
        assert sum(map(len, shard_bytes(held, photos, labels))) == piece.weight <= most_bytes
    # No shard could have taken the first photo of the next one too.
    for one, other in pairwise(sorted(pieces, key=lambda piece: piece.path)):
        if one.split == other.split:
            first = next(record for record in records if record.key == other.first)
            alone = next(plan_shards([first], labels)).weight - len(END)
            assert one.weight + alone > most_bytes
