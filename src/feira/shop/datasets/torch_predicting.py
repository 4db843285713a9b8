"""Predictions by a checkpoint, in batches of PyTorch's DataLoader; needs the extra `torch`.

The folder of a checkpoint holds `checkpoint.pt2`, as `torch.export.save` writes it with any number of pictures, and
`checkpoint.json`: `{"size": 224, "mean": [r, g, b], "std": [r, g, b], "labels": ["boots", …]}`. The network takes
float32 of shape (n, 3, size, size) and returns logits of shape (n, labels), or a pair of those and embeddings of shape
(n, dim).
"""

from typing import Any

import msgspec
import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from feira.core.errors import Misconfigured
from feira.core.images.decode import decode_rendition
from feira.core.types import Matrix
from feira.settings import load_settings
from feira.shop.datasets.blobs import snapshot_store
from feira.shop.datasets.checkpoints import CHECKPOINT_NAME, CONFIG_NAME, checkpoint_folder

MOST_CLASSES = 5


class CheckpointConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a checkpoint wants its pictures, and what its outputs are called."""

    size: int
    labels: list[str]
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)


class Pictures(Dataset[torch.Tensor]):  # type: ignore[misc] # torch is not always there to be read
    """Pictures of a snapshot by their digests, resized and normalised; opened by each process of the loader itself."""

    def __init__(self, folder: str, digests: list[str], config: CheckpointConfig) -> None:
        self._folder, self._digests, self._config = folder, digests, config

    def __len__(self) -> int:
        return len(self._digests)

    def __getitem__(self, place: int) -> torch.Tensor:
        content = snapshot_store(self._folder).get(self._digests[place])
        side = self._config.size
        picture = Image.fromarray(decode_rendition(content)).resize((side, side), Image.Resampling.BICUBIC)
        scaled = np.asarray(picture, np.float32) / 255
        normal = (scaled - np.array(self._config.mean, np.float32)) / np.array(self._config.std, np.float32)
        return torch.from_numpy(np.ascontiguousarray(normal.transpose(2, 0, 1)))


class TorchPredictor:
    """Shows pictures to a checkpoint on the device of the settings.

    Raises:
        Misconfigured: the folder of the checkpoint is incomplete.
    """

    def __init__(self, folder: str, model: str) -> None:
        place = checkpoint_folder(model)
        try:
            self._config = msgspec.json.decode((place / CONFIG_NAME).read_bytes(), type=CheckpointConfig)
        except (OSError, msgspec.DecodeError) as error:
            raise Misconfigured(f"{CONFIG_NAME} of {model} cannot be used: {error}. Write it anew.") from error
        settings = load_settings()
        is_cuda = settings.device != "cpu" and torch.cuda.is_available()
        self._device = torch.device("cuda" if is_cuda else "cpu")
        self._folder, self._model = folder, model
        self._network = torch.export.load(str(place / CHECKPOINT_NAME)).module().to(self._device)
        self._workers, self._batch = settings.torch_workers, settings.torch_batch

    def look(self, digests: list[str]) -> tuple[list[dict[str, list[dict[str, Any]]]], Matrix | None]:
        """Return the five likeliest classes of each picture, and the embeddings of a network that returns any."""
        loader = DataLoader(
            Pictures(self._folder, digests, self._config), batch_size=self._batch, num_workers=self._workers
        )
        said: list[dict[str, list[dict[str, Any]]]] = []
        embeddings: list[Matrix] = []
        with torch.inference_mode():
            for batch in loader:
                answer = self._network(batch.to(self._device))
                logits, rows = answer if isinstance(answer, tuple) else (answer, None)
                shares = torch.softmax(logits.float(), dim=1).cpu().numpy()
                said += [{self._model: self._best(each)} for each in shares]
                if rows is not None:
                    embeddings.append(rows.float().cpu().numpy())
        return said, np.concatenate(embeddings) if embeddings else None

    def _best(self, shares: Matrix) -> list[dict[str, Any]]:
        order = np.argsort(-shares, kind="stable")[:MOST_CLASSES]
        return [{"label": self._config.labels[place], "confidence": round(float(shares[place]), 4)} for place in order]
