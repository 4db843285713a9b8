"""What a model says about the pictures of a snapshot, part by part: by the engine, or by a PyTorch checkpoint."""

import io
from typing import Any, Protocol

import numpy as np

from feira.core.datasets.canonical import rounded
from feira.core.types import Matrix
from feira.shop.datasets import checkpoints
from feira.shop.datasets.asked import Predictions, asked_from_json
from feira.shop.datasets.blobs import SnapshotStore, snapshot_store
from feira.shop.datasets.models import Snapshot, SnapshotRow
from feira.shop.datasets.rendering import part_names, rows_of_parts
from feira.shop.datasets.row_columns import write_column
from feira.shop.jobs.running import RunningJob
from feira.shop.photos.engine import engine

# Finer than that, sums in another order show: the same photo must get the same line.
CONFIDENCE_DIGITS = 4
Scores = list[dict[str, Any]]


class Predictor(Protocol):
    """Whoever looks at pictures."""

    def look(self, digests: list[str]) -> tuple[list[dict[str, Scores]], Matrix | None]:
        """Return for each picture, by the name of who says so, the classes with their confidence, best first.

        Also the embeddings, shape (pictures, dim), or None when there are none.
        """


class EnginePredictor:
    """Asks the engine: embeddings by one encoder, classes by its classifiers."""

    def __init__(self, store: SnapshotStore, encoder_id: str, *, classes: bool) -> None:
        self._store, self._encoder_id, self._classes = store, encoder_id, classes

    def look(self, digests: list[str]) -> tuple[list[dict[str, Scores]], Matrix | None]:
        """Send the pictures as one batch of bulk work.

        Raises:
            EncoderChanged: the encoder is not served any more.
            EngineUnavailable: nobody answers right now.
        """
        contents = [self._store.get(digest) for digest in digests]
        rows = engine().encode(contents, bulk=True, encoder_id=self._encoder_id).rows
        said: list[dict[str, Scores]] = [{} for _ in digests]
        if self._classes:
            for answer, tags in zip(said, engine().tags(rows, encoder_id=self._encoder_id), strict=True):
                for tag in tags:
                    score = {"label": tag.name, "confidence": round(tag.confidence, CONFIDENCE_DIGITS)}
                    answer.setdefault(f"{self._encoder_id}/{tag.head}", []).append(score)
        return said, rows


def predict_snapshot(job: RunningJob, snapshot: Snapshot) -> dict[str, Any]:
    """Let the model of the request see every picture of all parts that are not done.

    A part is always one batch, so that it gets the same answers however often and wherever it is tried.

    Raises:
        EngineUnavailable: the engine does not answer; what is done stays done.
        ItemsMissing: some parts could not be done.
        LeaseLost: the job was cancelled or taken over.
    """
    asked = asked_from_json(snapshot.identity["request"])
    wanted = asked.predictions
    if wanted is None:
        return {}
    store = snapshot_store(snapshot.folder)
    predictor = predictor_for(wanted, snapshot.folder)
    job.items.plan(part_names(snapshot, asked))
    for name in job.items.todo():
        ((_name, rows),) = rows_of_parts(snapshot, asked, [name])
        pictures = [(row, number, image["sha256"]) for row in rows for number, image in enumerate(row.images)]
        said, embeddings = predictor.look([digest for _row, _number, digest in pictures])
        _keep(rows, [(row, number) for row, number, _digest in pictures], said, wanted)
        result: dict[str, Any] = {"pictures": len(pictures)}
        if wanted.embeddings and embeddings is not None:
            result |= {"embeddings": store.put(_packed(embeddings)), "dim": int(embeddings.shape[1])}
        with job.committing_items([name]) as results:
            write_column(rows, "predictions")
            results[name] = result
    job.items.require_done()
    return {"model": wanted.model}


def predictor_for(wanted: Predictions, folder: str) -> Predictor:
    """Return who answers for a model."""
    if checkpoints.is_checkpoint(wanted.model):
        from feira.shop.datasets.torch_predicting import TorchPredictor  # noqa: PLC0415 - torch is an extra

        return TorchPredictor(folder, wanted.model)
    return EnginePredictor(snapshot_store(folder), wanted.model, classes=wanted.classes)


def unpacked(content: bytes) -> np.ndarray[Any, np.dtype[np.float16]]:
    """Return the embeddings of a part, float16, shape (pictures, dim)."""
    rows: np.ndarray[Any, np.dtype[np.float16]] = np.load(io.BytesIO(content), allow_pickle=False)
    return rows


def _packed(rows: Matrix) -> bytes:
    out = io.BytesIO()
    # Half precision, as the shop keeps them: the digits beyond depend on the machine.
    np.save(out, rows.astype(np.float16), allow_pickle=False)
    return out.getvalue()


def _keep(
    rows: list[SnapshotRow],
    pictures: list[tuple[SnapshotRow, int]],
    said: list[dict[str, Scores]],
    wanted: Predictions,
) -> None:
    for row in rows:
        row.predictions = []
    if not wanted.classes:
        return
    for (row, number), by_model in zip(pictures, said, strict=True):
        row.predictions += [
            {"model": model, "variant": number, "scores": [_score(each) for each in scores]}
            for model, scores in sorted(by_model.items())
        ]


def _score(score: dict[str, Any]) -> dict[str, Any]:
    return {"label": score["label"], "confidence": rounded(score["confidence"])}
