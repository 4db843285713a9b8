"""The command `feira` as a whole: what it lists, how it ends, and what it does not load."""

import importlib
import resource
import socket
import subprocess
import sys

import pytest
import typer

from feira import __version__
from feira.cli.errors import Misused, exit_code_of
from feira.cli.main import COMMANDS, app
from feira.core.errors import FeiraError, Misconfigured, Refused
from tests.cli.conftest import Call

WHAT_HELP_LOADS = """
import sys, time
from feira.cli.errors import exit_code_of
from feira.cli.main import app
code = exit_code_of(lambda: app({arguments!r}, prog_name="feira"))
heavy = [name for name in ("django", "numpy", "celery", "faiss", "onnxruntime", "httpx") if name in sys.modules]
sys.stderr.write(f"{{code}} {{heavy}}")
"""


def loaded_by(*arguments: str) -> str:
    """Return the exit code and the heavy packages that a command loads."""
    script = WHAT_HELP_LOADS.format(arguments=list(arguments))
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stderr


def test_help_lists_every_command_and_loads_none(call: Call) -> None:
    said = call(app, "--help")
    assert said.code == 0
    for name, command in COMMANDS.items():
        assert (f" {name} " in said.out) is not command.hidden
    assert loaded_by("--help") == "0 []"


def test_help_costs_little() -> None:
    def spent() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before = spent()
    subprocess.run([sys.executable, "-m", "feira.cli.main", "--help"], capture_output=True, check=True)
    assert spent() - before < 0.8  # 0.3 s of processor time; wall time says more about the neighbours


def test_measuring_encoders_needs_no_django() -> None:
    assert "django" not in loaded_by("evaluate", "similar", "--help")
    assert "django" not in loaded_by("engine", "--help")
    assert "django" not in loaded_by("up", "--help")


@pytest.mark.parametrize("name", [name for name, command in COMMANDS.items() if not command.hidden])
def test_every_command_explains_itself_with_an_example(name: str, call: Call) -> None:
    module = importlib.import_module(COMMANDS[name].module)
    assert isinstance(module.app, typer.Typer)
    said = call(module.app, "--help")
    assert said.code == 0
    if "COMMAND" in said.out:  # a noun: its verbs have the examples
        verbs = module.app.registered_commands
        assert verbs
        assert all("Example" in (verb.epilog or "") for verb in verbs)
    else:
        assert "Example" in said.out


def test_the_version_goes_to_stdout(call: Call) -> None:
    assert call(app, "--version").out == f"feira {__version__}\n"


def test_a_misspelt_command_is_misuse_and_gets_a_suggestion(call: Call) -> None:
    said = call(app, "dmo")
    assert said.code == 2
    assert said.out == ""
    assert "demo" in said.err


def test_a_missing_option_is_misuse(feira: Call) -> None:
    said = feira("evaluate", "similar")
    assert said.code == 2
    assert "--gallery" in said.err
    assert said.out == ""


def test_a_wrong_setting_is_one_line_that_names_it(feira: Call) -> None:
    said = feira("user", "list", FEIRA_WEB_WORKERS="none")
    assert said.code == 2
    assert "FEIRA_WEB_WORKERS" in said.err
    assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FEIRA_DATABASE_URL", "mongo://shop"),
        ("FEIRA_DATABASE_URL", "nonsense"),
        ("FEIRA_BROKER_URL", "kafka://shop"),
        ("FEIRA_BROKER_URL", "nonsense"),
    ],
)
def test_an_address_of_an_unknown_kind_is_one_line_that_says_which_are_known(
    feira: Call, name: str, value: str
) -> None:
    said = feira("worker", **{name: value})
    assert said.code == 2
    assert said.err.startswith(f"feira: {name} must start with ")
    assert len(said.err.splitlines()) == 1


def test_a_database_without_tables_says_to_migrate(feira: Call) -> None:
    said = feira("jobs", "list")
    assert said.code == 1
    assert said.err.startswith("feira: The database cannot be used: no such table")
    assert "feira migrate" in said.err
    assert len(said.err.splitlines()) == 1


def test_a_database_that_does_not_answer_is_one_line(feira: Call) -> None:
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        port = nobody_listens.getsockname()[1]
        said = feira("jobs", "list", FEIRA_DATABASE_URL=f"postgres://u:word@127.0.0.1:{port}/shop")
    assert said.code == 1
    assert said.err.startswith("feira: The database cannot be used: ")
    assert "word" not in said.err
    assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Refused("You may not."), 1),
        (FeiraError("It went wrong."), 1),
        (Misused("Choose another port."), 2),
        (Misconfigured("FEIRA_X is wrong."), 2),
    ],
)
def test_a_deliberate_error_is_its_message_and_an_exit_code(
    error: FeiraError, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def command() -> None:
        raise error

    assert exit_code_of(command) == code
    assert capsys.readouterr() == ("", f"feira: {error.message}\n")


def test_an_unexpected_error_is_one_line_too_and_a_stack_trace_on_request(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def command() -> None:
        raise ZeroDivisionError("division\nby zero")

    assert exit_code_of(command) == 1
    said = capsys.readouterr().err
    assert said.startswith("feira: stopped by ZeroDivisionError: division by zero.")
    assert "FEIRA_DEBUG=1" in said
    monkeypatch.setenv("FEIRA_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        exit_code_of(command)


def test_ctrl_c_ends_with_130() -> None:
    def command() -> None:
        raise KeyboardInterrupt

    assert exit_code_of(command) == 130


def test_output_may_be_cut_off_by_its_reader() -> None:
    command = f"{sys.executable} -m feira.cli.main --help | head -n 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert "Error" not in done.stderr
