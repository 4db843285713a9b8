"""Writes the page of commands: `python -m feira.cli.reference > docs/reference/commands.md`."""

import re
import sys
import textwrap
from collections.abc import Iterator
from typing import Any, get_args, get_origin

from feira.cli.lazy import LazyCommand
from feira.cli.main import COMMANDS

HEAD = """# Commands

In a clone every command is `./feira NAME`; after `pip install` it is `feira NAME`. Data goes to stdout, progress to
stderr. Exit codes: 0 done, 1 refused, 2 misused, 130 interrupted. Every command takes `--help`; `feira --version`
prints the version. With `FEIRA_DEBUG=1` an error keeps its stack trace.

This page is written from the commands themselves and a test compares both.
"""
MARKUP = re.compile(r"\[bold\](.*?)\[/\]")
NEVER_SHOWN = {"help", "install_completion", "show_completion"}
KINDS = {str: "TEXT", int: "NUMBER", float: "NUMBER"}


def render_reference() -> str:
    """Return the page as Markdown."""
    parts = [HEAD]
    panel = ""
    for name, entry in COMMANDS.items():
        if entry.hidden:
            continue
        if entry.panel != panel:
            panel = entry.panel
            parts.append(f"\n## {panel}\n")
        parts.extend(_section(name, entry))
    return "".join(parts)


def leaf_commands() -> Iterator[tuple[str, Any]]:
    """Yield every command that can be called, sub-commands included, by its words behind `feira`."""
    for name, entry in COMMANDS.items():
        if not entry.hidden:
            yield from _leaves(name, entry.load())


def shown_parameters(command: Any) -> list[Any]:
    """Return the arguments and options that a command has of its own."""
    return [param for param in command.params if param.name not in NEVER_SHOWN and not param.hidden]


def takes_anything(command: Any) -> bool:
    """Tell whether a command hands further words on to another program."""
    return bool(command.context_settings.get("allow_extra_args"))


def _leaves(words: str, command: Any) -> Iterator[tuple[str, Any]]:
    subcommands = getattr(command, "commands", None)
    if not subcommands:
        yield words, command
        return
    for name, subcommand in subcommands.items():
        yield from _leaves(f"{words} {name}", subcommand)


def _section(name: str, entry: LazyCommand) -> Iterator[str]:
    command = entry.load()
    leaves = list(_leaves(name, command))
    if leaves[0][0] != name:
        yield f"\n### feira {name}\n\n{_prose(entry.help)}\n"
    for words, leaf in leaves:
        yield f"\n{'###' if words == name else '####'} feira {words}\n\n"
        yield f"{_prose(leaf.help or '')}\n\n```text\n{_usage(words, leaf)}\n```\n"
        rows = [_row(param) for param in shown_parameters(leaf)]
        if rows:
            yield "\n| argument or option | default | what it does |\n|---|---|---|\n"
            yield from rows
        if leaf.epilog:
            yield f"\n{_prose(leaf.epilog)}\n"


def _usage(words: str, command: Any) -> str:
    parameters = shown_parameters(command)
    arguments = [param.metavar or param.name.upper() for param in parameters if not _is_option(param)]
    required = [_spelling(param) for param in parameters if _is_option(param) and param.required]
    optional = ["[OPTIONS]"] if any(_is_option(param) and not param.required for param in parameters) else []
    further = ["[ARGUMENTS]..."] if takes_anything(command) else []
    return " ".join(["feira", words, *required, *optional, *arguments, *further])


def _row(param: Any) -> str:
    shown = _spelling(param) if _is_option(param) else param.metavar or param.name.upper()
    text, default = _split_default(_plain(param.help or ""))
    variable = f" Also read from `{param.envvar}`." if param.envvar else ""
    return f"| `{shown}` | {default or _default(param)} | {text}{variable} |\n"


def _spelling(param: Any) -> str:
    names = ", ".join(param.opts)
    if param.is_bool_flag:
        return names
    return f"{names} {param.metavar or _kind(param.type_descriptor.annotation)}"


def _kind(annotation: Any) -> str:
    chosen = next((each for each in get_args(annotation) if each is not type(None)), annotation)
    return KINDS.get(get_origin(chosen) or chosen, "VALUE")


def _default(param: Any) -> str:
    if param.required:
        return "required"
    if param.default is None or param.default == "" or param.is_bool_flag:
        return ""
    return f"`{param.default}`"


def _split_default(text: str) -> tuple[str, str]:
    """Part a help text from the default that it tells in words, as in `Folder.  [default: FEIRA_DATA_DIR]`."""
    told, mark, default = text.partition("  [default: ")
    return told.strip(), default.rstrip("]") if mark else ""


def _is_option(param: Any) -> bool:
    return str(param.opts[0]).startswith("-")


def _plain(text: str) -> str:
    """Return help text as Markdown: what is bold there is code here."""
    return MARKUP.sub(r"`\1`", text).strip()


def _prose(text: str) -> str:
    """Return help text as wrapped paragraphs of Markdown."""
    return "\n\n".join(textwrap.fill(part, 120, break_on_hyphens=False) for part in _plain(text).split("\n\n"))


if __name__ == "__main__":
    sys.stdout.write(render_reference())
