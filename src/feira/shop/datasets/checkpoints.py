"""Checkpoints for predictions: exported PyTorch programs that an operator put into the models folder."""

import hashlib
import importlib.util
import re
from pathlib import Path

from django.utils.translation import gettext as _

from feira.settings import load_settings

PREFIX = "torch:"
CHECKPOINT_NAME = "checkpoint.pt2"
CONFIG_NAME = "checkpoint.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def is_checkpoint(model: str) -> bool:
    """Tell whether a model is named as `torch:NAME`, a folder in the models folder."""
    return model.startswith(PREFIX)


def checkpoint_folder(model: str) -> Path:
    """Return the folder of a model named as `torch:NAME`; whether it is there is another question."""
    return load_settings().resolved_models_dir() / model.removeprefix(PREFIX)


def problem_with(model: str) -> str:
    """Return why a checkpoint cannot be used, nothing when it can."""
    if not _NAME.fullmatch(model.removeprefix(PREFIX)):
        return _("Name a folder in the models folder, as in torch:shoes-2.")
    if importlib.util.find_spec("torch") is None:
        return _("Checkpoints need the extra `torch` on this server. Choose an encoder of the shop.")
    folder = checkpoint_folder(model)
    for name in (CHECKPOINT_NAME, CONFIG_NAME):
        if not (folder / name).is_file():
            text = _("There is no %(name)s in the folder %(folder)s of the models folder. Put it there.")
            return text % {"name": name, "folder": folder.name}
    return ""


def digest_of(model: str) -> str:
    """Return the SHA-256 of a checkpoint's file: the name alone does not say what it answers.

    Raises:
        FileNotFoundError: there is none.
    """
    with (checkpoint_folder(model) / CHECKPOINT_NAME).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
