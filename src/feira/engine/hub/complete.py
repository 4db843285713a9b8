"""Fills in what an ONNX file can say of itself: names and lengths of inputs and outputs, found by running it once."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import tokenizers
from numpy.typing import NDArray

from feira.core.encoders.sessions import open_session
from feira.core.errors import ManifestError

_IMAGE_OUTPUTS: Final = ("image_embeds", "embedding", "pooler_output", "image_features", "last_hidden_state")
_TEXT_OUTPUTS: Final = ("text_embeds", "sentence_embedding", "embedding", "pooler_output", "last_hidden_state")
_IDS: Final = ("input_ids", "text")
_WEIGHTS: Final = "model.onnx"


def complete(facts: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return a manifest with the names that were left out, taken from the files in the folder.

    Raises:
        ManifestError: a file cannot be run, or has inputs that nobody explained.
    """
    done = dict(facts)
    if "input" in done:
        pixels = dict(done["input"])
        weights = folder / pixels.get("file", _WEIGHTS)
        outputs = {name: dict(said) for name, said in done.get("outputs", {}).items()}
        embedding = outputs.setdefault("embedding", {})
        pixels["name"], found = _see(weights, pixels)
        name = embedding.setdefault("name", _chosen(found, _IMAGE_OUTPUTS))
        _describe(embedding, found.get(name), weights, name, tokens="first", maps="spatial")
        done |= {"input": pixels, "outputs": outputs}
    if "text" in done:
        text = dict(done["text"])
        weights = folder / text.get("file", _WEIGHTS)
        output = dict(text.get("output", {}))
        text["inputs"], found = _read(weights, int(text["max_tokens"]))
        name = output.setdefault("name", _chosen(found, _TEXT_OUTPUTS))
        _describe(output, found.get(name), weights, name, tokens="mean", maps="none")
        text.setdefault("pad_id", _pad_id(folder / text.get("tokenizer", "tokenizer.json"), text))
        done["text"] = {**text, "output": output}
    return done


Answers = dict[str, NDArray[Any]]


def _see(weights: Path, pixels: Mapping[str, Any]) -> tuple[str, Answers]:
    """Show the model a grey picture; return the name of its input and its answers."""
    session = open_session(weights, device="cpu")
    inputs = session.get_inputs()
    if len(inputs) != 1:
        raise ManifestError(f"{weights.name} takes {[node.name for node in inputs]}; an image side takes pixels alone.")
    shape = [1, *pixels["shape"][1:]]
    kind = {"tensor(float16)": np.float16, "tensor(uint8)": np.uint8}.get(inputs[0].type, np.float32)
    return inputs[0].name, _run(session, {inputs[0].name: np.full(shape, 0.1).astype(kind)}, weights)


def _read(weights: Path, max_tokens: int) -> tuple[dict[str, str], Answers]:
    """Give the model a few tokens; return what its inputs are for and its answers."""
    session = open_session(weights, device="cpu")
    inputs = {node.name: node for node in session.get_inputs()}
    ids = next((name for name in _IDS if name in inputs), next(iter(inputs)) if len(inputs) == 1 else "")
    names = {"ids": ids, "mask": "attention_mask", "types": "token_type_ids"}
    names = {use: name for use, name in names.items() if name in inputs}
    if not ids or set(names.values()) != set(inputs):
        raise ManifestError(
            f"{weights.name} takes {sorted(inputs)}; a text side takes ids, and perhaps mask and types."
        )
    feeds = {}
    for use, name in names.items():
        node = inputs[name]
        length = node.shape[1] if len(node.shape) == 2 and isinstance(node.shape[1], int) else max_tokens
        whole = np.int32 if node.type == "tensor(int32)" else np.int64
        feeds[name] = np.full((1, length), 0 if use == "types" else 1, dtype=whole)
    return names, _run(session, feeds, weights)


def _pad_id(tokenizer: Path, text: Mapping[str, Any]) -> int:
    """Return the number of the token that is padded with, 0 when the vocabulary has none of its name."""
    try:
        known = tokenizers.Tokenizer.from_file(str(tokenizer)).token_to_id(text.get("pad_token", "[PAD]"))
    except Exception as error:  # the library's own exceptions share no base class
        raise ManifestError(f"{tokenizer.name} cannot be loaded: {error}") from error
    return known or 0


def _run(session: Any, feeds: Answers, weights: Path) -> Answers:
    names = [node.name for node in session.get_outputs()]
    try:
        return dict(zip(names, session.run(names, feeds), strict=True))
    except Exception as error:  # the runtime's own exceptions share no base class
        raise ManifestError(f"{weights.name} cannot be run: {error}") from error


def _chosen(found: Answers, preferred: Sequence[str]) -> str:
    for name in preferred:
        if name in found:
            return name
    flat = [name for name, answer in found.items() if answer.ndim == 2]
    return (flat or list(found))[0]


def _describe(
    said: dict[str, Any], answer: NDArray[Any] | None, weights: Path, name: str, *, tokens: str, maps: str
) -> None:
    """Add the output's shape, and how more than two axes become one row."""
    if answer is None:
        raise ManifestError(f"{weights.name} gives no output named {name}.")
    if answer.ndim == 3:
        said.setdefault("pool", tokens)
    elif answer.ndim == 4 and answer.shape[2:] != (1, 1):
        said.setdefault("pool", maps)
    elif "pool" in said:
        del said["pool"]  # the file pools by itself
    length = int(answer.shape[1] if answer.ndim == 4 else answer.shape[-1])
    said.setdefault("shape", ["batch", length])
