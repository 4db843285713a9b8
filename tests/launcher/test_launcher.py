"""`./feira` in a small clone of its own: the real launcher, real environments, a package that needs no network."""

import ast
import importlib.machinery
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

LAUNCHER = Path(__file__).resolve().parents[2] / "feira"
BASE_PYTHON = Path(getattr(sys, "_base_executable", sys.executable))
PATIENCE_S = 120

PYPROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "feira"
version = "1"
[project.scripts]
feira = "tiny:main"
"""
# A build backend in forty lines, so that `pip install -e .` needs no package index. It is slow while `slow` is there.
BACKEND = """\
import os, time, zipfile
from pathlib import Path

def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    Path("building").touch()
    while Path("slow").exists():
        time.sleep(0.05)
    with Path("builds").open("a") as log:
        log.write("x")
    name, info = "feira-1-py3-none-any.whl", "feira-1.dist-info/"
    with zipfile.ZipFile(os.path.join(wheel_directory, name), "w") as wheel:
        wheel.writestr("feira.pth", os.getcwd())
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: feira\\nVersion: 1\\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\n")
        wheel.writestr(info + "entry_points.txt", "[console_scripts]\\nfeira = tiny:main\\n")
        wheel.writestr(info + "RECORD", "")
    return name
"""
TINY = """\
import os, sys

def main():
    print(sys.argv[1:], os.environ["FEIRA_DATA_DIR"])
"""


@pytest.fixture
def launcher() -> ModuleType:
    """The launcher as a module."""
    loader = importlib.machinery.SourceFileLoader("feira_launcher", str(LAUNCHER))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


class Clone:
    """A folder with the launcher in it, and a PATH that holds what the test says."""

    def __init__(self, root: Path, bin_dir: Path) -> None:
        self.root, self.bin = root, bin_dir

    def start(self, *arguments: str, cwd: Path | None = None) -> subprocess.Popen[str]:
        """Start the launcher."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("FEIRA_")}
        env |= {
            "PATH": f"{self.bin}:/usr/bin:/bin",
            "UV_SYSTEM_PYTHON": "1",
            "PIP_TARGET": str(self.root / "elsewhere"),
        }
        return subprocess.Popen(
            [BASE_PYTHON, self.root / "feira", *arguments],
            cwd=cwd or self.root,
            env=env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def run(self, *arguments: str, cwd: Path | None = None) -> tuple[int, str, str]:
        """Run the launcher to its end; return exit code, stdout, stderr."""
        process = self.start(*arguments, cwd=cwd)
        out, err = process.communicate(timeout=PATIENCE_S)
        return process.returncode, out, err

    def builds(self) -> int:
        """Count how often the package was installed."""
        log = self.root / "builds"
        return len(log.read_text()) if log.exists() else 0


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """A clone whose lock files pin nothing, with uv when this machine has it."""
    root, bin_dir = tmp_path / "clone", tmp_path / "bin"
    root.mkdir()
    bin_dir.mkdir()
    shutil.copy(LAUNCHER, root / "feira")
    for name, text in {"pyproject.toml": PYPROJECT, "backend.py": BACKEND, "tiny.py": TINY}.items():
        (root / name).write_text(text)
    (root / "requirements.lock").write_text("# nothing\n")
    (root / "requirements-dev.lock").write_text("# nothing for developers\n")
    if uv := shutil.which("uv"):
        (bin_dir / "uv").symlink_to(uv)
    return Clone(root, bin_dir)


def wait_for(path: Path) -> None:
    """Wait until a file is there."""
    deadline = time.monotonic() + PATIENCE_S
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.02)


def test_the_first_start_installs_and_the_second_only_hands_over(clone: Clone) -> None:
    code, out, err = clone.run("up", "--port", "8123")
    assert (code, out) == (0, f"['up', '--port', '8123'] {clone.root / 'var'}\n")
    assert "making .venv" in err
    assert "requirements.lock" in err
    assert not (clone.root / "elsewhere").exists()
    code, out, err = clone.run("--version")
    assert (code, out, err) == (0, f"['--version'] {clone.root / 'var'}\n", "")
    assert clone.builds() == 1


def test_without_uv_the_standard_library_makes_the_environment(clone: Clone) -> None:
    (clone.bin / "uv").unlink(missing_ok=True)
    code, out, err = clone.run("doctor")
    assert (code, out) == (0, f"['doctor'] {clone.root / 'var'}\n"), err
    assert not (clone.root / "elsewhere").exists()


def test_a_changed_lock_file_is_installed_once(clone: Clone) -> None:
    clone.run("up")
    (clone.root / "requirements.lock").write_text("# nothing, said otherwise\n")
    code, _, err = clone.run("up")
    assert code == 0
    assert "requirements.lock" in err
    assert "making .venv" not in err
    assert clone.run("up")[2] == ""
    assert clone.builds() == 2


def test_tests_need_the_development_packages_which_serve_every_other_command_too(clone: Clone) -> None:
    assert "requirements-dev.lock" in clone.run("test", "-x")[2]
    assert clone.run("up")[2] == ""
    assert clone.run("check")[2] == ""
    (clone.root / "requirements-dev.lock").write_text("# nothing new\n")
    assert "requirements.lock" in clone.run("up")[2]
    assert "requirements-dev.lock" in clone.run("bench")[2]


def test_two_starts_at_once_prepare_once(clone: Clone) -> None:
    (clone.root / "slow").touch()
    first = clone.start("one")
    wait_for(clone.root / "building")
    second = clone.start("two")
    assert second.stderr is not None
    assert "waiting for another start" in second.stderr.readline()
    (clone.root / "slow").unlink()
    assert first.communicate(timeout=PATIENCE_S)[0].startswith("['one']")
    assert second.communicate(timeout=PATIENCE_S)[0].startswith("['two']")
    assert (first.returncode, second.returncode, clone.builds()) == (0, 0, 1)


def test_a_start_killed_in_the_middle_is_done_over(clone: Clone) -> None:
    (clone.root / "slow").touch()
    killed = clone.start("up")
    wait_for(clone.root / "building")
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    (clone.root / "slow").unlink()
    code, out, err = clone.run("up")
    assert code == 0
    assert out.startswith("['up']")
    assert "installing" in err


def test_an_environment_whose_python_is_gone_is_made_anew(clone: Clone) -> None:
    clone.run("up")
    python = clone.root / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python3")
    code, out, err = clone.run("up")
    assert code == 0, err
    assert out.startswith("['up']")
    assert "making .venv" in err


def test_a_clone_that_was_moved_still_starts_from_anywhere(clone: Clone, tmp_path: Path) -> None:
    clone.run("up")
    moved = clone.root.rename(tmp_path / "moved here")
    code, out, err = Clone(moved, clone.bin).run("user", "list", cwd=tmp_path)
    assert (code, out) == (0, f"['user', 'list'] {moved / 'var'}\n"), err


def test_a_failing_installation_shows_what_was_said_and_how_to_go_on(clone: Clone) -> None:
    (clone.root / "requirements.lock").write_text("this is no requirement ===\n")
    code, out, err = clone.run("up")
    assert (code, out) == (1, "")
    assert "this is no requirement" in err
    assert err.splitlines()[-1].startswith("feira: Installing the packages failed")
    assert "Traceback" not in err


def an_interpreter(path: Path, *, version: str, makes_environments: bool = True) -> str:
    """Write a program that answers the launcher's two questions as a Python of this version would."""
    path.write_text(
        "#!/bin/sh\n"
        'case "$2" in\n'
        f"  *version_info*) echo {version} ;;\n"
        f"  *ensurepip*) exit {0 if makes_environments else 1} ;;\n"
        "  *) exit 127 ;;\n"
        "esac\n"
    )
    path.chmod(0o755)
    return str(path)


def test_when_every_python_is_too_old_one_line_says_what_to_install(launcher: ModuleType, tmp_path: Path) -> None:
    old = an_interpreter(tmp_path / "python3", version="3 9")
    with pytest.raises(launcher.CannotStart) as caught:
        launcher.find_python([old, str(tmp_path / "not-there")])
    message = str(caught.value)
    assert "\n" not in message
    assert "3.11" in message
    assert "3.9" in message
    assert "apt-get install" in message


def test_the_first_python_that_is_new_enough_and_really_runs_is_taken(launcher: ModuleType, tmp_path: Path) -> None:
    broken = tmp_path / "python3.13"  # such as a shim whose version is not installed
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    old = an_interpreter(tmp_path / "python3.10", version="3 10")
    good = an_interpreter(tmp_path / "python3.12", version="3 12")
    assert launcher.find_python([old, str(broken), good, sys.executable]) == good


@pytest.mark.parametrize(("name", "package"), [("python3", "python3-venv"), ("python3.12", "python3.12-venv")])
def test_a_python_without_ensurepip_gets_the_one_line_that_helps(
    launcher: ModuleType, tmp_path: Path, name: str, package: str
) -> None:
    python = an_interpreter(tmp_path / name, version="3 12", makes_environments=False)
    with pytest.raises(launcher.CannotStart, match=f"sudo apt-get install {package}$"):
        launcher.make_venv(python, None)


def test_settings_that_send_packages_elsewhere_are_dropped_and_mirrors_kept(
    launcher: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("UV_SYSTEM_PYTHON", "UV_PYTHON", "PIP_TARGET", "PIP_USER", "PIP_REQUIRE_HASHES", "PYTHONPATH"):
        monkeypatch.setenv(name, "1")
    for name in ("UV_DEFAULT_INDEX", "PIP_INDEX_URL", "PIP_CERT", "UV_CACHE_DIR", "HTTPS_PROXY", "HOME"):
        monkeypatch.setenv(name, "kept")
    env = launcher.clean_environment()
    assert not {"UV_SYSTEM_PYTHON", "UV_PYTHON", "PIP_TARGET", "PIP_USER", "PIP_REQUIRE_HASHES", "PYTHONPATH"} & set(
        env
    )
    assert {env[name] for name in ("UV_DEFAULT_INDEX", "PIP_INDEX_URL", "PIP_CERT", "UV_CACHE_DIR", "HOME")} == {"kept"}


def test_old_pythons_can_read_the_launcher() -> None:
    source = LAUNCHER.read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 7))
    assert len(source.splitlines()) < 215


def test_only_the_standard_library_is_imported() -> None:
    tree = ast.parse(LAUNCHER.read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= set(sys.stdlib_module_names)
