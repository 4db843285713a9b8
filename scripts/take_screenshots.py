"""Take the pictures of docs/images from a running shop.

    python scripts/take_screenshots.py --url http://127.0.0.1:8000 --email ana@example.com --password SECRET

Home, search by words, search by photo, a listing and the sell page, each at 390 and 1280 pixels, light and dark. The
shop should hold the sample catalogue of clothing; the photo that is searched with and those on the sell page are
pictures of its own listings, cut and mirrored. Nothing is published.
"""

import argparse
import io
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from PIL import Image, ImageOps
from playwright.sync_api import Browser, FilePayload, Page, Playwright, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
SIZES = {390: 844, 1280: 900}
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
QUALITY = 80
MOST_BYTES = 3_000_000
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars"]

PHOTOS_IN_SIGHT = """async () => {
    const inSight = [...document.images].filter((one) => {
        const box = one.getBoundingClientRect();
        return box.top < innerHeight && box.left < innerWidth && box.width > 0;
    });
    await Promise.all([document.fonts.ready, ...inSight.map((one) => one.decode().catch(() => null))]);
}"""


def main() -> None:
    """Take every picture and say how large they are together."""
    options = read_options()
    options.into.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright, open_browser(playwright) as browser:
        scenes = Scenes(browser, options)
        for width, height in SIZES.items():
            for theme in THEMES:
                for name, arrange in scenes.all().items():
                    with scenes.page(width, height, theme) as page:
                        arrange(page)
                        save(page, options.into / f"{name}-{width}-{theme}.webp")
    total = sum(picture.stat().st_size for picture in options.into.glob("*.webp"))
    print(f"{total / 1e6:.2f} MB in {options.into}")  # noqa: T201 - a script speaks by printing
    if total > MOST_BYTES:
        raise SystemExit(f"That is more than {MOST_BYTES / 1e6:g} MB: lower QUALITY.")


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True, help="address of the running shop")
    parser.add_argument("--email", required=True, help="who sells; see the last lines of `feira demo`")
    parser.add_argument("--password", required=True)
    parser.add_argument("--words", default="weekend dress", help="words to search for")
    parser.add_argument("--like", default="/search/?category=shoes", help="a page whose first listing is searched for")
    parser.add_argument("--sold-like", default="/search/?category=shirt", help="what the seller has photographed")
    parser.add_argument("--title", default="Checked shirt, hardly worn", help="what the seller calls it")
    parser.add_argument("--into", type=Path, default=ROOT / "docs" / "images", metavar="FOLDER")
    return parser.parse_args()


@contextmanager
def open_browser(playwright: Playwright) -> Iterator[Browser]:
    """Start the system's Chromium, else Playwright's own."""
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    browser = playwright.chromium.launch(executable_path=next(filter(None, found), None), args=ARGUMENTS)
    yield browser
    browser.close()


class Scenes:
    """The pages and how each is brought into the state that is shown."""

    def __init__(self, browser: Browser, options: argparse.Namespace) -> None:
        self._browser, self._options = browser, options
        self._session = self._signed_in()
        self._alike = self._photos_of(options.like, 1)
        self._sold = self._photos_of(options.sold_like, 2)

    def all(self) -> dict[str, Callable[[Page], None]]:
        """Return the pages by the names of their pictures."""
        return {
            "home": self._home,
            "search-words": self._by_words,
            "search-photo": self._by_photo,
            "listing": self._listing,
            "sell": self._sell,
        }

    @contextmanager
    def page(self, width: int, height: int, theme: Literal["light", "dark"]) -> Iterator[Page]:
        """Open a browser window as the seller."""
        context = self._browser.new_context(
            base_url=self._options.url,
            viewport={"width": width, "height": height},
            device_scale_factor=2 if width < 600 else 1,
            is_mobile=width < 600,
            color_scheme=theme,
            reduced_motion="reduce",
            locale="en-GB",
            storage_state=self._session,  # type: ignore[arg-type] # as it was handed out
        )
        yield context.new_page()
        context.close()

    def _signed_in(self) -> object:
        context = self._browser.new_context(base_url=self._options.url)
        page = context.new_page()
        page.goto("/account/login/")
        page.get_by_label("Email").fill(self._options.email)
        page.get_by_label("Password").fill(self._options.password)
        page.locator("main").get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("button", name="Your account")).to_be_attached()
        state = context.storage_state()
        context.close()
        return state

    def _photos_of(self, address: str, count: int) -> list[FilePayload]:
        """Return other pictures of the first listings of a page."""
        with self.page(1280, 900, "light") as page:
            page.goto(address)
            page.locator("main .listing-card__title a").first.click()
            source = page.locator(".gallery__slide a").first.get_attribute("href") or ""
            content = page.request.get(source).body()
        return [
            {"name": f"photo-{turn}.jpg", "mimeType": "image/jpeg", "buffer": another_picture(content, turn)}
            for turn in range(count)
        ]

    def _home(self, page: Page) -> None:
        page.goto("/")

    def _by_words(self, page: Page) -> None:
        page.goto("/")
        field = page.locator("input[type='search']:visible").first
        field.fill(self._options.words)
        field.press("Enter")
        page.wait_for_url("**/search/**")

    def _by_photo(self, page: Page) -> None:
        page.goto("/search/")
        with page.expect_file_chooser() as chooser:
            page.locator("[data-photo-search]:visible").first.click()
        chooser.value.set_files(self._alike)
        page.wait_for_url("**photo=*")

    def _listing(self, page: Page) -> None:
        page.goto(self._options.like)
        page.locator("main .listing-card__title a").first.click()
        page.wait_for_url("**/listings/**")
        taller(page)
        expect(page.locator(".shelf .listing-card").first).to_be_attached()

    def _sell(self, page: Page) -> None:
        page.goto("/sell/")
        taller(page)
        page.locator("input[name='files']").set_input_files(self._sold)
        expect(page.locator("[data-tiles] input[name='photos']")).to_have_count(len(self._sold))
        expect(page.locator("#suggestions .chip").first).to_be_visible()
        page.get_by_label("Title").fill(self._options.title)
        page.get_by_label("Price", exact=True).fill("24")
        page.get_by_label("Price", exact=True).blur()
        page.evaluate("scrollTo(0, 0)")


def taller(page: Page) -> None:
    """Show half a screen more, where what matters lies below the photo."""
    size = page.viewport_size or {"width": 1280, "height": 900}
    page.set_viewport_size({"width": size["width"], "height": round(size["height"] * 1.5)})


def another_picture(content: bytes, turn: int) -> bytes:
    """Return the same thing photographed again: mirrored or nearer."""
    with Image.open(io.BytesIO(content)) as picture:
        plain = picture.convert("RGB")
    edge = round(min(plain.size) * (0.03 + 0.09 * turn))
    plain = plain.crop((edge, edge, plain.width - edge, plain.height - edge))
    out = io.BytesIO()
    (plain if turn else ImageOps.mirror(plain)).save(out, "JPEG", quality=90)
    return out.getvalue()


def save(page: Page, file: Path) -> None:
    """Wait until every photo in sight is there, then keep what is seen."""
    page.wait_for_load_state("networkidle")
    page.evaluate(PHOTOS_IN_SIGHT)
    page.wait_for_timeout(100)
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        picture.convert("RGB").save(file, "WEBP", quality=QUALITY, method=6)
    print(f"{file.stat().st_size / 1000:7.1f} kB {file.name}")  # noqa: T201 - as above


if __name__ == "__main__":
    main()
