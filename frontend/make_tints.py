"""Write `tints.css`: one class per cell of the 6x6x6 palette, the colour a photo's place has until the photo comes.

A photo's colour cannot be an inline style under our Content-Security-Policy, so it is one of 216 classes.
Run from the repository root: `python frontend/make_tints.py`.
"""

from pathlib import Path

TARGET = Path(__file__).resolve().parents[1] / "src/feira/frontend/static/feira/tints.css"
STEP = 0x33


def tints_css() -> str:
    """Return the style sheet; cell `(red * 6 + green) * 6 + blue` has levels in steps of 51."""
    header = "/* Written by frontend/make_tints.py. */\n"
    return header + "".join(
        f".tint-{tint}{{background-color:#{tint // 36 * STEP:02x}{tint // 6 % 6 * STEP:02x}{tint % 6 * STEP:02x}}}\n"
        for tint in range(216)
    )


if __name__ == "__main__":
    TARGET.write_text(tints_css(), encoding="ascii")
