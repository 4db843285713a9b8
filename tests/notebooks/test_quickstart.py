"""The notebook runs from top to bottom against an open shop, and lies in the repository without output."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from feira.client import Client
from tests.journeys.catalogue import write_catalogue
from tests.journeys.running_shop import RunningShop

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "quickstart.ipynb"
MIRA, PASSWORD = "mira@example.org", "correct horse battery"
CELL_TIMEOUT_S = 300

pytestmark = pytest.mark.system


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[RunningShop]:
    """A shop with sixty photos, open to Mira of the ML team."""
    source, _items = write_catalogue(tmp_path)
    running = RunningShop(tmp_path / "shop")
    try:
        running.feira("import", str(source))
        running.feira("user", "create", MIRA, "--name", "Mira", "--password-stdin", stdin=f"{PASSWORD}\n")
        running.feira("user", "team", MIRA, "ML team")
        yield running
    finally:
        running.stop()


def read_notebook() -> Any:
    """Return the notebook as it lies in the repository."""
    return nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call] # it has no types


def outputs_of(notebook: Any) -> list[Any]:
    """Return everything that the cells have shown."""
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def test_the_notebook_lies_here_without_output_and_secrets() -> None:
    notebook = read_notebook()
    nbformat.validate(notebook)
    assert outputs_of(notebook) == []
    assert all(cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")
    assert not re.search(r"feira_[A-Za-z0-9]", NOTEBOOK.read_text())


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::RuntimeWarning")
def test_the_notebook_runs_from_top_to_bottom(
    shop: RunningShop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Client.sign_in(shop.address, MIRA, PASSWORD, name="notebook") as mira:
        made = mira.tokens.create("notebook")
    for name, value in {
        "FEIRA_URL": shop.address,
        "FEIRA_TOKEN": made.token,
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "jupyter"),
    }.items():
        monkeypatch.setenv(name, value)
    notebook = read_notebook()
    NotebookClient(notebook, timeout=CELL_TIMEOUT_S, resources={"metadata": {"path": str(tmp_path)}}).execute()

    outputs = outputs_of(notebook)
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    said = "".join(output.get("data", {}).get("text/plain", "") for output in outputs)
    assert len(pictures) == 2
    assert "60 photos" in said
    assert "a batch is (16, 3, 96, 96)" in said
    assert "the same bytes" in said
    assert not [output for output in outputs if output.output_type == "error"]
    with Client(shop.address, made.token) as mira:
        tagged = mira.datasets.get("quickstart")
    assert tagged.state == "ready"
