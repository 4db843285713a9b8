"""Sub-commands that are imported when they are called, so that `feira --help` costs no Django and no models."""

import importlib
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """Where a sub-command lives and what the list of commands says of it.

    Attributes:
        module: holds a `typer.Typer` named `app`. An app with one command and no callback becomes that command.
        help: one line for the list.
        needs_shop: start Django before importing the module, which may then import models at its top.
    """

    module: str
    help: str
    panel: str
    needs_shop: bool = False
    hidden: bool = False

    def load(self) -> Any:
        """Import the module and return its command."""
        if self.needs_shop:
            importlib.import_module("feira.cli.shop").start_django()
        return typer.main.get_command(importlib.import_module(self.module).app)


def lazy_group(table: dict[str, LazyCommand]) -> type[TyperGroup]:
    """Return a group class whose commands are those of the table, in its order.

    This is the one place that imports by name: what is listed is a light stand-in, what is run is the real command.
    """

    class LazyGroup(TyperGroup):
        def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
            return list(table)

        def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
            entry = table.get(cmd_name)
            if entry is None:
                return None
            return TyperCommand(
                name=cmd_name,
                help=entry.help,
                short_help=entry.help,
                rich_help_panel=entry.panel,
                hidden=entry.hidden,
            )

        def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
            self.commands = {name: self.get_command(ctx, name) for name in table}  # for "did you mean"
            name, command, rest = super().resolve_command(ctx, args)
            if name in table:
                command = table[name].load()
                command.name = name
            return name, command, rest

    return LazyGroup
