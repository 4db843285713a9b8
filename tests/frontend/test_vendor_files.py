"""The files of others: pinned by hash, without addresses, complete, and light enough."""

import gzip
import json

from tests.frontend.sources import ROOT, STATIC

VENDOR = STATIC / "vendor"


def test_the_lock_pins_every_package_by_hash_and_records_no_address() -> None:
    lock = json.loads((ROOT / "frontend/package-lock.json").read_text(encoding="utf-8"))
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert len(packages) >= 3
    assert all(entry["integrity"].startswith("sha512-") for entry in packages.values())
    assert not [name for name, entry in packages.items() if "resolved" in entry]


def test_the_build_brought_what_pages_use_and_its_licences() -> None:
    for name in (
        "bootstrap.min.css",
        "bootstrap.bundle.min.js",
        "inter-latin.woff2",
        "inter-latin-ext.woff2",
        "icons.svg",
    ):
        assert (VENDOR / name).stat().st_size > 1_000
    assert {path.stem for path in (VENDOR / "licenses").iterdir()} == {"bootstrap", "bootstrap-icons", "inter"}


def test_no_file_sends_the_browser_after_a_source_map() -> None:
    for path in [*VENDOR.glob("*.css"), *VENDOR.glob("*.js")]:
        assert b"sourceMappingURL" not in path.read_bytes()


def test_the_first_page_weighs_at_most_200_kb_without_photos() -> None:
    styles = ["vendor/bootstrap.min.css", "feira/feira.css", "feira/tints.css", "vendor/icons.svg", "feira/mark.svg"]
    scripts = ["feira/theme.js", "feira/toast.js", "feira/search.js"]
    squeezed = sum(len(gzip.compress((STATIC / name).read_bytes())) for name in styles + scripts)
    htmx_and_page = 17_000 + 12_000
    assert squeezed + (VENDOR / "inter-latin.woff2").stat().st_size + htmx_and_page <= 200_000
