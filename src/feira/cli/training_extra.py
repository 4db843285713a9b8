"""What training needs besides the ordinary installation."""

import importlib.util

from feira.core.errors import Misconfigured


def need_torch() -> None:
    """Refuse before anything is begun where PyTorch is not installed.

    Raises:
        Misconfigured: it is not.
    """
    missing = [name for name in ("torch", "onnx", "onnxscript") if importlib.util.find_spec(name) is None]
    if missing:
        raise Misconfigured(
            f"Training needs {', '.join(missing)}, which is not installed. Install `feira[torch]`: "
            "`pip install 'feira[torch]' --extra-index-url https://download.pytorch.org/whl/cpu`."
        )
