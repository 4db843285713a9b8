"""Models that are known by name: where they lie, which commit and which bytes, what must be known to run them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Literal

Precision = Literal["fp32", "fp16", "int8"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetFile:
    """One file of a repository; `sha256` is empty where only the hub says it."""

    path: str
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One model.

    Attributes:
        name: what `feira model pull` takes, and the folder's name.
        title: one line about it.
        licence, licence_url: to be read before it is pulled.
        repository: on the hub.
        revision: the commit, empty where none is known for certain: then the first pull decides, and its checksums are
            kept (`models.lock.json`).
        files: local name to file, in float32.
        variants: the files that are others in a lower precision.
        manifest: everything that the files cannot say themselves.
    """

    name: str
    title: str
    licence: str
    licence_url: str
    repository: str
    revision: str
    files: Mapping[str, PresetFile]
    variants: Mapping[str, Mapping[str, PresetFile]] = field(default_factory=dict)
    manifest: Mapping[str, Any] = field(default_factory=dict)


@cache
def presets() -> Mapping[str, Preset]:
    """Return every preset by name."""
    folder = resources.files("feira.engine.hub") / "presets"
    found = {}
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        name, dot, ending = entry.name.rpartition(".")
        if dot and ending == "json":
            found[name] = _preset(name, json.loads(entry.read_text(encoding="utf-8")))
    return found


def _preset(name: str, facts: dict[str, Any]) -> Preset:
    return Preset(
        name=name,
        title=facts["title"],
        licence=facts["licence"],
        licence_url=facts["licence_url"],
        repository=facts["repository"],
        revision=facts["revision"] or "",
        files=_files(facts["files"]),
        variants={precision: _files(files) for precision, files in facts.get("variants", {}).items()},
        manifest=facts["manifest"],
    )


def _files(facts: dict[str, dict[str, str]]) -> dict[str, PresetFile]:
    return {local: PresetFile(path=file["path"], sha256=file.get("sha256", "")) for local, file in facts.items()}
