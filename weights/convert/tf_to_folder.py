"""Turns the variables of a bert4keras TensorFlow checkpoint (RoFormer, RoFormer-Sim, BERT) into a model folder.

The variables come as an .npz file whose keys are TensorFlow's names, so that this needs no TensorFlow. Where it is
installed, three lines write that file:

    reader = tf.train.load_checkpoint("bert_model.ckpt")
    names = [n for n in reader.get_variable_to_shape_map() if "adam" not in n]
    np.savez("variables.npz", **{n: reader.get_tensor(n) for n in names})
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Mapping

import numpy as np

from model_folder import copy_text_files, write_json, write_tensors

SKIPPED = re.compile(r"adam_[mv]|^global_step$|^beta[12]_power$|embed_positions")
LAST_PARTS = {"kernel": "weight", "gamma": "weight", "beta": "bias", "output_bias": "bias"}


def rename_variable(name: str, family: str) -> str:
    """The Hugging Face name of a variable of bert4keras; family is "roformer" or "bert"."""
    name = name.removesuffix(":0").replace("bert/encoder/embedding_hidden_mapping_in/", "bert/embeddings_project/")
    parts = re.sub(r"/layer_(\d+)/", r"/layer/\1/", name).split("/")
    if parts[0] == "bert":
        parts[0] = family
    if parts[-1].endswith("_embeddings"):
        parts.append("weight")
    parts[-1] = LAST_PARTS.get(parts[-1], parts[-1])
    return ".".join(parts)


def rename_variables(variables: Mapping[str, np.ndarray], family: str) -> dict[str, np.ndarray]:
    """Renames all variables and turns each kernel from [in, out] to [out, in]; drops the optimiser's."""
    tensors: dict[str, np.ndarray] = {}
    for name, array in variables.items():
        if SKIPPED.search(name):
            continue
        target = rename_variable(name, family)
        if target in tensors:
            raise SystemExit(f"two variables are {target}")
        array = np.asarray(array, dtype=np.float32)
        tensors[target] = array.T if name.removesuffix(":0").endswith("/kernel") else array
    return tensors


def write_config(source: Path, folder: Path, family: str, pooler: str | None) -> None:
    """config.json of Hugging Face if the source has one, else bert_config.json of the checkpoint, completed."""
    if "config.json" in copy_text_files(source, folder):
        return
    path = source / "bert_config.json"
    if not path.is_file():
        raise SystemExit(f"{source}: neither config.json nor bert_config.json")
    config = json.loads(path.read_text(encoding="utf-8")) | {"model_type": family}
    if pooler:
        config["pooler_activation"] = pooler
    write_json(folder / "config.json", config)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("variables", type=Path, help=".npz file of the checkpoint's variables")
    parser.add_argument("source", type=Path, help="folder with config.json or bert_config.json, and vocab.txt")
    parser.add_argument("folder", type=Path, help="the folder to write")
    parser.add_argument("--family", choices=("roformer", "bert"), default="roformer")
    parser.add_argument("--pooler", choices=("linear", "tanh"), help="its activation; linear for RoFormer-Sim")
    options = parser.parse_args()

    with np.load(options.variables, allow_pickle=False) as variables:
        tensors = rename_variables(variables, options.family)
    write_tensors(options.folder, tensors)
    write_config(options.source, options.folder, options.family, options.pooler)
    print(f"{options.folder}: {len(tensors)} tensors")


if __name__ == "__main__":
    main()
