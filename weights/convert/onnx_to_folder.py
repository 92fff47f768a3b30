"""Turns a float ONNX export of a BERT encoder and its tokenizer.json into a model folder.

An exporter keeps the names of biases and tables but folds each transposed weight into an anonymous constant
("onnx::MatMul_541"). The graph gives the name back: the product with X.weight is the one to which X.bias is added.
A product without a bias is named by its node's path ("/encoder/layer.0/attention/self/query/MatMul").
With --verify the written weights, run by transformers, must reproduce the graph's output, run by onnxruntime.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from model_folder import write_json, write_sentence_files, write_tensors, write_tokenizer_files

PREFIXES = ("bert.", "model.", "0.auto_model.", "auto_model.")
QUANTISED_OPS = {"DynamicQuantizeLinear", "MatMulInteger", "QLinearMatMul", "DequantizeLinear", "DynamicQuantizeMatMul"}


def plain_name(name: str) -> str:
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name


def product_names(graph: onnx.GraphProto, arrays: dict[str, np.ndarray]) -> dict[str, str]:
    """Maps each constant that is the right factor of a MatMul to the name of the weight that it is."""
    biases: dict[str, str] = {}
    for node in graph.node:
        if node.op_type != "Add":
            continue
        for value, constant in (tuple(node.input), tuple(reversed(node.input))):
            if constant in arrays and constant.endswith(".bias"):
                biases[value] = constant
    names: dict[str, str] = {}
    for node in graph.node:
        if node.op_type != "MatMul" or node.input[1] not in arrays:
            continue
        bias = biases.get(node.output[0])
        path = node.name.strip("/").removesuffix("/MatMul").replace("/", ".")
        name = bias.removesuffix("bias") + "weight" if bias else path + ".weight"
        if names.setdefault(node.input[1], name) != name:
            raise SystemExit(f"constant {node.input[1]} is both {names[node.input[1]]} and {name}")
    return names


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """All weights of the graph by their Hugging Face names, matrices as [out, in]."""
    graph = onnx.load(str(path)).graph
    quantised = QUANTISED_OPS & {node.op_type for node in graph.node}
    if quantised:
        raise SystemExit(f"{path}: a quantised graph ({sorted(quantised)[0]}); take the float export")
    arrays = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    products = product_names(graph, arrays)
    tensors: dict[str, np.ndarray] = {}
    for name, array in arrays.items():
        if array.dtype not in (np.float32, np.float16):
            continue
        target = plain_name(products.get(name, name))
        if "::" in target or target in tensors:
            raise SystemExit(f"{path}: constant {name} has no place in the model")
        tensors[target] = array.T if name in products else array
    return tensors


def bert_config(tensors: dict[str, np.ndarray], heads: int | None) -> dict[str, Any]:
    """What the shapes tell; what they do not tell are BERT's constants."""
    vocabulary, width = tensors["embeddings.word_embeddings.weight"].shape
    layers = {int(m.group(1)) for m in (re.match(r"encoder\.layer\.(\d+)\.", name) for name in tensors) if m}
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": width,
        "intermediate_size": tensors["encoder.layer.0.intermediate.dense.weight"].shape[0],
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": tensors["embeddings.position_embeddings.weight"].shape[0],
        "num_attention_heads": heads or width // 64,
        "num_hidden_layers": len(layers),
        "pad_token_id": 0,
        "type_vocab_size": tensors["embeddings.token_type_embeddings.weight"].shape[0],
        "vocab_size": vocabulary,
    }


def verify(path: Path, folder: Path) -> float:
    """The smallest cosine between a hidden state of the graph and of the folder, over random token ids."""
    import onnxruntime
    import torch
    from transformers import BertModel

    model = BertModel.from_pretrained(str(folder), add_pooling_layer=False).train(False)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    random = np.random.default_rng(1)
    smallest = 1.0
    for length in (1, 7, 64, 512):
        ids = random.integers(0, model.config.vocab_size, size=(2, length))
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": ids % 2}
        wanted = {item.name for item in session.get_inputs()}
        theirs = session.run(None, {name: value for name, value in inputs.items() if name in wanted})[0]
        with torch.no_grad():
            tensors = {name: torch.from_numpy(value) for name, value in inputs.items()}
            ours = model(**tensors).last_hidden_state.numpy()
        a, b = ours.astype(np.float64), theirs.astype(np.float64)
        cosine = (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
        smallest = min(smallest, float(cosine.min()))
    return smallest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("onnx", type=Path, help="model.onnx")
    parser.add_argument("tokenizer", type=Path, help="tokenizer.json")
    parser.add_argument("folder", type=Path, help="the folder to write")
    parser.add_argument("--pooling", choices=("cls", "mean"), required=True)
    parser.add_argument("--max-length", type=int, default=512)
    parser.add_argument("--heads", type=int, help="attention heads; default: width / 64")
    parser.add_argument("--verify", action="store_true", help="needs requirements-torch.txt")
    options = parser.parse_args()

    tensors = read_tensors(options.onnx)
    config = bert_config(tensors, options.heads)
    write_tensors(options.folder, tensors)
    write_json(options.folder / "config.json", config)
    write_tokenizer_files(options.folder, options.tokenizer, options.max_length)
    write_sentence_files(options.folder, config["hidden_size"], options.pooling, options.max_length)
    print(f"{options.folder}: {len(tensors)} tensors")
    if options.verify:
        cosine = verify(options.onnx, options.folder)
        print(f"smallest cosine to the ONNX output: {cosine:.9f}")
        if cosine < 0.999999:
            raise SystemExit("the folder does not reproduce the graph; is --heads right?")


if __name__ == "__main__":
    main()
