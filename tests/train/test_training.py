"""Tests of weights/train: `make train-test`. Needs the training environment and a built rosim (ROSIM names it).

The student in PyTorch against the C encoder, both attentions; the losses against their explicit forms and finite
differences; the corpus against the evaluation sets; storage; the schedule of a run that was interrupted.
"""

from __future__ import annotations

import lzma
import os
import random
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "weights" / "train"))
import born_again  # noqa: E402
import corpus  # noqa: E402
import evaluate  # noqa: E402
import export  # noqa: E402
import judge  # noqa: E402
import judged  # noqa: E402
import losses  # noqa: E402
import mean  # noqa: E402
import model  # noqa: E402
import negatives  # noqa: E402
import optimizer  # noqa: E402
import phrases  # noqa: E402
import pool  # noqa: E402
import prototypes  # noqa: E402
import targets  # noqa: E402
import templates  # noqa: E402
import written  # noqa: E402

ROSIM = os.environ.get("ROSIM", str(ROOT / "build/release/rosim"))
CORPUS = Path(os.environ.get("CORPUS", ROOT / "../shared/data/corpus"))
EVALUATION = Path(os.environ.get("STS", ROOT / "../shared/data/sts"))
DEFAULT = ROOT / "weights/default"
TEXTS = ["今天天气不错", "a", "How do I reset my password?", "如何更换花呗绑定银行卡", "The cat sat on the mat. " * 20,
         "混合 mixed 文本 with 123 numbers，与标点。", "股市今天大幅下跌，投资者纷纷抛售。" * 12]


class Architecture(unittest.TestCase):
    """The student and the server compute the same vectors."""

    def test_vectors_equal_the_c_encoder_to_1e_5(self) -> None:
        encoder = model.load(DEFAULT).double().eval()
        tokenizer = pool.StudentTokenizer(DEFAULT)
        for linear, kind in ((False, "softmax"), (True, "linear")):
            with tempfile.TemporaryDirectory() as folder:
                out = Path(folder) / "vectors.npy"
                subprocess.run([ROSIM, "embed", "--model", str(DEFAULT), "--precision", "f32", "--attention", kind,
                                "-o", str(out)], input="\n".join(TEXTS).encode(), check=True)
                served = np.load(out)
            for row, ids in zip(served, tokenizer.ids(TEXTS, pool.LONG_TOKENS)):
                mask = torch.ones(1, len(ids), dtype=torch.bool)
                with torch.no_grad():
                    own = encoder(torch.tensor([ids]), mask, linear)[0].numpy()
                self.assertLess(np.abs(own - row).max(), 1e-5, kind)

    def test_a_folded_map_is_the_map_of_the_vectors(self) -> None:
        encoder = model.load(DEFAULT).double().eval()
        ids = pool.StudentTokenizer(DEFAULT).ids(TEXTS[:1], pool.LONG_TOKENS)
        spread = torch.tensor(np.random.default_rng(5).normal(size=(384, 384)))

        def vector() -> np.ndarray:
            with torch.no_grad():
                return encoder(torch.tensor(ids), torch.ones(1, len(ids[0]), dtype=torch.bool), False)[0].numpy()

        expected = targets.unit(spread.numpy() @ vector())
        encoder.load_state_dict(mean.fold(encoder.state_dict(), spread))
        self.assertLess(np.abs(vector() - expected).max(), 1e-9)

    def test_sharpness_multiplies_the_scores_of_softmax_and_leaves_linear_attention(self) -> None:
        encoder = model.load(ROOT / "weights" / "default")
        before = encoder.state_dict()
        attention = encoder.encoder.layer[0].attention.self
        x = torch.randn(1, 7, before["encoder.layer.0.attention.self.query.weight"].shape[1])
        scores, features = [], []
        for factor in (1.0, 1.25):
            encoder.load_state_dict(mean.sharpened(before, factor))
            query = attention._heads(attention.query(x))
            scores.append(query @ attention._heads(attention.key(x)).transpose(-1, -2))
            features.append(query @ attention.linear_query_map)
        self.assertLess((scores[1] - 1.25 * scores[0]).abs().max().item(), 1e-4 * scores[0].abs().max().item())
        self.assertLess((features[1] - features[0]).abs().max().item(), 1e-4 * features[0].abs().max().item())

    def test_padding_changes_nothing(self) -> None:
        encoder = model.load(DEFAULT).double().eval()
        ids = pool.StudentTokenizer(DEFAULT).ids(TEXTS[:1], 64)[0]
        padded = torch.tensor([ids + [0] * 9])
        mask = torch.tensor([[True] * len(ids) + [False] * 9])
        with torch.no_grad():
            for linear in (False, True):
                alone = encoder(torch.tensor([ids]), mask[:, :len(ids)], linear)
                self.assertLess(float((encoder(padded, mask, linear) - alone).abs().max()), 1e-12)


class Losses(unittest.TestCase):
    def setUp(self) -> None:
        torch.manual_seed(1)
        self.a, self.b = (torch.nn.functional.normalize(torch.randn(9, 8, dtype=torch.float64), dim=-1)
                          for _ in range(2))

    def test_flat_nce_is_minus_the_logit_of_the_positives_probability(self) -> None:
        score = 20 * self.a @ self.b.T
        logit = [torch.logit(score.softmax(d).diagonal()) for d in (1, 0)]
        self.assertAlmostEqual(float(losses.flat_nce(self.a, self.b)), -float(torch.cat(logit).mean()), places=9)

    def test_cosent_is_its_sum_over_ordered_pairs(self) -> None:
        score = (self.a * self.b).sum(1)
        label = torch.tensor([0, 1, 2, 3, 4, 5, 0, 1, 5], dtype=torch.float64)
        total = 1 + sum(torch.exp(20 * (score[i] - score[j])) for i in range(9) for j in range(9)
                        if label[j] > label[i])
        self.assertAlmostEqual(float(losses.cosent(score, label)), float(torch.log(total)), places=9)

    def test_separation_is_cosent_of_two_labels(self) -> None:
        score = (self.a * self.b).sum(1)
        label = torch.tensor([0, 1, 1, 0, 0, 1, 0, 0, 1], dtype=torch.float64)
        self.assertAlmostEqual(float(losses.separation(score, label == 1, label == 0)),
                               float(losses.cosent(score, label)), places=9)

    def test_ranking_bounds_the_share_of_pairs_in_the_wrong_order(self) -> None:
        same, different = torch.tensor([0.3, 0.7, 0.9]), torch.tensor([0.1, 0.5, 0.8, 0.75])
        wrong = np.mean([float(d > s) for d in different for s in same])
        loss = float(losses.ranking(same, different, 1e4)) / 1e4
        excess = np.mean([max(0.0, float(d - s)) for d in different for s in same])
        self.assertAlmostEqual(loss, excess, places=4)
        self.assertTrue(0 < wrong < 1)
        for scale in (1.0, 20.0, 1e4):
            self.assertGreaterEqual(float(losses.ranking(same, different, scale)) / np.log(2), wrong)
        self.assertLess(float(losses.ranking(same + 1, different)), 1e-2)

    def test_classification_is_the_own_classs_share_of_those_that_count(self) -> None:
        score = self.a @ self.b.T
        own = torch.tensor([3, 1, 4, 1, 5, 0, 2, 6, 8])
        counts = torch.rand(9, 9) < 0.5
        expected = []
        for i in range(9):
            among = {int(own[i])} | set(torch.nonzero(counts[i]).flatten().tolist())
            share = torch.exp(30 * score[i])[sorted(among)]
            expected.append(-torch.log(torch.exp(30 * score[i, own[i]]) / share.sum()))
        self.assertAlmostEqual(float(losses.classification(score, own, counts)), float(torch.stack(expected).mean()),
                               places=9)

    def test_gradients_agree_with_finite_differences(self) -> None:
        for loss in (losses.cosine_loss, losses.flat_nce,
                     lambda s, t: losses.relation_loss(s, t, 0.05)):
            self.assertTrue(torch.autograd.gradcheck(loss, (self.a.clone().requires_grad_(), self.b)))


class Data(unittest.TestCase):
    @unittest.skipUnless(CORPUS.is_dir() and EVALUATION.is_dir(), "corpus or evaluation sets are not there")
    def test_no_evaluation_text_is_in_the_corpus(self) -> None:
        banned = corpus.evaluation_keys(EVALUATION)
        self.assertGreater(len(banned), 30000)
        for path in sorted(CORPUS.glob("*.xz")):
            found = sum(corpus.comparison_key(part) in banned for line in corpus.lines(path)
                        for part in line.split("\t"))
            self.assertEqual(found, 0, path.name)

    def test_evaluation_texts_are_left_out_whatever_their_dress(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "x.dev.tsv").write_text("1\tＨｏｗ are you？\t你好吗\n", encoding="utf-8")
            banned = corpus.evaluation_keys(Path(folder))
            with lzma.open(Path(folder) / "zh-paraphrase.tsv.xz", "wt", encoding="utf-8") as file:
                file.write("1\t你好 吗！\t早上好\tatec\n1\t您好\t早上好\tatec\n")
            with lzma.open(Path(folder) / "en-pairs.tsv.xz", "wt", encoding="utf-8") as file:
                file.write("4\thow are you\tfine\tstsb-en-train\n")
            with lzma.open(Path(folder) / "pairs.zh-en.tsv.xz", "wt", encoding="utf-8") as file:
                file.write("a\tb\n")
            kept = corpus.labelled_sets(Path(folder), banned)
        self.assertEqual({name: len(pairs) for name, pairs in kept.items()}, {"atec": 1})

    def test_spoilt_copies_differ(self) -> None:
        rng = random.Random(1)
        for text, lang in (("我喜欢北京", "zh"), ("The man is not playing with 3 dogs", "en")):
            for _ in range(20):
                self.assertNotEqual(negatives.harmful(text, lang, rng), text)

    def test_triples_are_three_texts_of_which_none_is_the_published_ones(self) -> None:
        rng = random.Random(1)
        published = {corpus.comparison_key(text) for triple in evaluate.PUBLISHED for text in triple}
        for lang in ("zh", "en"):
            for make in templates.MADE.values():
                for _ in range(3000):
                    made = make(lang, rng)
                    self.assertEqual(len(set(made)), 3, made)
                    self.assertFalse(published & {corpus.comparison_key(text) for text in made})

    @unittest.skipUnless(EVALUATION.is_dir(), "evaluation sets are not there")
    def test_no_template_makes_an_evaluation_text(self) -> None:
        banned = corpus.evaluation_keys(EVALUATION)
        rng = random.Random(2)
        found = {text for _ in range(60000) for lang in ("zh", "en") for make in templates.MADE.values()
                 for text in make(lang, rng) if corpus.comparison_key(text) in banned}
        self.assertEqual(found, set())

    def test_a_joined_triple_changes_one_clause(self) -> None:
        rng = random.Random(3)
        for _ in range(500):
            for lang in ("zh", "en"):
                text, same, other = templates.joined(lang, rng)
                self.assertEqual(len({text, same, other}), 3)
                if lang == "zh":
                    self.assertEqual(set(text), set(other))             # the same words, two names exchanged

    def test_symmetric_names_change_places(self) -> None:
        rng = random.Random(4)
        for lang in ("zh", "en"):
            for _ in range(200):
                text, same, other = templates.symmetric(phrases.SYMMETRIC[lang], lang, rng)
                self.assertEqual(text, other)
                self.assertEqual(sorted(text), sorted(same))
                self.assertNotEqual(text, same)

    def test_written_texts_have_no_faults(self) -> None:
        topics = written.read_all(written.FOLDER)
        self.assertGreater(sum(len(topic.groups) for topic in topics), 10000)
        self.assertEqual([fault for topic in topics for fault in written.faults(topic)], [])

    def test_faults_of_written_texts_are_named(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "x.txt"
            path.write_text("@city = 北京 | 上海\n去{city}\n(去|到{town}\n\n去{city}\n到{town}\n好(吗|)\n", encoding="utf-8")
            found = written.faults(written.read(path))
        self.assertEqual([fault.split(":")[0] for fault in found],
                         ["group 1 has 2 phrases", "group 1", "group 2 repeats a phrase of group 1", "group 2"])

    def test_a_cluster_is_pairs_of_neighbours_about_the_same_things(self) -> None:
        groups = [tuple(f"{number}{phrase}{{city}}(吗|)" for phrase in "甲乙丙") for number in range(30)]
        topic = written.Topic("x", groups, {"city": [f"城{number}" for number in range(20)]})
        rng, twice = random.Random(5), 0
        for _ in range(200):
            pairs = topic.cluster(4, rng)
            self.assertEqual(len(pairs), 4)
            asked, again = ([int(pair[side].split("甲")[0].split("乙")[0].split("丙")[0]) for pair in pairs]
                            for side in (0, 1))
            self.assertEqual(asked, again)
            self.assertLess(max(asked) - min(asked), 4)
            places = [[text.rstrip("吗").split("城")[1] for text in pair] for pair in pairs]
            self.assertTrue(all(first == second for first, second in places))
            by_group = {group: [place for other, (place, _) in zip(asked, places) if other == group] for group in asked}
            twice += any(len(found) == 2 for found in by_group.values())
            self.assertTrue(all(len(set(found)) == len(found) for found in by_group.values()))
        self.assertTrue(50 < twice < 190, twice)

    def test_prototypes_are_middles_that_follow_their_texts(self) -> None:
        topics = [written.Topic("near-a", [("甲", "乙", "丙"), ("{x}丁", "{x}戊", "己")], {"x": ["大", "小"]}),
                  written.Topic("near-b", [("庚", "庚", "庚")], {}), written.Topic("pay-a", [("辛", "壬", "癸")], {})]
        where = {text: torch.eye(8)[number] for number, text in enumerate("甲乙丙庚辛壬癸")}
        found = prototypes.Prototypes(topics)
        found.start(lambda texts: torch.stack([where[text] for text in texts]), random.Random(1))
        expected = torch.tensor([[1, 1, 1, 0, 0, 0, 0, 0], [0, 0, 0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1, 1, 0]])
        expected = torch.nn.functional.normalize(expected.float(), dim=-1)
        torch.testing.assert_close(found.middles, expected)
        own, texts = found.draw(300, random.Random(2))
        self.assertEqual({text: int(number) for number, text in zip(own, texts)},
                         {"甲": 0, "乙": 0, "丙": 0, "庚": 1, "辛": 2, "壬": 2, "癸": 2})
        before = found.middles
        found.follow(torch.eye(8)[[7]], torch.tensor([1]))
        self.assertEqual(float(before[1, 7]), 0)
        self.assertGreater(float(found.middles[1, 7]), 0.1)
        self.assertAlmostEqual(float(found.middles[1].norm()), 1, places=6)
        torch.testing.assert_close(found.middles[[0, 2]], before[[0, 2]])

    def test_a_near_middle_of_another_file_does_not_count(self) -> None:
        topics = [written.Topic(name, [("甲", "乙")] * groups, {}) for name, groups in
                  (("near-a", 2), ("near-b", 1), ("pay-a", 1))]
        found = prototypes.Prototypes(topics)
        found.start(lambda texts: torch.eye(4)[[0] * len(texts)], random.Random(1))

        def loss(cosines: list[float]) -> float:
            """Of a text of the first group, at these cosines to the other three middles."""
            found.middles = torch.tensor([[1.0, 0.0]] + [[c, (1 - c * c) ** 0.5] for c in cosines])
            return float(found.loss(torch.tensor([[1.0, 0.0]]), torch.tensor([0])))

        between = (prototypes.MAYBE_SAME_AREA + prototypes.MAYBE_SAME) / 2
        self.assertLess(loss([0, between, 0]), 1e-6)
        self.assertGreater(loss([0, 0, between]), 1e-3)
        for number, limit in ((0, None), (1, prototypes.MAYBE_SAME_AREA), (2, prototypes.MAYBE_SAME)):
            near = [[0.99 if i == number else 0.0 for i in range(3)], [0.0, 0.0, 0.0]]
            self.assertEqual(loss(near[0]) > 0.1, limit is None)
            if limit is not None:
                near[0][number] = limit - 0.02
                self.assertGreater(loss(near[0]), 2 * loss(near[1]))

    def test_born_again_targets_turn_the_second_teacher_towards_the_students_own(self) -> None:
        rng = np.random.default_rng(4)
        own = targets.unit(rng.normal(size=(200, 6))).astype(np.float32)
        turn, _ = np.linalg.qr(rng.normal(size=(8, 6)))
        with tempfile.TemporaryDirectory() as name:
            cache, start = Path(name), Path(name)
            (start / "model.safetensors").write_bytes(b"weights")
            place = born_again.folder(cache, start)
            (cache / "chunks").mkdir()
            place.mkdir()
            np.savez(place / "0000.npz", zh=own)
            np.savez(cache / "chunks" / "0000.npz", **{"zh.bge": own @ turn.T})
            made = born_again.BornAgain(cache, start, 0.5)
            second = targets.unit(rng.normal(size=(200, 6))) @ turn.T
            texts = ["怎么还款"] * 100 + ["今天还了款"] * 100
            found = made.target(cache / "chunks" / "0000.npz", "zh", second, texts)
            self.assertIsNone(made.target(cache / "chunks" / "0001.npz", "zh", second, texts))
        assert found is not None
        expected = targets.unit(own + np.repeat([[0.5], [0.0]], 100, 0) * (second @ turn))
        np.testing.assert_allclose(found, expected, atol=1e-5)

    def test_answers_of_readers_go_to_the_questions_they_were_shown(self) -> None:
        blocks = [("怎么还款", ["如何还款", "何时还款", "在哪还款"]), ("1 加 1", ["一加一是几", "二加二", "三"])]
        shown = judge.read_blocks(judge.written_blocks(blocks))
        self.assertEqual(shown, {1: ("怎么还款", dict(zip("abc", blocks[0][1]))),
                                 2: ("1 加 1", dict(zip("abc", blocks[1][1])))})
        found, faults = judge.answered(shown, "1 a?c\n\n2 - ?b\n")
        self.assertEqual(faults, [])
        self.assertEqual(found, [("怎么还款", [("如何还款", "+"), ("何时还款", "-"), ("在哪还款", "?")]),
                                 ("1 加 1", [("一加一是几", "-"), ("二加二", "?"), ("三", "-")])])
        for wrong in ("1 d\n2 -", "1 a?a\n2 -", "1 a", "x\n1 a\n2 b", "1 a\n1 b\n2 c"):
            self.assertNotEqual(judge.answered(shown, wrong)[1], [], wrong)

    def test_neighbours_in_other_words_share_few_of_them(self) -> None:
        texts = ["怎么提前还款", "如何提前还款", "不等到期先还行吗", "不等到期先还可以吗", "改绑定的卡"]
        scores = np.array([1.0, 0.9, 0.85, 0.8, 0.1])
        self.assertEqual(judge.neighbours(texts, scores, 0, False), [1, 2, 3])
        self.assertEqual(judge.neighbours(texts, scores, 0, True), [2])

    def test_judged_texts_are_found_by_their_hashes(self) -> None:
        line = judged.line("去哪？", [("到哪里", "+"), ("去不去", "-"), ("何处", "?"), ("上哪", "+")])
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "x.txt").write_text(line + "\n" + judged.line("没有", [("有", "-")]) + "\n", encoding="ascii")
            found = judged.read_all(Path(folder), ["去不去", "上 哪!", "去哪", "何处", "到哪里", "有"])
        blocks = found["x"]
        self.assertEqual(blocks, [judged.Block(("去哪", "到哪里", "上 哪!"), ("去不去",))])
        same, different = judged.pairs(blocks * 2)
        self.assertEqual(same, [(0, 1), (0, 2), (1, 2), (4, 5), (4, 6), (5, 6)])
        self.assertEqual(different, [(0, 3), (1, 3), (2, 3), (4, 7), (5, 7), (6, 7)])

    @unittest.skipUnless(EVALUATION.is_dir() and CORPUS.is_dir(), "corpus or evaluation sets are not there")
    def test_judged_texts_are_in_the_corpus_and_not_in_the_evaluation(self) -> None:
        banned = corpus.evaluation_keys(EVALUATION)
        texts = list(filter(corpus.is_question, corpus.lines(CORPUS / "zh.txt.xz")))
        lines = sum(judged.SAME in line or judged.OTHER in line for path in judged.FOLDER.glob("*.txt")
                    for line in path.read_text(encoding="ascii").splitlines())
        found = judged.read_all(judged.FOLDER, texts)
        self.assertEqual(sum(map(len, found.values())), lines)
        self.assertGreater(lines, 5000)
        self.assertEqual([text for blocks in found.values() for block in blocks for text in block.same + block.other
                          if not corpus.is_free(banned, text)], [])

    @unittest.skipUnless(EVALUATION.is_dir(), "evaluation sets are not there")
    def test_no_written_text_is_an_evaluation_text(self) -> None:
        banned = corpus.evaluation_keys(EVALUATION)
        topics = written.read_all(written.FOLDER)
        found = {text for text in written.texts(topics, 400000, random.Random(6))
                 if corpus.comparison_key(text) in banned}
        self.assertEqual(found, set())

    def test_nearest_rows_are_those_of_a_full_sort(self) -> None:
        vectors = targets.unit(np.random.default_rng(2).normal(size=(50, 6)))
        score = vectors @ vectors.T - 3 * np.eye(50)
        found = pool.nearest(vectors, list(range(50)), 4)
        self.assertEqual([set(row) for row in found.tolist()],
                         [set(row) for row in np.argsort(score, axis=1)[:, -4:].tolist()])

    def test_ranks_are_those_of_spearman(self) -> None:
        rng = np.random.default_rng(1)
        a, b = rng.integers(0, 9, 200).astype(float), rng.normal(size=200)

        def ranks(x: np.ndarray) -> np.ndarray:
            return np.array([(x < v).sum() + ((x == v).sum() - 1) / 2 for v in x])

        self.assertAlmostEqual(evaluate.spearman(a.tolist(), b.tolist()),
                               float(np.corrcoef(ranks(a), ranks(b))[0, 1]), places=12)


class Storage(unittest.TestCase):
    def test_int8_rows_err_by_no_more_than_half_a_step(self) -> None:
        torch.manual_seed(1)
        weight = torch.randn(50, 64)
        rows, scale = export.quantize_rows(weight)
        error = (rows.float() * scale[:, None] - weight).abs()
        inside = weight.abs() <= 127 * scale[:, None]
        self.assertLessEqual(float((error / scale[:, None])[inside].max()), 0.5 + 1e-4)
        step = weight.abs().amax(1, keepdim=True) / 127
        plain = (weight / step).round() * step
        self.assertLessEqual(float(error.square().sum()), float((plain - weight).square().sum()))

    def test_a_rotation_of_the_second_teacher_is_undone(self) -> None:
        rng = np.random.default_rng(1)
        e5 = targets.unit(rng.normal(size=(500, 16)) + 1)
        turn, _ = np.linalg.qr(rng.normal(size=(16, 16)))
        shift = e5.mean(0) / 2
        side = targets.fit_side(shift, e5, (targets.unit(e5 - shift)) @ turn, 0.8)
        wanted = targets.unit(e5 - shift)
        self.assertGreater(float((side.target(e5, wanted @ turn) * wanted).sum(1).min()), 0.9999)

    def test_soft_whitening_evens_the_variances_by_its_strength(self) -> None:
        rng = np.random.default_rng(1)
        vectors = rng.normal(size=(5000, 16)) * np.linspace(1, 4, 16) @ np.linalg.qr(rng.normal(size=(16, 16)))[0]

        def ratio(strength: float) -> float:
            variances = np.linalg.eigvalsh(np.cov((vectors @ targets.soft_whitening(vectors, strength)).T))
            return float(variances[-1] / variances[0])

        # 16 : 1 before, and 16 ** (1 - strength) after; FLOOR and the sampling keep it from the exact figure.
        for strength in (0.0, 0.25, 0.5, 1.0):
            self.assertAlmostEqual(np.log2(ratio(strength)), 4 * (1 - strength), delta=0.4)

    def test_both_languages_share_one_whitening(self) -> None:
        rng = np.random.default_rng(1)
        vectors = {f"{kind}.{teacher}": targets.unit(rng.normal(size=(400, 16)) * np.linspace(1, 3, 16))
                   for kind in ("zh", "en", "pair_zh", "pair_en") for teacher in ("e5", "bge", "minilm")}
        sides = targets.fit(vectors, (0.8, 0.5), 0.25)
        np.testing.assert_array_equal(sides["zh"].spread, sides["en"].spread)
        self.assertGreater(float(np.linalg.norm(sides["zh"].spread - np.eye(16))), 0.1)


class Schedule(unittest.TestCase):
    def test_the_rate_warms_up_and_falls_to_almost_nothing(self) -> None:
        encoder = model.Encoder(model.Shape(20, 8, 1, 2, 16, 2, 1e-12))
        made = optimizer.build_optimizer(encoder, {"rate": 1.0, "weight_decay": 0.01, "maps_rate_factor": 2.0})
        rates = []
        for step, progress in ((0, 0.0), (9, 0.0), (500, 0.5), (999, 1.0)):
            optimizer.set_rate(made, step, progress, 10)
            rates.append([group["lr"] for group in made.param_groups])
        np.testing.assert_allclose(rates, [[.1, .1, .2], [1, 1, 2], [.5, .5, 1], [.005, .005, .01]])


if __name__ == "__main__":
    unittest.main()
