"""Writes the table of settings: `python -m feira.settings_reference > docs/reference/settings.md`."""

import sys
from pathlib import Path
from typing import Any, get_args

from pydantic.fields import FieldInfo

from feira.settings import ENV_PREFIX, Settings

HEAD = """# Settings

Every setting is an environment variable. Unset ones have the default shown here, and the defaults run the whole shop on
one machine with no service. A value that cannot be used stops the start with a line that names the variable;
`feira doctor` shows what is set and what is wrong. This page is written from `feira.settings` and a test compares both.

| variable | type | default | what it does |
|---|---|---|---|
"""


def render_reference() -> str:
    """Return the page as Markdown."""
    return HEAD + "".join(_row(name, field) for name, field in Settings.model_fields.items())


def _row(name: str, field: FieldInfo) -> str:
    variable = f"`{ENV_PREFIX}{name.upper()}`"
    return f"| {variable} | {_type(field.annotation)} | {_default(field.default)} | {field.description} |\n"


def _type(annotation: Any) -> str:
    choices = get_args(annotation)
    if choices and all(isinstance(choice, str) for choice in choices):
        return " or ".join(f"`{choice}`" for choice in choices)
    names = {str: "text", int: "whole number", float: "number", bool: "`true` or `false`", Path: "path"}
    known = choices[0] if choices else annotation
    return names[known]


def _default(value: object) -> str:
    return "empty" if value in ("", None) else f"`{str(value).lower() if isinstance(value, bool) else value}`"


if __name__ == "__main__":
    sys.stdout.write(render_reference())
