"""The data set card: what is in it, in words and tables, and how to load it."""

from collections.abc import Sequence
from typing import Any

from feira.core.datasets.canonical import canonical_json
from feira.core.datasets.columns import COLUMN_TYPES, ColumnType
from feira.core.datasets.dataset import Description, Summary
from feira.core.datasets.layout import FORMAT_VERSION, MANIFEST, NO_SPLIT

_BAR = 24
_MOST_LABELS = 60

_LOADING = {
    "files": """```python
import json
from pathlib import Path
from PIL import Image

folder = Path("{name}")
for record in json.loads((folder / "metadata.json").read_bytes())["records"]:
    image = Image.open(folder / record["image"]["path"])
```

As a PyTorch data set:

```python
from torch.utils.data import Dataset

class Photos(Dataset):
    def __init__(self, folder, split={first}):
        content = json.loads((folder / "metadata.json").read_bytes())
        self.folder, self.labels = folder, content["labels"]
        self.records = [record for record in content["records"] if record["split"] == split]

    def __len__(self):
        return len(self.records)

    def __getitem__(self, place):
        record = self.records[place]
        return Image.open(self.folder / record["image"]["path"]).convert("RGB"), self.labels.index(record["label"])
```""",
    "webdataset": """```python
import webdataset

samples = webdataset.WebDataset("{name}/{shard}-000000.tar", shardshuffle=False).decode("pil")
for sample in samples:
    sample["jpg"], sample["json"], sample.get("cls")
```

With `datasets`: `load_dataset("webdataset", data_files={{"{shard}": "{name}/{shard}-*.tar"}}, streaming=True)`.
`cls` is the class number; `labels.json` names the classes.""",
    "parquet": """```python
from datasets import load_dataset

photos = load_dataset("./{name}", split="{hf_split}")
photos[0]["image"], photos.features["label"]
photos.with_format("torch")  # for PyTorch's DataLoader
```""",
    "imagefolder": """```python
from datasets import load_dataset

photos = load_dataset("./{name}", split="{hf_split}")
```

```python
from torchvision.datasets import ImageFolder

photos = ImageFolder("{name}/{shard}")
```

torchvision counts the class folders of one split: where a split lacks a class, take the numbers of `labels.json`, or of
the column `label`, which are the same for all splits.""",
}


def card_markdown(description: Description, summary: Summary, kind: str) -> bytes:
    """Return the card as Markdown, with the header by which `datasets` finds splits and files.

    Args:
        kind: of the data set, as in `closing.Format`.
    """
    parts = [
        _header(summary, kind),
        f"# {_plain(description.title)}\n\n{description.about}".rstrip(),
        _contents(summary),
        _labels(description, summary),
        f"## How to load it\n\n{_loading(description, summary, kind)}",
        _again(description),
        f"## Licence\n\n{description.licence_note}\n\nLicence for machines: `{description.licence}`.",
    ]
    return ("\n\n".join(part for part in parts if part) + "\n").encode()


def _header(summary: Summary, kind: str) -> str:
    """Return YAML as the libraries of Hugging Face read it from a card."""
    paths = {
        "webdataset": "{split}-*.tar",
        "parquet": "data/{split}-*.parquet",
        "imagefolder": "{split}/**",
    }
    if kind not in paths:
        return ""
    lines = ["---", "configs:", "- config_name: default", "  data_files:"]
    for split in summary.by_split:
        lines += [f"  - split: {split_name(split)}", f'    path: "{paths[kind].format(split=split)}"']
    if kind == "webdataset":
        # JSON is YAML. Told the types, `datasets` does not guess them from five samples that may lack most fields.
        lines.append(f"dataset_info: {canonical_json({'features': _shard_features(summary)}).decode()}")
    return "\n".join([*lines, "---"])


def _shard_features(summary: Summary) -> list[dict[str, Any]]:
    features: list[dict[str, Any]] = [{"name": ending, "dtype": "image"} for ending in summary.endings]
    features.append({"name": "json", **_yaml_type(COLUMN_TYPES)})
    features += [{"name": "cls", "dtype": "int64"}] * bool(summary.labels)
    return [*features, {"name": "__key__", "dtype": "string"}, {"name": "__url__", "dtype": "string"}]


def _yaml_type(kind: ColumnType) -> dict[str, Any]:
    """Return a column's type as a card spells it."""
    if isinstance(kind, dict):
        return {"struct": [{"name": name, **_yaml_type(each)} for name, each in kind.items()]}
    if isinstance(kind, list):
        inner = _yaml_type(kind[0])
        return {"list": inner.get("struct", inner.get("dtype"))}
    return {"dtype": kind}


def split_name(split: str) -> str:
    """Return a split's name for libraries that keep `all` for themselves: a data set without splits is all `train`."""
    return "train" if split == NO_SPLIT else split


def _contents(summary: Summary) -> str:
    rows = [("photos", summary.photos), ("augmented copies", summary.variants)]
    rows += [("predictions", summary.predictions), ("photos without a label", summary.unlabelled)]
    rows += [("labels", len(summary.labels)), ("bytes of images", summary.bytes)]
    whole = [(name, f"{count:,}") for name, count in rows if count or name == "photos"]
    if summary.newest:
        whole.append(("newest listing", summary.newest[:10]))
    splits = [(f"`{split}`", f"{count:,}", _share(count, summary.photos)) for split, count in summary.by_split.items()]
    return "\n\n".join(
        ["## What is in it", _table(("what", "how much"), whole), _table(("split", "photos", "share"), splits)]
    )


def _labels(description: Description, summary: Summary) -> str:
    if not summary.by_label:
        return ""
    totals = {label: sum(splits.values()) for label, splits in summary.by_label.items()}
    most = max(totals.values())
    shown = sorted(totals, key=lambda label: (-totals[label], label))[:_MOST_LABELS]
    rows = []
    for label in shown:
        counts = [f"{summary.by_label[label].get(split, 0):,}" for split in summary.by_split]
        bar = "█" * max(1, round(_BAR * totals[label] / most))
        rows.append((_plain(label), f"{totals[label]:,}", *counts, f"`{bar}`"))
    source = f" They come from the field `{description.label_field}`." if description.label_field else ""
    rest = f"\n\n{len(totals) - len(shown):,} more labels are in `labels.json`." if len(totals) > len(shown) else ""
    intro = f"## Labels\n\nThe most frequent first.{source} `labels.json` lists them by class number."
    return f"{intro}\n\n{_table(('label', 'photos', *summary.by_split, ''), rows)}{rest}"


def _loading(description: Description, summary: Summary, kind: str) -> str:
    shard = "train" if "train" in summary.by_split else next(iter(summary.by_split))
    first = "None" if shard == NO_SPLIT else f'"{shard}"'
    return _LOADING[kind].format(name=description.name, shard=shard, first=first, hf_split=split_name(shard))


def _again(description: Description) -> str:
    request = canonical_json(description.request).decode()
    lines = [f"- content hash: `{description.content_hash}`", f"- format version: {FORMAT_VERSION}"]
    lines += [f"- {name}: {version}" for name, version in sorted(description.libraries.items())]
    lines += [f"- model: `{encoder}`" for encoder in sorted(description.encoders)]
    lines += [f"- seed of {name}: {seed}" for name, seed in sorted(description.seeds.items())]
    return (
        "## How to make it again\n\nThe same request on the same data with the same versions gives the same bytes; "
        f"`{MANIFEST}` has the SHA-256 of each file.\n\n" + "\n".join(lines) + f"\n\n```json\n{request}\n```"
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"


def _plain(text: str) -> str:
    """Return a seller's or shop's words so that they cannot be a table, a heading, a link or HTML."""
    flat = " ".join(text.split())
    return "".join(f"\\{sign}" if sign in "\\|*_`[]<>#&!" else sign for sign in flat)
