"""Makes the peers' files of a model from the folder that rosim serves: ONNX fp32 and int8, OpenVINO int8, CTranslate2.

Each peer gets its own best form: onnxruntime the graph of its BERT optimizer (fused attention, norms and GELU) and its
dynamic quantisation per channel; OpenVINO the plain graph, which its compiler fuses itself, and post-training
quantisation by NNCF on our sentences; CTranslate2 its own converter.
"""

from __future__ import annotations

import json
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import texts  # noqa: E402

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
CALIBRATION_TEXTS = 128


def export_onnx(folder: Path, out: Path) -> None:
    """The encoder as torch computes it, or the file that the model was published as."""
    published = folder / "onnx" / "model.onnx"
    if published.exists():
        out.write_bytes(published.read_bytes())
        return
    import torch
    from transformers import AutoModel

    class Hidden(torch.nn.Module):
        """Named inputs in the order of INPUTS, one output."""

        def __init__(self) -> None:
            super().__init__()
            self.model = AutoModel.from_pretrained(str(folder), attn_implementation="eager").eval()

        def forward(
            self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor
        ) -> torch.Tensor:
            hidden: torch.Tensor = self.model(
                input_ids=ids, attention_mask=mask, token_type_ids=types
            ).last_hidden_state
            return hidden

    ids = torch.arange(18, dtype=torch.long).reshape(2, 9)
    sizes = {0: "batch", 1: "tokens"}
    torch.onnx.export(
        Hidden().eval(),
        (ids, torch.ones_like(ids), torch.zeros_like(ids)),
        str(out),
        input_names=list(INPUTS),
        output_names=["last_hidden_state"],
        dynamic_axes={name: sizes for name in (*INPUTS, "last_hidden_state")},
        opset_version=17,
        dynamo=False,
    )


def optimize_onnx(folder: Path, source: Path, out: Path) -> None:
    """onnxruntime's own fusions for BERT."""
    from onnxruntime.transformers.optimizer import optimize_model

    config = json.loads((folder / "config.json").read_text())
    fused = optimize_model(
        str(source),
        model_type="bert",
        num_heads=config["num_attention_heads"],
        hidden_size=config["hidden_size"],
        opt_level=1,
    )
    fused.save_model_to_file(str(out))
    counts = {name: count for name, count in fused.get_fused_operator_statistics().items() if count}
    print(f"{out.name}: fused {counts}", file=sys.stderr)


def quantize_onnx(source: Path, out: Path) -> None:
    """onnxruntime's dynamic quantisation: int8 weights per channel, activations when they come."""
    from onnx import TensorProto
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        str(source),
        str(out),
        per_channel=True,
        weight_type=QuantType.QInt8,
        extra_options={"DefaultTensorType": TensorProto.FLOAT},  # of the fused nodes' outputs
    )


def quantize_openvino(folder: Path, source: Path, out: Path) -> None:
    """NNCF's post-training quantisation for transformers."""
    import nncf
    import openvino
    from tokenizers import Tokenizer

    language = texts.language_of(folder.name)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)
    sample = texts.sentences(language) + texts.mixed(language, CALIBRATION_TEXTS)
    items = []
    for encoding in tokenizer.encode_batch(sample[:CALIBRATION_TEXTS]):
        ids = np.array([encoding.ids], dtype=np.int64)
        items.append(
            {
                "input_ids": ids,
                "attention_mask": np.ones_like(ids),
                "token_type_ids": np.zeros_like(ids),
            }
        )
    model = openvino.Core().read_model(source)
    quantized = nncf.quantize(
        model,
        nncf.Dataset(items),
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=len(items),
    )
    openvino.save_model(quantized, out, compress_to_fp16=False)


def convert_ctranslate2(folder: Path, out: Path) -> None:
    """fp32 on disk; the precision is chosen when it is loaded. The converter asks for a key that newer configs lack."""
    from ctranslate2.converters import TransformersConverter

    with tempfile.TemporaryDirectory() as scratch:
        for file in folder.iterdir():
            if file.is_file() and file.name != "config.json":
                (Path(scratch) / file.name).symlink_to(file.resolve())
        config = json.loads((folder / "config.json").read_text())
        config["position_embedding_type"] = "absolute"
        (Path(scratch) / "config.json").write_text(json.dumps(config))
        TransformersConverter(scratch).convert(str(out), force=True)


def make(out: Path, build: Callable[[Path], None]) -> None:
    """Builds beside the place and moves it there: what is there is whole. A peer that fails is left out later."""
    if out.exists():
        return
    print(f"preparing {out.parent.name}/{out.name}", file=sys.stderr)
    partial = out.with_name("partial-" + out.name)
    try:
        build(partial)
    except Exception:
        traceback.print_exc()
        return
    partial.rename(out)
    weights = partial.with_suffix(".bin")
    if out.suffix == ".xml" and weights.exists():
        weights.rename(out.with_suffix(".bin"))


def prepare(folder: Path, out: Path) -> None:
    """All forms of one model; what is there is kept."""
    out.mkdir(parents=True, exist_ok=True)
    plain, fused = out / "plain.onnx", out / "fused.onnx"
    make(plain, lambda path: export_onnx(folder, path))
    make(fused, lambda path: optimize_onnx(folder, plain, path))
    make(out / "int8.onnx", lambda path: quantize_onnx(fused, path))
    make(out / "openvino-int8.xml", lambda path: quantize_openvino(folder, plain, path))
    make(out / "ctranslate2", lambda path: convert_ctranslate2(folder, path))


if __name__ == "__main__":
    prepare(Path(sys.argv[1]), Path(sys.argv[2]))
