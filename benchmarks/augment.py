"""Augmentation against albumentations and plain Pillow: decode, crop to 224, flip, jitter, JPEG of quality 90.

Every way gets the bytes of the same photos and returns bytes, with the same ranges for area, shape and colours. One
process is this one; two are a pool of two: Feira's own, or that of the standard library. Rounds of all ways take turns.
By default albumentations reads colours between pixels and leaves out many where it shrinks; the way called “smooth”
averages those that lie under the new pixel, Feira and Pillow also their neighbours, weighted. What that is worth stands
beside the speed: what is left of stripes too fine for 224 pixels, where plain grey would be right. The second table has
the same photos enlarged to what phones take; the third shows where Feira's time goes with small ones.
"""

import argparse
import functools
import io
import itertools
import multiprocessing
import os
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image, ImageEnhance, ImageOps
from rig.report import Report, tell
from rig.shop import SHARED

from feira.core.augment import ImageRule, Recipe, RenderPool, RenderTask, plan, render_one
from feira.core.datasets.drawn import draw_listing
from feira.core.images.intake import read_picture

SIDE: Final = 224
AREA, ASPECT = (0.35, 1.0), (0.75, 1.333333)
JITTER, HUE_DEGREES = 0.2, 18
QUALITY = 90
RULE = ImageRule("original", None, "jpeg", QUALITY)
RECIPE = Recipe.from_json(
    {
        "operations": [
            {"operation": "crop", "area": AREA, "aspect": ASPECT, "size": SIDE},
            {"operation": "flip", "probability": 0.5},
            {
                "operation": "jitter",
                **dict.fromkeys(("brightness", "contrast", "saturation"), (1 - JITTER, 1 + JITTER)),
                "hue": (-HUE_DEGREES, HUE_DEGREES),
            },
        ]
    }
)
PHONE_SIDE = 4000
USUAL = (400, 533)

Way = Callable[[bytes], bytes]


def main() -> None:
    """Run and print."""
    asked = arguments()
    photos = real_photos(asked.photos_dir, asked.photos)
    ways = known_ways()
    report = Report("augment", as_json=asked.json, photos=len(photos), rounds=asked.rounds, ways=len(ways))
    groups = {"As they are": photos, "Enlarged as from a phone": enlarged(photos, asked.enlarged)}
    stripes = {"As they are": striped(*USUAL), "Enlarged as from a phone": striped(3000, PHONE_SIDE)}
    with RenderPool(2) as own, ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as rivals:
        for title, some in groups.items():
            tell(f"{title}: {len(some)} photos")
            left = {name: stripes_left(way, stripes[title], asked.striped) for name, way in ways.items()}
            tabulate(report, title, measure(ways, some, asked.rounds, own, rivals), left)
    report.table("Where Feira's time goes", steps(photos, asked.rounds))
    report.show()


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--photos-dir", type=Path, default=SHARED / "data/clothing", help="JPEG files [../shared/data/clothing]"
    )
    parser.add_argument("--photos", type=int, default=300, help="photos per round [300]")
    parser.add_argument("--enlarged", type=int, default=24, help="of these, enlarged for the second table [24]")
    parser.add_argument("--striped", type=int, default=40, help="draws of a photo of stripes [40]")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of everything [5]")
    parser.add_argument("--quick", action="store_true", help="only see that it works: one round of 12 photos")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    asked = parser.parse_args()
    if asked.quick:
        asked.photos, asked.enlarged, asked.rounds, asked.striped = 12, 2, 1, 2
    return asked


def real_photos(folder: Path, count: int) -> list[bytes]:
    """Return JPEG files, spread over the folder; where there is none, Feira draws them."""
    files = sorted(folder.rglob("*.jpg"))
    if not files:
        return [draw_listing(number, seed=3).photos[0] for number in range(count)]
    return [path.read_bytes() for path in files[:: max(1, len(files) // count)][:count]]


def enlarged(photos: list[bytes], count: int) -> list[bytes]:
    """Return some of the photos with 4,000 pixels along the longer side."""
    large = []
    for photo in photos[:count]:
        picture = ImageOps.contain(Image.open(io.BytesIO(photo)).convert("RGB"), (PHONE_SIDE, PHONE_SIDE))
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=QUALITY)
        large.append(buffer.getvalue())
    return large


def striped(width: int, height: int) -> bytes:
    """Return a photo of upright stripes, each one pixel wide: finer than anything that is shrunk can show."""
    columns = np.where(np.arange(width) % 2, np.uint8(200), np.uint8(55))
    buffer = io.BytesIO()
    Image.fromarray(np.tile(columns, (height, 1))).convert("RGB").save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def stripes_left(way: Way, photo: bytes, draws: int) -> float:
    """Return how far a way's pictures of fine stripes are from plain grey: the deviation of their levels, of 255."""
    pictures = (Image.open(io.BytesIO(way(photo))).convert("L") for _ in range(draws))
    return statistics.mean(float(np.asarray(picture).std()) for picture in pictures)


def steps(photos: list[bytes], rounds: int) -> list[dict[str, Any]]:
    """Return what each step of Feira's takes by itself: the round with the least processor time, per photo."""
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        spent: Counter[str] = Counter()
        for photo in photos:
            marks: list[tuple[str, float]] = [("", time.process_time())]
            picture = read_picture(photo, reduction=lambda _width, _height: 1).image
            marks.append(("decode", time.process_time()))
            drawn = plan(RECIPE, key=str(random.getrandbits(32)), variant=1, size=picture.size, rule=RULE)
            marks.append(("draw the plan", time.process_time()))
            for step in drawn:
                picture = step.apply(picture)
                marks.append((step.operation, time.process_time()))
            picture.save(io.BytesIO(), "JPEG", quality=QUALITY)
            marks.append(("encode", time.process_time()))
            spent.update({name: after - before for (_, before), (name, after) in itertools.pairwise(marks)})
        for name, seconds in spent.items():
            found.setdefault(name, []).append(1000 * seconds / len(photos))
    return [{"step": name, "processor ms": round(min(times), 3)} for name, times in found.items()]


def known_ways() -> dict[str, Way]:
    """Return what can run here, by name; Feira comes first."""
    ways: dict[str, Way] = {"Feira": feira, "plain Pillow": plain_pillow}
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # else it asks the network for its version
    try:
        albumentations_of(smooth=False)
    except ImportError:
        tell("albumentations is not installed: `pip install albumentations` brings it")
        return ways
    return {**ways, "albumentations": albumentations_plain, "albumentations, smooth": albumentations_smooth}


def feira(photo: bytes) -> bytes:
    """Make a variant; a new one each time, as the others do."""
    return render_one(photo, RULE, RECIPE, key=str(random.getrandbits(32)), variant=1).content


def plain_pillow(photo: bytes) -> bytes:
    """Do the same with Pillow's own parts, as one writes it down."""
    picture = Image.open(io.BytesIO(photo)).convert("RGB")
    area = picture.width * picture.height * random.uniform(*AREA)
    shape = random.uniform(*ASPECT)
    width, height = min(picture.width, round((area * shape) ** 0.5)), min(picture.height, round((area / shape) ** 0.5))
    left, top = random.randint(0, picture.width - width), random.randint(0, picture.height - height)
    view = picture.crop((left, top, left + width, top + height)).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    if random.random() < 0.5:
        view = ImageOps.mirror(view)
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        view = enhance(view).enhance(random.uniform(1 - JITTER, 1 + JITTER))
    turn = round(random.uniform(-HUE_DEGREES, HUE_DEGREES) * 255 / 360)
    hue, saturation, value = view.convert("HSV").split()
    turned = hue.point([(level + turn) % 256 for level in range(256)])
    buffer = io.BytesIO()
    Image.merge("HSV", (turned, saturation, value)).convert("RGB").save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def albumentations_plain(photo: bytes) -> bytes:
    """Do the same as its documentation shows it, with OpenCV to decode and encode."""
    return albumentations_way(photo, smooth=False)


def albumentations_smooth(photo: bytes) -> bytes:
    """Do the same, averaging where it shrinks."""
    return albumentations_way(photo, smooth=True)


def albumentations_way(photo: bytes, *, smooth: bool) -> bytes:
    """Run its pipeline over one photo."""
    import cv2  # noqa: PLC0415 - a rival, not installed everywhere

    pixels = cv2.cvtColor(cv2.imdecode(np.frombuffer(photo, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    changed = albumentations_of(smooth=smooth)(image=pixels)["image"]
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(changed, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return bytes(encoded)


@functools.lru_cache(maxsize=2)
def albumentations_of(*, smooth: bool) -> Any:
    """Return its pipeline, with one thread."""
    import albumentations  # noqa: PLC0415 - likewise
    import cv2  # noqa: PLC0415 - likewise

    cv2.setNumThreads(1)
    spread = (1 - JITTER, 1 + JITTER)
    return albumentations.Compose(
        [
            albumentations.RandomResizedCrop(
                (SIDE, SIDE), scale=AREA, ratio=ASPECT, interpolation=cv2.INTER_AREA if smooth else cv2.INTER_LINEAR
            ),
            albumentations.HorizontalFlip(p=0.5),
            albumentations.ColorJitter(
                brightness=spread, contrast=spread, saturation=spread, hue=HUE_DEGREES / 360, p=1
            ),
        ]
    )


def measure(
    ways: dict[str, Way], photos: list[bytes], rounds: int, own: RenderPool, rivals: ProcessPoolExecutor
) -> dict[str, dict[str, list[float]]]:
    """Return, for each way, photos per second of one and of two processes, and processor milliseconds per photo."""
    found: dict[str, dict[str, list[float]]] = {name: {"one": [], "two": [], "cpu": []} for name in ways}
    for name, way in ways.items():
        check(way(photos[0]))
        check(list(in_two(name, way, photos[:4], own, rivals))[-1])
    for number in range(rounds):
        tell(f"round {number + 1} of {rounds}")
        for name, way in ways.items():
            started, started_cpu = time.perf_counter(), time.process_time()
            for photo in photos:
                way(photo)
            found[name]["cpu"].append(1000 * (time.process_time() - started_cpu) / len(photos))
            found[name]["one"].append(len(photos) / (time.perf_counter() - started))
            started = time.perf_counter()
            made = sum(1 for _ in in_two(name, way, photos, own, rivals))
            found[name]["two"].append(made / (time.perf_counter() - started))
    return found


def in_two(name: str, way: Way, photos: list[bytes], own: RenderPool, rivals: ProcessPoolExecutor) -> Iterator[bytes]:
    """Yield what two processes make of the photos."""
    if name != "Feira":
        yield from rivals.map(way, photos, chunksize=4)
        return
    tasks = (RenderTask(str(random.getrandbits(32)), photo, RULE, RECIPE, (1,)) for photo in photos)
    yield from (outcome.rendered[0].content for outcome in own.map(tasks))


def check(content: bytes) -> None:
    """See that a way made what was asked for."""
    with Image.open(io.BytesIO(content)) as image:
        assert (image.format, image.size) == ("JPEG", (SIDE, SIDE))


def tabulate(report: Report, title: str, found: dict[str, dict[str, list[float]]], stripes: dict[str, float]) -> None:
    """Put what was measured into a table and ratios."""
    rows = [{**row(name, figures), "stripes left, levels": round(stripes[name], 1)} for name, figures in found.items()]
    report.table(title, rows)
    what = {"one": "images/s of 1 process", "two": "images/s of 2 processes", "cpu": "processor time"}
    for name, figures in itertools.islice(found.items(), 1, None):
        for measured, words in what.items():
            pairs = zip(found["Feira"][measured], figures[measured], strict=True)
            ratio = statistics.median(ours / theirs for ours, theirs in pairs)
            report.ratio(f"{title}, {words}: Feira / {name}", ratio, goal="< 1" if measured == "cpu" else "> 1")


def row(name: str, figures: dict[str, list[float]]) -> dict[str, Any]:
    """Return one way's line of the table."""
    one, two = figures["one"], figures["two"]
    return {
        "way": name,
        "1 process, images/s": round(statistics.median(one), 1),
        "least to most": f"{min(one):.1f} to {max(one):.1f}",
        "2 processes, images/s": round(statistics.median(two), 1),
        "processor ms": round(statistics.median(figures["cpu"]), 2),
    }


if __name__ == "__main__":
    main()
