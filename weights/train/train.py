"""Step 2 of `make train`: trains the student; may be stopped and run again at any step.

A step draws texts of every kind, encodes them with one of the two attentions (chosen by chance) and goes down the sum
of the losses of losses.py. The learning rate follows the progress of the run: a short warm-up, then linear to zero.
Progress is measured in wall-clock time up to a deadline (--minutes), so a busy machine costs steps, never the end of
the schedule; stopped by a signal and continued, the run loses only the time between. A checkpoint holds weights,
optimiser, progress and random states.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import born_again
import corpus
import encoding
import judged
import losses
import model
import negatives
import pool
import prototypes
import settings
import targets
import templates
import written
from batch import Batch
from optimizer import build_optimizer, set_rate

MADE_TOKENS = 96          # of a text made from templates or written by hand
MAYBE_SAME = 0.85         # the cosine from which on two texts of different clusters may say the same
MAYBE_SAME_AREA = 0.75    # the same of two of one area
SAME_LABEL = 0.8          # of a labelled pair from which on both texts count as paraphrases


def ramp(progress: float, start: float, end: float) -> float:
    """0 before start, 1 after end, linear between."""
    return min(1.0, max(0.0, (progress - start) / (end - start)))


class Trainer:
    """The run: what a checkpoint holds and one step."""

    def __init__(self, config: settings.Settings) -> None:
        self.config, self.options = config, config.train
        torch.manual_seed(config.seed)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.encoder = model.load(config.start).to(self.device)
        self.optimizer = build_optimizer(self.encoder, self.options)
        self.tokenizer = pool.StudentTokenizer(config.start)
        self.rng = random.Random(config.seed)
        self.progress, self.step, self.texts = 0.0, 0, 0
        self.means: dict[str, float] = {}
        self.pool = pool.Pool(config.cache / "chunks", self.tokenizer, self._sides(), int(self.options["longest"]),
                              config.seed, born_again.BornAgain(config.cache, config.start, self.options["weight_own"]))
        self.banned = corpus.evaluation_keys(config.evaluation)
        topics = written.read_all(written.FOLDER)
        self.topics = {states: [topic for topic in topics if topic.states == states] for states in (False, True)}
        self.prototypes = prototypes.Prototypes(self.topics[False])
        questions = filter(corpus.is_question, corpus.lines(config.corpus / "zh.txt.xz"))
        self.judged = judged.read_all(judged.FOLDER, (text for text in questions if corpus.is_free(self.banned, text)))
        self.labelled = corpus.labelled_sets(config.corpus, self.banned)
        self.pool.add_labelled(self.labelled)

    def _sides(self) -> dict[str, targets.Side]:
        path = self.config.cache / "targets.npz"
        if not path.exists():
            first = sorted((self.config.cache / "chunks").glob("[0-9]*.npz"))[:2]
            stacked: dict[str, Any] = {}
            for chunk in map(np.load, first):
                for name in chunk.files:
                    stacked.setdefault(name, []).append(chunk[name])
            joined = {k: np.concatenate(v) for k, v in stacked.items()}
            weights = (self.options["weight_bge"], self.options["weight_minilm"])
            targets.save(path, targets.fit(joined, weights, self.options["whitening"]))
        return targets.load(path)

    def tensor(self, rows: list[np.ndarray]) -> Tensor:
        return torch.from_numpy(np.stack(rows).astype(np.float32)).to(self.device)

    def train_step(self) -> None:
        self.encoder.train()
        set_rate(self.optimizer, self.step, self.progress, int(self.options["warmup_steps"]))
        linear = self.rng.random() < self.options["linear_share"]
        long = self.rng.random() < self.options["long_share"]
        batch = Batch()
        plan = self._plan(batch, long)
        out = batch.encode(self.encoder, linear, int(self.options["micro_batch_tokens"]))
        parts = {name: weight * make(out) for name, weight, make in plan}
        total = torch.stack(list(parts.values())).sum()
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.encoder.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        self.texts += len(batch.ids)
        for name, value in parts.items():
            key = f"{name}{'/lin' if linear else ''}"
            self.means[key] = 0.95 * self.means.get(key, value.item()) + 0.05 * value.item()

    def _plan(self, batch: Batch, long: bool) -> list[tuple[str, float, Any]]:
        """Draws the step's texts and says which losses their vectors go into: (name, weight, function)."""
        o, plan = self.options, []
        for lang in ("zh", "en"):
            plan += self._monolingual(batch, lang, int(o[f"batch_{lang}"]))
            if long:
                plan += self._monolingual(batch, f"long_{lang}", int(o["batch_long"]))
        plan += self._pairs(batch, int(o["batch_pairs"]))
        for lang in ("zh", "en"):
            plan += self._distilled_pairs(batch, lang, int(o[f"batch_labelled_{lang}"]))
            for name in templates.MADE:
                plan += self._made(batch, name, lang)
        plan += self._written(batch)
        plan += self._classified(batch, int(o["batch_classified"]))
        for name in self.judged:
            plan += self._judged(batch, name, int(o[f"batch_judged_{name}"]))
        if self._label_strength():
            graded = [s for s in self.labelled if s.startswith("stsb")]
            binary = [s for s in self.labelled if s not in graded and len(self.labelled[s]) > 1000]
            plan += self._labelled(batch, self._source(binary), int(o["batch_binary"]))
            plan += self._labelled(batch, self._source(graded), int(o["batch_graded"]))
        return plan

    def _monolingual(self, batch: Batch, kind: str, count: int) -> list[Any]:
        o, long = self.options, kind.startswith("long")
        rows = self.pool.draw(kind, count) if long else self.pool.draw_neighbours(kind, count)
        items = self.pool.kinds[kind]
        at = batch.add([items.ids[r][0] for r in rows])
        target = self.tensor([items.target[r][0] for r in rows])
        plan: list[Any] = [(kind, o["cosine_long" if long else "cosine"],
                            lambda out: losses.cosine_loss(out[at], target))]
        if not long:
            plan.append((f"{kind} rel", o["relation"],
                         lambda out: losses.relation_loss(out[at], target, o["temperature"])))
        return plan

    def _pairs(self, batch: Batch, count: int) -> list[Any]:
        rows = self.pool.draw("pair", count)
        items = self.pool.kinds["pair"]
        zh = batch.add([items.ids[r][0] for r in rows])
        en = batch.add([items.ids[r][1] for r in rows])
        target = self.tensor([items.target[r][0] for r in rows])
        o = self.options

        def cosine(out: Tensor) -> Tensor:
            return losses.cosine_loss(out[zh], target) + losses.cosine_loss(out[en], target)

        def relation(out: Tensor) -> Tensor:
            return (losses.relation_loss(out[zh], target, o["temperature"])
                    + losses.relation_loss(out[en], target, o["temperature"]))

        plan: list[Any] = [("pair", o["cosine"], cosine), ("pair rel", o["relation"] / 2, relation)]
        strength = o["hard"] * self._label_strength()
        if strength:
            plan += self._hard(batch, [items.extra[r] for r in rows[:int(o["batch_hard"])]], zh, en, strength)
        return plan

    def _hard(self, batch: Batch, texts: list[list[str]], zh: slice, en: slice, strength: float) -> list[Any]:
        """A text's spoilt copy is to be further from the text and from its translation than the translation is."""
        plan: list[Any] = []
        sides = {"zh": (0, zh, en), "en": (1, en, zh)}
        for lang, (side, own, other) in sides.items():
            made = [(i, negatives.harmful(t[side], lang, self.rng), negatives.harmless(t[side], lang, self.rng))
                    for i, t in enumerate(texts)]
            bad = [(i, b) for i, b, _ in made if b is not None]
            good = [(i, g, b) for i, b, g in made if b is not None and g is not None]
            if bad:
                plan.append((f"hard {lang}", strength, self._cross(batch, bad, other, own, other)))
            if good:
                plan.append((f"hard2 {lang}", strength, self._against(batch, good, own)))
        return plan

    def _ids(self, texts: list[str]) -> list[list[int]]:
        return self.tokenizer.ids(texts, int(self.options["longest"]))

    def _cross(self, batch: Batch, bad: list[Any], anchor: slice, text: slice, other: slice) -> Any:
        """A text and the other of its pair are to be nearer than the text's spoilt copy and the anchor."""
        at = batch.add(self._ids([b for _, b in bad]))
        index = torch.tensor([i for i, _ in bad], device=self.device)

        def loss(out: Tensor) -> Tensor:
            wrong = (out[at] * out[anchor][index]).sum(-1)
            right = (out[text][index] * out[other][index]).sum(-1)
            return self._margin(wrong, right)

        return loss

    def _against(self, batch: Batch, good: list[Any], own: slice) -> Any:
        near = batch.add(self._ids([g for _, g, _ in good]))
        far = batch.add(self._ids([b for _, _, b in good]))
        index = torch.tensor([i for i, _, _ in good], device=self.device)

        def loss(out: Tensor) -> Tensor:
            text = out[own][index]
            return self._margin((out[far] * text).sum(-1), (out[near] * text).sum(-1))

        return loss

    def _made(self, batch: Batch, name: str, lang: str) -> list[Any]:
        """The text and its paraphrase are to be nearer than the text and the other meaning, in triples of templates."""
        strength = self.options[name] * self._label_strength()
        if not strength:
            return []
        count = int(self.options[f"batch_{name}_{lang}"])
        texts = zip(*(templates.MADE[name](lang, self.rng) for _ in range(count)))
        text, same, other = (batch.add(self.tokenizer.ids(list(side), MADE_TOKENS)) for side in texts)

        def loss(out: Tensor) -> Tensor:
            return self._margin((out[text] * out[other]).sum(-1), (out[text] * out[same]).sum(-1))

        return [(f"{name} {lang}", strength, loss)]

    def _drawn(self, states: bool, count: int) -> list[written.Topic]:
        topics = self.topics[states]
        return self.rng.choices(topics, [topic.phrases for topic in topics], k=count)

    def _written(self, batch: Batch) -> list[Any]:
        """What was written by hand: two texts of a group are to be nearer than either is to another group's, and than
        any two of neighbouring groups."""
        o = self.options
        strength = self._label_strength()
        if not strength:
            return []
        topics = self._drawn(False, int(o["batch_clusters"])) + self._drawn(True, int(o["batch_statements"]))
        pairs = [(number, pair) for number, topic in enumerate(topics)
                 for pair in topic.cluster(int(o["cluster"]), self.rng)
                 if corpus.is_free(self.banned, *pair)]

        def ids(side: int) -> list[list[int]]:
            texts = [pair[side] if topics[number].states
                     else templates.framed(pair[side], "zh", self.rng) for number, pair in pairs]
            return self.tokenizer.ids(texts, MADE_TOKENS)

        first, second = (batch.add(ids(side)) for side in (0, 1))
        cluster = torch.tensor([number for number, _ in pairs], device=self.device).repeat(2)
        areas = [topic.area for topic in topics]
        area = torch.tensor([areas.index(name) for name in areas], device=self.device)[cluster]
        together = cluster[:, None] == cluster
        limit = torch.where(area[:, None] == area, MAYBE_SAME_AREA, MAYBE_SAME)
        partner = torch.eye(len(pairs), dtype=torch.bool, device=self.device).repeat(2, 2)
        own = torch.eye(2 * len(pairs), dtype=torch.bool, device=self.device)

        def scores(out: Tensor) -> Tensor:
            both = torch.cat([out[first], out[second]])
            return both @ both.T

        def separation(out: Tensor) -> Tensor:
            score = scores(out)
            sure = together | (score.detach() < limit)
            return losses.separation(score, partner & ~own, sure & ~partner).mean()

        def ranking(out: Tensor) -> Tensor:
            score = scores(out)
            return losses.ranking(score[partner & ~own], score[together & ~partner])

        return [("written", strength * o["written"], separation),
                ("written rank", strength * o["written_rank"], ranking)]

    def _classified(self, batch: Batch, count: int) -> list[Any]:
        """Texts of written groups against the middles of all groups, which then follow them."""
        strength = self.options["classified"] * self._label_strength()
        if not strength:
            return []
        own, texts = self.prototypes.draw(count, self.rng)
        free = [i for i, text in enumerate(texts) if corpus.is_free(self.banned, text)]
        own, texts = own[free], [texts[i] for i in free]
        at = batch.add(self.tokenizer.ids([templates.framed(text, "zh", self.rng) for text in texts], MADE_TOKENS))

        def loss(out: Tensor) -> Tensor:
            value = self.prototypes.loss(out[at], own)
            self.prototypes.follow(out[at].detach(), own)
            return value

        return [("classified", strength, loss)]

    def _judged(self, batch: Batch, name: str, count: int) -> list[Any]:
        """Any two texts of a block that ask the same are to be nearer than any two of one block that do not."""
        strength = self.options[f"judged_{name}"] * self._label_strength()
        if not strength:
            return []
        blocks = self.rng.choices(self.judged[name], k=count)
        same, different = judged.pairs(blocks)
        if not same or not different:
            return []
        at = batch.add(self._ids([text for block in blocks for text in block.same + block.other]))

        def score(out: Tensor, pairs: list[tuple[int, int]]) -> Tensor:
            first, second = torch.tensor(pairs, device=self.device).T
            return (out[at][first] * out[at][second]).sum(-1)

        return [(f"judged {name}", strength, lambda out: losses.ranking(score(out, same), score(out, different)))]

    def _margin(self, wrong: Tensor, right: Tensor) -> Tensor:
        """softplus of how far the wrong cosines come up to the right ones, less a margin."""
        return torch.nn.functional.softplus(20 * (wrong - right + self.options["margin"])).mean()

    def _distilled_pairs(self, batch: Batch, lang: str, count: int) -> list[Any]:
        """Both sides of labelled pairs towards their targets, and the pairs' order: by the cosine of the targets, which
        the label moves up or down."""
        o, items = self.options, self.pool.kinds[f"label_{lang}"]
        rows = self.pool.draw(f"label_{lang}", count)
        a, b = (batch.add([items.ids[r][side] for r in rows]) for side in (0, 1))
        target_a, target_b = (self.tensor([items.target[r][side] for r in rows]) for side in (0, 1))
        label = torch.tensor([float(items.extra[r][2]) for r in rows], device=self.device)
        order = (target_a * target_b).sum(-1) + o["order_label"] * (label - 0.5)

        def cosine(out: Tensor) -> Tensor:
            return (losses.cosine_loss(out[a], target_a) + losses.cosine_loss(out[b], target_b)) / 2

        return [(f"lab {lang}", o["cosine_labelled"], cosine),
                (f"order {lang}", o["order"], lambda out: losses.cosent((out[a] * out[b]).sum(-1), order))]

    def _label_strength(self) -> float:
        return ramp(self.progress, self.options["label_start"], self.options["label_full"])

    def _labelled(self, batch: Batch, source: str, count: int) -> list[Any]:
        """CoSENT over pairs of one source, and paraphrases against spoilt copies."""
        items = self.pool.kinds[source]
        rows = self.pool.draw(source, count)
        a, b = (batch.add([items.ids[r][side] for r in rows]) for side in (0, 1))
        label = torch.tensor([items.extra[r].label for r in rows], device=self.device)
        o = self.options
        name = "sts" if source.startswith("stsb") else "en" if source.startswith(("mrpc", "sick")) else "zh"
        plan: list[Any] = [(f"cosent {name}", self._label_strength() * o[f"cosent_{name}"],
                            lambda out: losses.cosent((out[a] * out[b]).sum(-1), label))]
        strength = o["hard"] * self._label_strength()
        if name == "zh" and strength:
            same = [(i, items.extra[r].a) for i, r in enumerate(rows) if items.extra[r].label >= SAME_LABEL]
            bad = [(i, made) for i, text in same[:int(o["batch_hard"])]
                   if (made := negatives.harmful(text, "zh", self.rng)) is not None]
            if bad:
                plan.append(("hard3", strength, self._cross(batch, bad, a, a, b)))
        return plan

    def _source(self, sources: list[str]) -> str:
        """One of the sources, by chance, the larger ones more often."""
        sizes = [len(self.labelled[s]) ** 0.7 for s in sources]
        return self.rng.choices(sources, sizes)[0]

    def start_prototypes(self) -> None:
        self.encoder.eval()

        def encode(texts: list[str]) -> Tensor:
            ids = self.tokenizer.ids(texts, MADE_TOKENS)
            return torch.from_numpy(encoding.vectors(self.encoder, ids, False)).to(self.device)

        self.prototypes.start(encode, self.rng)

    def save(self, path: Path) -> None:
        state = {"model": self.encoder.state_dict(), "optimizer": self.optimizer.state_dict(), "step": self.step,
                 "texts": self.texts, "progress": self.progress, "means": self.means, "rng": self.rng.getstate(),
                 "pool_rng": self.pool.rng.getstate(), "queues": self.pool.queues}
        partial = path.with_suffix(".partial")
        torch.save(state, partial)
        partial.rename(path)

    def resume(self, path: Path) -> None:
        state = torch.load(path, weights_only=False, map_location=self.device)
        self.encoder.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        for group, peak in zip(self.optimizer.param_groups, build_optimizer(self.encoder, self.options).param_groups):
            group["peak"] = peak["peak"]
        self.step, self.texts, self.progress = state["step"], state["texts"], state["progress"]
        self.means = state["means"]
        self.rng.setstate(state["rng"])
        self.pool.rng.setstate(state["pool_rng"])


class Log:
    """One JSON object a line in log.jsonl, a readable line on the terminal."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, **values: Any) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")
        print(" ".join(f"{k} {v}" for k, v in values.items()), flush=True)


def measure(trainer: Trainer, log: Log, limit: int) -> None:
    folder = trainer.config.evaluation
    if folder is None:
        return
    trainer.encoder.eval()
    scores = encoding.quick_scores(trainer.encoder, trainer.tokenizer, folder, limit)
    log.write(step=trainer.step, progress=round(trainer.progress, 3),
              scores={k: f"{a:.1f}/{b:.1f}" for k, (a, b) in scores.items()},
              mean=f"{np.mean([s[0] for s in scores.values()]):.2f}/{np.mean([s[1] for s in scores.values()]):.2f}")


def run(trainer: Trainer, minutes: float, log: Log, checkpoint: Path) -> None:
    """Steps until the deadline; reports, checkpoints, measures on the way. SIGTERM, ^C: a checkpoint, then the end."""
    o = trainer.options
    stop: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, _: stop.append(got))
    clock = time.monotonic
    deadline = clock() + 60 * minutes
    last = saved = measured = reported = clock()
    texts = trainer.texts
    while not stop and trainer.progress < 1 and clock() < deadline:
        trainer.train_step()
        now = clock()
        trainer.progress += (1 - trainer.progress) * min(1.0, (now - last) / max(deadline - last, 1e-9))
        last = now
        if now - reported > 60 * o["report_minutes"]:
            rate = (trainer.texts - texts) / (now - reported)
            log.write(step=trainer.step, texts=trainer.texts, rate=round(rate, 1), progress=round(trainer.progress, 3),
                      minutes_left=round((deadline - now) / 60, 1), chunks=len(trainer.pool.seen),
                      losses={k: round(v, 3) for k, v in trainer.means.items()})
            reported, texts = now, trainer.texts
            if trainer.pool.refresh():
                trainer.pool.forget_queues()
        if now - saved > 60 * o["save_minutes"]:
            trainer.save(checkpoint)
            saved = clock()
        if now - measured > 60 * o["measure_minutes"]:
            measure(trainer, log, int(o["measure_pairs"]))
            measured = clock()
    trainer.save(checkpoint)
    if not stop:
        measure(trainer, log, int(o["measure_pairs"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, default=Path(__file__).parent / "configs" / "default.toml")
    parser.add_argument("--minutes", type=float, required=True, help="wall-clock time up to the end of the schedule")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--again", action="store_true", help="a finished run goes on with a new schedule")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    config = settings.load(args.config)
    trainer = Trainer(config)
    checkpoint = config.cache / "checkpoint.pt"
    if checkpoint.exists():
        trainer.resume(checkpoint)
    if args.again and trainer.progress >= 1:
        trainer.progress = 0.0
    trainer.start_prototypes()
    log = Log(config.cache / "log.jsonl")
    log.write(begin=time.strftime("%H:%M:%S"), step=trainer.step, progress=round(trainer.progress, 3),
              minutes=args.minutes, chunks=len(trainer.pool.seen))
    if trainer.step == 0:
        measure(trainer, log, int(trainer.options["measure_pairs"]))
    run(trainer, args.minutes, log, checkpoint)


if __name__ == "__main__":
    main()
