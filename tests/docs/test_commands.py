"""What pages tell people to type exists."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from feira.cli.main import COMMANDS, app
from feira.cli.reference import leaf_commands, render_reference, shown_parameters, takes_anything
from feira.settings import ENV_PREFIX, Settings
from tests.docs.pages import REFERENCE, name_of, pages, shell_lines

ASSIGNMENT = re.compile(r"^[A-Z_]+=")
# Read by the demo itself, the tests, or the example's own program.
NOT_SETTINGS = {"FEIRA_DEMO_SOURCE", "FEIRA_TOKEN", "FEIRA_URL"}

LEAVES: dict[str, Any] = dict(leaf_commands())


def commands_on(page: Path) -> list[list[str]]:
    """Return the words behind `feira` of every such command in the page's `sh` fences."""
    found = []
    for line in shell_lines(page):
        words = shlex.split(line, comments=True)
        while words and ASSIGNMENT.match(words[0]):
            words.pop(0)
        if words and words[0] in {"./feira", "feira"}:
            end = next((place for place, word in enumerate(words) if word in {"|", "&&", ";", ">"}), len(words))
            found.append(words[1:end])
    return found


def fault_of(words: list[str]) -> str:
    """Return what is wrong with a command, empty when it exists with all of its options."""
    name = next((name for count in (3, 2, 1) if (name := " ".join(words[:count])) in LEAVES), "")
    if not name:
        return f"there is no command {' '.join(words)}"
    command = LEAVES[name]
    known = {option for param in shown_parameters(command) for option in param.opts} | {"--help", "-h"}
    options = [word.partition("=")[0] for word in words if word.startswith("-")]
    unknown = [option for option in options if option not in known]
    return f"{name} has no {', '.join(unknown)}" if unknown and not takes_anything(command) else ""


def test_the_page_of_commands_is_up_to_date() -> None:
    written = (REFERENCE / "commands.md").read_text(encoding="utf-8")
    assert written == render_reference(), "run: python -m feira.cli.reference > docs/reference/commands.md"


def test_the_page_of_commands_has_every_command_and_option() -> None:
    written = (REFERENCE / "commands.md").read_text(encoding="utf-8")
    assert app.info.name == "feira"
    assert {name.split()[0] for name in LEAVES} == {name for name, entry in COMMANDS.items() if not entry.hidden}
    for name, command in LEAVES.items():
        assert f"# feira {name}\n" in written
        assert all(param.opts[0] in written for param in shown_parameters(command) if param.opts[0].startswith("-"))


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_commands_in_pages_exist_with_their_options(page: Path) -> None:
    assert [fault for words in commands_on(page) if (fault := fault_of(words))] == []


def test_a_command_that_does_not_exist_would_be_noticed() -> None:
    assert fault_of(["index", "verify", "--json"]) == ""
    assert "has no --fast" in fault_of(["index", "verify", "--fast"])
    assert "no command sell" in fault_of(["sell", "it"])
    assert "no command index mend" in fault_of(["index", "mend"])


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_variables_in_pages_are_settings(page: Path) -> None:
    known = {f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields} | NOT_SETTINGS
    named = re.findall(r"\bFEIRA_[A-Z][A-Z_]*[A-Z]\b(?!_\*)", page.read_text(encoding="utf-8"))
    assert set(named) - known == set()
