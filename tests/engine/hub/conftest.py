"""A hub with a real, tiny dual encoder in it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from feira.engine.hub.config import HubConfig
from feira.engine.hub.lock import read_lock
from feira.engine.hub.plan import Plan, make_plan
from feira.engine.hub.pull import pull
from feira.engine.hub.transfer import Transfer
from tests.core.encoders.tiny_models import dual_folder
from tests.engine.hub.server import Hub, running_hub

Done = TypeVar("Done")


@pytest.fixture
def hub() -> Iterator[Hub]:
    """An empty hub."""
    with running_hub() as running:
        yield running


@pytest.fixture(scope="session")
def tiny_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a model folder of ours, `model.json` among them."""
    folder = dual_folder(tmp_path_factory.mktemp("tiny") / "model")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def commit(hub: Hub, tiny_files: dict[str, bytes]) -> str:
    """The commit of `maker/tiny`, a repository with a manifest of ours."""
    return hub.add("maker/tiny", tiny_files)


class Puller:
    """Pulls from the test's hub into the test's models folder."""

    def __init__(self, hub: Hub, models_dir: Path) -> None:
        self.hub, self.models_dir = hub, models_dir
        self.config: dict[str, Any] = {"url": hub.url, "first_wait_s": 0.001}
        self.waits: list[float] = []
        self.followed: list[tuple[str, int, int | None]] = []

    def plan(self, address: str, **options: Any) -> Plan:
        """Return what a pull would fetch."""
        return self._with(lambda transfer, config: self._planned(address, transfer, config, **options))

    def pull(self, address: str, **options: Any) -> Path:
        """Pull and return the folder."""

        def work(transfer: Transfer, config: HubConfig) -> Path:
            plan = self._planned(address, transfer, config, **options)
            follow = lambda *step: self.followed.append(step)  # noqa: E731
            return pull(plan, models_dir=self.models_dir, transfer=transfer, follow=follow)

        return self._with(work)

    def _planned(self, address: str, transfer: Transfer, config: HubConfig, **options: Any) -> Plan:
        return make_plan(address, locked=read_lock(self.models_dir), config=config, transfer=transfer, **options)

    def _with(self, work: Callable[[Transfer, HubConfig], Done]) -> Done:
        config = HubConfig(**self.config)
        transfer = Transfer(config, sleep=self.waits.append)
        try:
            return work(transfer, config)
        finally:
            transfer.close()

    def folders(self) -> list[str]:
        """What lies in the models folder."""
        return sorted(path.name for path in self.models_dir.iterdir())

    def lock(self) -> dict[str, Any]:
        """What is remembered."""
        entries: dict[str, Any] = json.loads((self.models_dir / "models.lock.json").read_text())["models"]
        return entries


@pytest.fixture
def puller(hub: Hub, tmp_path: Path) -> Puller:
    """Pulls from the test's hub."""
    folder = tmp_path / "models"
    folder.mkdir()
    return Puller(hub, folder)
