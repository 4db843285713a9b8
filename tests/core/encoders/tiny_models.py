"""Real model folders, made in milliseconds: small random ONNX graphs and a real tokenizer."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import tokenizers
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

SIDE, DIM, CLASSES, VOCABULARY = 32, 24, 5, 60
Facts = dict[str, Any]
Change = Callable[[Facts], object]

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "red", "blue", "dress", "boots", "wooden", "chair", "camera", "a", "with"]


def weight(name: str, *shape: int, seed: int, scale: float = 1.0) -> onnx.TensorProto:
    """Return a seeded random tensor."""
    values = np.random.default_rng(seed).normal(0, scale, shape).astype(np.float32)
    return numpy_helper.from_array(values, name)


def image_model(
    path: Path, *, seed: int = 1, batch: int | str = "batch", nhwc: bool = False, half: bool = False
) -> None:
    """Write a network of one convolution, a pool and two linear layers: outputs `embedding`, `logits`, `tokens`."""
    rng = np.random.default_rng(seed)
    dtype, kind = (np.float16, TensorProto.FLOAT16) if half else (np.float32, TensorProto.FLOAT)
    tensors: dict[str, NDArray[Any]] = {
        "filters": rng.normal(0, 0.3, (16, 3, 4, 4)),
        "head": rng.normal(0, 1, (16 * 16, DIM)),
        "classes": rng.normal(0, 1, (DIM, CLASSES)),
    }
    nodes = [helper.make_node("Transpose", ["pixels"], ["planes"], perm=[0, 3, 1, 2])] if nhwc else []
    nodes += [
        helper.make_node("Conv", ["planes" if nhwc else "pixels", "filters"], ["maps"], strides=[4, 4]),
        helper.make_node("Relu", ["maps"], ["bright"]),
        helper.make_node("AveragePool", ["bright"], ["small"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["small"], ["flat"]),
        helper.make_node("MatMul", ["flat", "head"], ["embedding"]),
        helper.make_node("MatMul", ["embedding", "classes"], ["logits"]),
    ]
    shape = [batch, SIDE, SIDE, 3] if nhwc else [batch, 3, SIDE, SIDE]
    outputs = {"embedding": [batch, DIM], "logits": [batch, CLASSES], "small": [batch, 16, 4, 4]}
    graph = helper.make_graph(
        nodes,
        "eye",
        [helper.make_tensor_value_info("pixels", kind, shape)],
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(values.astype(dtype), name) for name, values in tensors.items()],
    )
    write(graph, path)


def text_model(path: Path, *, seed: int = 2, types: bool = False, whole: int = TensorProto.INT64) -> None:
    """Write a table of word vectors: outputs `tokens` (one row each) and `embedding` (their sum over the mask)."""
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["words"]),
        helper.make_node("Cast", ["attention_mask"], ["counted"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["counted", "last"], ["weights"]),
        helper.make_node("Mul", ["words", "weights"], ["tokens"]),
        helper.make_node("ReduceSum", ["tokens", "middle"], ["embedding"], keepdims=0),
    ]
    names = ["input_ids", "attention_mask"]
    if types:
        names.append("token_type_ids")
    graph = helper.make_graph(
        nodes,
        "reader",
        [helper.make_tensor_value_info(name, whole, ["batch", "tokens"]) for name in names],
        [
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", DIM]),
            helper.make_tensor_value_info("tokens", TensorProto.FLOAT, ["batch", "tokens", DIM]),
        ],
        [
            weight("table", VOCABULARY, DIM, seed=seed),
            numpy_helper.from_array(np.array([2], dtype=np.int64), "last"),
            numpy_helper.from_array(np.array([1], dtype=np.int64), "middle"),
        ],
    )
    write(graph, path)


def write(graph: onnx.GraphProto, path: Path) -> None:
    """Check a graph and write it."""
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def tokenizer(path: Path) -> None:
    """Write a real tokenizer that marks beginning and end and falls back to letters."""
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    vocabulary = {word: place for place, word in enumerate([*WORDS, *letters[1:], *(f"##{x}" for x in "sedr")])}
    model = tokenizers.models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100)
    made = tokenizers.Tokenizer(model)
    made.normalizer = tokenizers.normalizers.Lowercase()
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    made.save(str(path))


def dual_facts() -> Facts:
    """Return the manifest of a dual encoder, files apart."""
    return {
        "name": "tiny-dual",
        "input": {
            "file": "image.onnx",
            "name": "pixels",
            "dtype": "float32",
            "layout": "NCHW",
            "shape": ["batch", 3, SIDE, SIDE],
            "colour_order": "RGB",
            "mean": [127.5, 127.5, 127.5],
            "std": [127.5, 127.5, 127.5],
            "resize": "bicubic",
            "crop": "squash",
        },
        "outputs": {"embedding": {"shape": ["batch", DIM]}},
        "text": {
            "file": "text.onnx",
            "inputs": {"ids": "input_ids", "mask": "attention_mask"},
            "max_tokens": 16,
            "padding": "max",
            "output": {"name": "embedding"},
        },
        "licence": "Apache-2.0",
        "source": {"repository": "made/by-a-test"},
    }


def write_folder(folder: Path, facts: Facts, *, change: Change = dict.copy) -> Path:
    """Write `model.json` for the files that lie in a folder."""
    change(facts)
    facts["files"] = {
        path.name: {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in sorted(folder.iterdir())
        if path.name != "model.json"
    } | facts.get("files", {})
    (folder / "model.json").write_text(json.dumps(facts))
    return folder


def dual_folder(folder: Path, *, change: Change = dict.copy) -> Path:
    """Write a whole dual encoder and return its folder."""
    folder.mkdir(parents=True)
    image_model(folder / "image.onnx")
    text_model(folder / "text.onnx")
    tokenizer(folder / "tokenizer.json")
    return write_folder(folder, dual_facts(), change=change)


def image_folder(folder: Path, *, change: Change = dict.copy, **of_model: Any) -> Path:
    """Write an encoder of pictures with a classifier and return its folder; `of_model` as for `image_model`."""
    folder.mkdir(parents=True)
    image_model(folder / "model.onnx", **of_model)
    (folder / "labels.txt").write_text("\n".join(["cap", "boot", "dress", "chair", "other"][:CLASSES]))
    facts = dual_facts()
    del facts["text"], facts["input"]["file"]
    facts["name"] = "tiny-eye"
    facts["outputs"]["logits"] = {"shape": ["batch", CLASSES]}
    return write_folder(folder, facts, change=change)
