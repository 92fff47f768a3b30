"""Tests of the converters on tiny models made here. Run: python -m unittest discover weights/convert"""

from __future__ import annotations

import json
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Mapping
from unittest import mock

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file
from safetensors.torch import load_file as load_torch_file

sys.path.insert(0, str(Path(__file__).parent))
import onnx_to_folder  # noqa: E402
import tf_to_folder  # noqa: E402
import torch_to_folder  # noqa: E402

TF_NAMES = {
    "bert/embeddings/word_embeddings": "roformer.embeddings.word_embeddings.weight",
    "bert/embeddings/token_type_embeddings": "roformer.embeddings.token_type_embeddings.weight",
    "bert/embeddings/LayerNorm/beta": "roformer.embeddings.LayerNorm.bias",
    "bert/embeddings/LayerNorm/gamma": "roformer.embeddings.LayerNorm.weight",
    "bert/encoder/embedding_hidden_mapping_in/kernel": "roformer.embeddings_project.weight",
    "bert/encoder/embedding_hidden_mapping_in/bias": "roformer.embeddings_project.bias",
    "bert/encoder/layer_11/attention/self/query/kernel": "roformer.encoder.layer.11.attention.self.query.weight",
    "bert/encoder/layer_0/attention/output/dense/bias": "roformer.encoder.layer.0.attention.output.dense.bias",
    "bert/encoder/layer_0/output/LayerNorm/gamma": "roformer.encoder.layer.0.output.LayerNorm.weight",
    "bert/encoder/layer_3/intermediate/dense/kernel": "roformer.encoder.layer.3.intermediate.dense.weight",
    "bert/encoder/layer_3/output/dense/kernel": "roformer.encoder.layer.3.output.dense.weight",
    "bert/pooler/dense/kernel": "roformer.pooler.dense.weight",
    "cls/predictions/transform/dense/kernel": "cls.predictions.transform.dense.weight",
    "cls/predictions/output_bias": "cls.predictions.bias",
}


class TensorFlow(unittest.TestCase):
    def test_every_name_of_bert4keras_has_its_hugging_face_name(self) -> None:
        for name, wanted in TF_NAMES.items():
            self.assertEqual(tf_to_folder.rename_variable(name, "roformer"), wanted)
            self.assertEqual(tf_to_folder.rename_variable(name + ":0", "bert"), wanted.replace("roformer.", "bert."))

    def test_kernels_are_transposed_tables_are_not_and_the_optimiser_is_dropped(self) -> None:
        kernel, table = np.arange(6).reshape(2, 3), np.arange(6.0).reshape(3, 2)
        tensors = tf_to_folder.rename_variables(
            {
                "bert/pooler/dense/kernel": kernel,
                "bert/pooler/dense/kernel/adam_m": kernel,
                "bert/embeddings/word_embeddings": table,
                "global_step": np.array(7),
            },
            "bert",
        )
        self.assertEqual(set(tensors), {"bert.pooler.dense.weight", "bert.embeddings.word_embeddings.weight"})
        np.testing.assert_array_equal(tensors["bert.pooler.dense.weight"], kernel.T)
        np.testing.assert_array_equal(tensors["bert.embeddings.word_embeddings.weight"], table)

    def test_an_npz_file_becomes_a_folder(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            root = Path(name)
            variables = {"bert/pooler/dense/kernel": np.arange(6.0).reshape(2, 3)}
            np.savez(root / "v.npz", **variables)  # type: ignore[arg-type]
            (root / "bert_config.json").write_text('{"hidden_size": 2}')
            arguments = ["x", str(root / "v.npz"), name, str(root / "out"), "--pooler", "linear"]
            with mock.patch("sys.argv", arguments), mock.patch("builtins.print"):
                tf_to_folder.main()
            tensors = load_file(root / "out" / "model.safetensors")
            np.testing.assert_array_equal(tensors["roformer.pooler.dense.weight"], [[0, 3], [1, 4], [2, 5]])
            config = json.loads((root / "out" / "config.json").read_text())
            self.assertEqual(config, {"hidden_size": 2, "model_type": "roformer", "pooler_activation": "linear"})


class Torch(unittest.TestCase):
    def convert(self, state: Mapping[str, object], legacy: bool) -> dict[str, torch.Tensor]:
        with tempfile.TemporaryDirectory() as name:
            root = Path(name)
            torch.save(state, root / "pytorch_model.bin", _use_new_zipfile_serialization=not legacy)
            (root / "config.json").write_text("{}")
            torch_to_folder.convert(root, root / "out")
            self.assertTrue((root / "out" / "config.json").is_file())
            return load_torch_file(root / "out" / "model.safetensors")

    def test_both_pickle_forms_are_read_and_types_kept(self) -> None:
        state = {
            "a": torch.tensor([1.0, 2.0]),
            "h": torch.tensor([1.0], dtype=torch.float16),
            "b": torch.tensor([3.0], dtype=torch.bfloat16),
            "d": torch.tensor([4.0], dtype=torch.float64),
            "position_ids": torch.arange(3),
        }
        for legacy in (False, True):
            tensors = self.convert(state, legacy)
            self.assertEqual(set(tensors), {"a", "h", "b", "d"})
            self.assertEqual([tensors[name].dtype for name in "ahbd"], [*torch_to_folder.FLOATS, torch.float32])

    def test_tied_and_transposed_tensors_are_written_out(self) -> None:
        table = torch.arange(6.0).reshape(2, 3)
        tensors = self.convert({"word": table, "decoder": table, "turned": table.T}, False)
        self.assertTrue(torch.equal(tensors["decoder"], table) and torch.equal(tensors["turned"], table.T))

    def test_values_that_are_not_finite_are_refused(self) -> None:
        with self.assertRaisesRegex(SystemExit, "tensor a is empty or holds a value that is not finite"):
            self.convert({"a": torch.tensor([float("nan")])}, False)


def linear_graph(weight: np.ndarray, node_name: str, bias: bool) -> onnx.ModelProto:
    """x -> MatMul with an anonymous constant, and Add of a named bias if there is one."""
    constants = [numpy_helper.from_array(weight.T.copy(), "onnx::MatMul_7")]
    nodes = [helper.make_node("MatMul", ["x", "onnx::MatMul_7"], ["y"], name=node_name)]
    if bias:
        constants.append(numpy_helper.from_array(weight[:, 0].copy(), "bert.pooler.dense.bias"))
        nodes.append(helper.make_node("Add", ["bert.pooler.dense.bias", "y"], ["z"]))
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("x", "z" if bias else "y")]
    return helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:], constants))


class Onnx(unittest.TestCase):
    WEIGHT = np.arange(6, dtype=np.float32).reshape(2, 3)

    def read(self, model: onnx.ModelProto) -> dict[str, np.ndarray]:
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "model.onnx"
            onnx.save(model, str(path))
            return onnx_to_folder.read_tensors(path)

    def test_an_anonymous_product_is_named_by_its_bias(self) -> None:
        tensors = self.read(linear_graph(self.WEIGHT, "any", True))
        self.assertEqual(set(tensors), {"pooler.dense.weight", "pooler.dense.bias"})
        np.testing.assert_array_equal(tensors["pooler.dense.weight"], self.WEIGHT)

    def test_a_product_without_bias_is_named_by_its_node(self) -> None:
        tensors = self.read(linear_graph(self.WEIGHT, "/encoder/layer.0/output/dense/MatMul", False))
        self.assertEqual(set(tensors), {"encoder.layer.0.output.dense.weight"})

    def test_a_quantised_graph_is_refused(self) -> None:
        model = linear_graph(self.WEIGHT, "any", True)
        model.graph.node.append(helper.make_node("MatMulInteger", ["x", "x"], ["q"]))
        with self.assertRaisesRegex(SystemExit, "quantised"):
            self.read(model)

    def test_a_constant_without_a_place_is_refused(self) -> None:
        model = linear_graph(self.WEIGHT, "any", True)
        model.graph.initializer.append(numpy_helper.from_array(self.WEIGHT, "onnx::Add_9"))
        with self.assertRaisesRegex(SystemExit, "onnx::Add_9 has no place"):
            self.read(model)


if __name__ == "__main__":
    unittest.main()
