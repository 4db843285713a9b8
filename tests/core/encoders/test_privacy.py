"""The runtime of encoders keeps to itself."""

import os
import subprocess
import sys
from pathlib import Path


def test_no_encoder_names_this_machine_or_calls_home(tmp_path: Path) -> None:
    # Under CI, or with the variable already set, the runtime is silent whatever we do.
    kept = {name: value for name, value in os.environ.items() if name not in {"CI", "ORT_DISABLE_TELEMETRY"}}
    places = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", "import feira.core.encoders.onnx"], env=kept | places, check=True)
    assert not [path for path in tmp_path.rglob("*") if "__pycache__" not in path.parts]
