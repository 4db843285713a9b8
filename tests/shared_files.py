"""Real data beside the checkout, for tests that need real photos or models; none of it is in the repository."""

import os
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[1].parent / "shared"


def needs_shared(relative: str) -> pytest.MarkDecorator:
    """Skip outside CI when the shared data is not there; under `CI=true` the missing file fails the test itself."""
    missing = not (SHARED / relative).exists() and os.environ.get("CI") != "true"
    return pytest.mark.skipif(missing, reason=f"needs ../shared/{relative} beside the checkout")
