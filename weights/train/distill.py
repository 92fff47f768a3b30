"""`make distill`: a RoFormer student of your own teacher, on your own texts.

The teacher is any sentence-transformers folder, the data one text a line (UTF-8; .xz is fine), in any languages that
the start model's vocabulary covers. Targets are the teacher's vectors, turned into the student's width and as near to
the student's own vectors as a rotation gets them: cosines between texts stay the teacher's, except for what a wider
teacher loses in the narrower width (printed). The student starts from a model folder of this repository and comes out
as one, for softmax and for linear attention.
"""

from __future__ import annotations

import argparse
import lzma
import random
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import encoding
import export
import losses
import model
import pool
import settings
import targets
from batch import Batch
from optimizer import build_optimizer, set_rate

OPTIONS = {"rate": 3e-4, "weight_decay": 0.01, "maps_rate_factor": 2.5, "warmup_steps": 50}
MICRO_BATCH_TOKENS = 1500
HELD_OUT = 400            # texts that only measure
FIT_TEXTS = 4000          # texts that the rotation is fitted on


def read_texts(path: Path) -> list[str]:
    """The distinct texts of a file, without blank lines."""
    with (lzma.open(path, "rt", encoding="utf-8") if path.suffix == ".xz" else path.open(encoding="utf-8")) as file:
        return list(dict.fromkeys(line.strip() for line in file if line.strip()))


def teacher_vectors(folder: Path, texts: list[str]) -> np.ndarray:
    """The vectors as sentence-transformers makes them, at length one."""
    from sentence_transformers import SentenceTransformer  # pylint: disable=import-outside-toplevel

    teacher = SentenceTransformer(str(folder))
    return np.asarray(teacher.encode(texts, batch_size=32, normalize_embeddings=True, show_progress_bar=True),
                      dtype=np.float32)


def turn_to_student(teacher: np.ndarray, student: np.ndarray) -> tuple[np.ndarray, float]:
    """The teacher's vectors [n][student's width], and the share of their squared length that is kept.

    A wider teacher first loses its least directions. Then the orthogonal matrix that brings the vectors of the texts
    whose student vectors are given nearest to those."""
    _, _, directions = np.linalg.svd(teacher[:FIT_TEXTS], full_matrices=False)
    reduced = teacher @ directions[:student.shape[1]].T
    kept = float((reduced ** 2).sum() / (teacher ** 2).sum())
    left, _, right = np.linalg.svd(student.T @ reduced[:len(student)], full_matrices=False)
    return targets.unit(reduced @ (left @ right).T).astype(np.float32), kept


class Distiller:
    """The student, its texts and their targets; progress runs from 0 to 1."""

    def __init__(self, start: Path, texts: list[str], teacher: np.ndarray, longest: int, seed: int) -> None:
        torch.manual_seed(seed)
        self.rng = random.Random(seed)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.encoder = model.load(start).to(self.device)
        self.ids = pool.StudentTokenizer(start).ids(texts, longest)
        own = encoding.vectors(self.encoder, self.ids[:FIT_TEXTS], False)
        self.target, self.kept = turn_to_student(teacher, own)
        self.held = min(HELD_OUT, len(texts) // 10)
        self.optimizer = build_optimizer(self.encoder, OPTIONS)
        self.queue: list[int] = []
        self.step = 0

    def rows(self, count: int) -> list[int]:
        while len(self.queue) < count:
            fresh = list(range(self.held, len(self.ids)))
            self.rng.shuffle(fresh)
            self.queue += fresh
        taken, self.queue = self.queue[:count], self.queue[count:]
        return taken

    def train_step(self, progress: float, count: int) -> float:
        """One step over `count` texts with one of the two attentions; the loss."""
        self.encoder.train()
        set_rate(self.optimizer, self.step, progress, int(OPTIONS["warmup_steps"]))
        rows = self.rows(count)
        batch = Batch()
        batch.add([self.ids[r] for r in rows])
        out = batch.encode(self.encoder, self.rng.random() < 0.55, MICRO_BATCH_TOKENS)
        target: Tensor = torch.from_numpy(self.target[rows]).to(self.device)
        loss = 10 * losses.cosine_loss(out, target) + losses.relation_loss(out, target, 0.05)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.encoder.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        return float(loss)

    def agreement(self) -> tuple[float, float]:
        """Mean cosine to the targets of the held-out texts, softmax and linear."""
        self.encoder.eval()
        found = [float((encoding.vectors(self.encoder, self.ids[:self.held], linear)
                        * self.target[:self.held]).sum(1).mean()) for linear in (False, True)]
        return found[0], found[1]


def run(distiller: Distiller, minutes: float, count: int) -> None:
    """Steps until the time is over, with a line of progress every half minute."""
    began = reported = time.monotonic()
    deadline = began + 60 * minutes
    while (now := time.monotonic()) < deadline:
        loss = distiller.train_step((now - began) / (deadline - began), count)
        if now - reported > 30:
            print(f"step {distiller.step}: loss {loss:.3f}, {distiller.step * count / (now - began):.0f} texts/s, "
                  f"{(deadline - now) / 60:.1f} minutes left", file=sys.stderr, flush=True)
            reported = now


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("teacher", type=Path, help="sentence-transformers folder")
    parser.add_argument("data", type=Path, help="texts, one a line")
    parser.add_argument("out", type=Path, help="model folder to write")
    parser.add_argument("--start", type=Path, default=settings.ROOT / "weights" / "default", help="student's start")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--longest", type=int, default=128, help="tokens of a text in training")
    parser.add_argument("--batch", type=int, default=160, help="texts of a step")
    parser.add_argument("--storage", choices=("f32", "f16", "int8"), default="int8")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    texts = read_texts(args.data)
    if len(texts) < 1000:
        raise SystemExit(f"{args.data}: {len(texts)} distinct texts; a student needs 1000 at the very least")
    random.Random(args.seed).shuffle(texts)
    distiller = Distiller(args.start, texts, teacher_vectors(args.teacher, texts), args.longest, args.seed)
    print(f"{len(texts)} texts; the student's width keeps {distiller.kept:.4f} of the teacher", file=sys.stderr)
    before = distiller.agreement()
    run(distiller, args.minutes, args.batch)
    after = distiller.agreement()
    tensors = {k: v.cpu() for k, v in distiller.encoder.state_dict().items()}
    export.write_folder(tensors, args.start, args.out, args.storage)
    print(f"cosine to the teacher on held-out texts, softmax {before[0]:.3f} -> {after[0]:.3f}, "
          f"linear {before[1]:.3f} -> {after[1]:.3f}")


if __name__ == "__main__":
    main()
