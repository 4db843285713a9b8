"""Data sets from a program: `shop.datasets.create(…).wait(progress=True).download("shoes")`."""

import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Self, Unpack

import httpx

from feira.client.archives import check_archive, content_hash_of, is_whole, unpack
from feira.client.dataset_records import (
    DataSetFacts,
    DataSetFile,
    DataSetRow,
    DataSetWish,
    Difference,
    Estimate,
    Link,
    Snapshot,
)
from feira.client.downloads import PATIENCE_S, fetch
from feira.client.errors import Busy, Conflict, FeiraApiError, NotFound, Unreachable, WorkFailed
from feira.client.part import Part
from feira.client.progress import OnProgress, Progress, telling
from feira.client.transport import Transport

FIRST_LOOK_S, LONGEST_LOOK_S = 0.3, 3.0
LONGEST_TAG = 60
PAGE_SIZE = 100
ARCHIVES = (".zip", ".tar")


class DataSet(Part):
    """One data set; what it knows is from the last time it asked the shop, `refresh` asks again.

    Attributes:
        facts: everything the shop tells of it.
    """

    def __init__(self, transport: Transport, facts: DataSetFacts) -> None:
        super().__init__(transport)
        self.facts = facts

    def __repr__(self) -> str:
        return f"<DataSet {self.id} {self.name!r}: {self.state}>"

    @property
    def id(self) -> int:
        """Its number."""
        return self.facts.id

    @property
    def name(self) -> str:
        """What it was called by who asked for it."""
        return self.facts.name

    @property
    def state(self) -> str:
        """One of waiting, running, ready, failed, cancelled, pruned."""
        return self.facts.progress.state

    @property
    def hash(self) -> str | None:
        """What names its bytes; None until its rows are found."""
        return self.facts.snapshot.hash if self.facts.snapshot else None

    @property
    def photos(self) -> int:
        """How many photos it has, changed copies not counted; 0 until they are found."""
        return self.facts.snapshot.photos if self.facts.snapshot else 0

    def refresh(self) -> Self:
        """Ask the shop how it stands now."""
        return self._renew("GET", "")

    def wait(self, *, progress: bool | OnProgress = False, timeout_s: float | None = None) -> Self:
        """Return when it is ready.

        A shop that is away for a while is waited for.

        Args:
            progress: True tells people on stderr; or a function that is called with each `Progress`.

        Raises:
            WorkFailed: it failed, was cancelled, or its files were deleted.
            TimeoutError: it takes longer than `timeout_s`.
        """
        started, pause_s, last_answer = time.monotonic(), FIRST_LOOK_S, time.monotonic()
        with telling(progress) as tell:
            while True:
                try:
                    self.refresh()
                    tell(self._news())
                    last_answer = time.monotonic()
                except (Unreachable, Busy):
                    if time.monotonic() - last_answer > PATIENCE_S:
                        raise
                if self.state == "ready":
                    return self
                if self.state in ("failed", "cancelled", "pruned"):
                    raise WorkFailed(f"Data set {self.id}", self.state, self.facts.progress.error)
                if timeout_s is not None and time.monotonic() - started > timeout_s:
                    raise TimeoutError(f"Data set {self.id} is not ready after {timeout_s:g} s: {self._news().what}")
                time.sleep(pause_s)
                pause_s = min(pause_s * 1.3, LONGEST_LOOK_S)

    def download(self, path: Path | str, *, progress: bool | OnProgress = False) -> Path:
        """Fetch it, check every file against the manifest, and return where it is.

        A download that broke off, even in another process, goes on where it stopped. What is there already and whole is
        not fetched again.

        Args:
            path: one that ends in `.zip` or `.tar` gets the archive; any other is a folder that gets the files.

        Raises:
            Conflict: it is not ready.
            Damaged: what came is not what the shop lists, which is thrown away.
            FileExistsError: the folder has other files in it.
        """
        target, snapshot = Path(path), self._ready()
        is_archive = target.suffix in ARCHIVES
        if not is_archive and is_whole(target, manifest_sha256=snapshot.manifest_sha256):
            return target
        archive = target if is_archive else target.with_name(f"{target.name}.tar")
        kind: Literal["zip", "tar"] = "zip" if archive.suffix == ".zip" else "tar"
        with telling(progress, unit_bytes=True) as tell:
            fetch(
                self._transport,
                lambda: self._address(kind),
                archive,
                identity=str(snapshot.hash),
                on_bytes=lambda done, total: tell(Progress(archive.name, done, total or 0)),
            )
        try:
            if is_archive:
                check_archive(archive, manifest_sha256=snapshot.manifest_sha256)
            else:
                unpack(archive, target, manifest_sha256=snapshot.manifest_sha256)
        except FeiraApiError:
            archive.unlink()
            raise
        if not is_archive:
            archive.unlink()
        return target

    def link(self, archive: Literal["zip", "tar"] = "zip") -> Link:
        """Make an address that streams it as one archive; whoever has it needs no token until it expires."""
        return self._read(Link, self._transport.ask("POST", f"{self._path}link/", json={"archive": archive}))

    def cancel(self) -> Self:
        """Stop what is still to be done.

        Raises:
            Conflict: there is nothing to stop.
        """
        return self._renew("POST", "cancel/")

    def retry(self) -> Self:
        """Go on where it failed or was stopped.

        Raises:
            Conflict: nothing failed or was stopped.
        """
        return self._renew("POST", "retry/")

    def tag(self, name: str) -> Self:
        """Give it a name, which also keeps its files from being deleted; another one's tag of this name moves here."""
        return self._renew("POST", "tags/", json={"name": name})

    def untag(self, name: str) -> Self:
        """Take a name off."""
        self._transport.ask("DELETE", f"{self._path}tags/", query={"name": name})
        return self.refresh()

    def note_training(self, model: str, *, note: str = "") -> Self:
        """Write down that a model was trained from it."""
        return self._renew("POST", "trained/", json={"model": model, "note": note})

    def delete_files(self) -> None:
        """Delete its files; what was in it stays known, and asking again makes the same ones."""
        self._transport.ask("DELETE", self._path)

    def rows(self, *, split: str = "") -> Iterator[DataSetRow]:
        """Yield its photos in their order; pages are read as they are needed."""
        after: int | None = -1
        while after is not None:
            query = {"after": after, "split": split, "limit": PAGE_SIZE}
            body = self._transport.ask("GET", f"{self._path}rows/", query=query)
            yield from self._read_all(DataSetRow, body)
            after = body["next_after"]

    def files(self) -> Iterator[DataSetFile]:
        """Yield its files in the order of their paths."""
        after: str | None = ""
        while after is not None:
            body = self._transport.ask("GET", f"{self._path}files/", query={"after": after, "limit": PAGE_SIZE})
            yield from self._read_all(DataSetFile, body)
            after = body["next_after"]

    def diff(self, earlier: "DataSet | int") -> Difference:
        """Return what changed since an earlier one."""
        since = earlier.id if isinstance(earlier, DataSet) else earlier
        return self._read(Difference, self._transport.ask("GET", f"{self._path}diff/", query={"since": since}))

    def _address(self, archive: Literal["zip", "tar"]) -> str:
        """Return a new link by the name under which this program knows the shop; the shop may have others."""
        link = httpx.URL(self.link(archive).url)
        return self._transport.absolute(link.raw_path.decode())

    @property
    def _path(self) -> str:
        return f"datasets/{self.id}/"

    def _renew(self, method: str, rest: str, **content: Any) -> Self:
        self.facts = self._read(DataSetFacts, self._transport.ask(method, f"{self._path}{rest}", **content))
        return self

    def _ready(self) -> Snapshot:
        snapshot = self.facts.snapshot
        if snapshot is None or not snapshot.manifest_sha256:
            snapshot = self.refresh().facts.snapshot
        if snapshot is None or self.state != "ready":
            raise Conflict(0, "not_ready", f"Data set {self.id} is {self.state}. Wait for it first: .wait()")
        return snapshot

    def _news(self) -> Progress:
        """Return the step that is under way, or the last one that was."""
        steps = self.facts.progress.steps
        now = next((step for step in steps if step.state == "running"), None)
        begun = [step for step in steps if step.state == "succeeded"]
        step = now or (begun[-1] if begun else None)
        return Progress(step.name, step.done, step.total) if step else Progress("waiting", 0, 0)


class DataSets(Part):
    """The data sets of the shop, for its ML team."""

    def create(self, *, name: str = "", target: str = "", **wish: Unpack[DataSetWish]) -> DataSet:
        """Ask for a data set; the shop checks the wish at once and makes it while you wait, or do something else.

        Args:
            name: so that people find it again; it changes no bytes.
            target: a folder or bucket of the shop's, such as `s3://bucket/shoes`, to put it into as well.

        Raises:
            Invalid: nothing passes, too much does, or a part of the wish cannot be; `facts["errors"]` names it.
        """
        body = {"name": name, "target": target, **_plain(wish)}
        return self._dataset(self._transport.ask("POST", "datasets/", json=body))

    def estimate(self, **wish: Unpack[DataSetWish]) -> Estimate:
        """Return what a wish would give, before any work.

        Raises:
            Invalid: as for `create`.
        """
        return self._read(Estimate, self._transport.ask("POST", "datasets/estimate/", json=_plain(wish)))

    def get(self, dataset: int | str) -> DataSet:
        """Return a data set by its number, its tag, or its hash or the start of it, at least four digits.

        Raises:
            NotFound: there is none.
        """
        if isinstance(dataset, int):
            return self._dataset(self._transport.ask("GET", f"datasets/{dataset}/"))
        found = next(self.list(tag=dataset), None) if len(dataset) <= LONGEST_TAG else None
        if found is None and len(dataset) >= 4 and set(dataset) <= set("0123456789abcdef"):
            found = next(self.list(hash=dataset), None)
        if found is None:
            raise NotFound(404, "not_found", f"There is no data set with the tag or hash {dataset!r}.")
        return found

    def of(self, folder: Path | str) -> DataSet:
        """Return the data set that a folder holds, as another program on another machine may have fetched it.

        Raises:
            Damaged: it has no manifest that names a data set.
            NotFound: this shop has none of that name.
        """
        return self.get(content_hash_of(Path(folder)))

    def list(self, *, tag: str | None = None, hash: str | None = None) -> Iterator[DataSet]:  # noqa: A002 - its name
        """Yield data sets, the newest first; pages are read as they are needed."""
        before: int | None = None
        while True:
            query = {"tag": tag, "hash": hash, "before": before, "limit": PAGE_SIZE}
            body = self._transport.ask("GET", "datasets/", query=query)
            for facts in self._read_all(DataSetFacts, body):
                yield DataSet(self._transport, facts)
            before = body["next_before"]
            if before is None:
                return

    def _dataset(self, body: Any) -> DataSet:
        return DataSet(self._transport, self._read(DataSetFacts, body))


def _plain(wish: Mapping[str, Any]) -> dict[str, Any]:
    """Return a wish as JSON takes it."""

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: plain(part) for name, part in value.items()}
        if isinstance(value, list | tuple):
            return [plain(part) for part in value]
        if isinstance(value, datetime):
            return value.isoformat()
        return str(value) if isinstance(value, Decimal) else value

    return {name: plain(value) for name, value in wish.items()}
