"""Against a running rosim: ROSIM_URL, ROSIM_API_KEY, and ROSIM (the binary, with the model in ROSIM_MODEL).

`make clients-test` sets them.
"""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
import tempfile
import threading
import unittest
from collections.abc import AsyncIterator, Iterator
from contextlib import redirect_stderr
from pathlib import Path

import numpy as np

from rosim_client import (
    ApiError,
    AsyncClient,
    Client,
    InvalidRequest,
    NotAllowed,
    NotFound,
)

TEXTS = ["今天天气不错", "今天天气很好", "A man is playing a guitar.", "naïve café 🎸", "a"]


def command_line_vectors(*options: str) -> np.ndarray:
    """What `rosim embed` writes: the same model by another way."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vectors.npy"
        command = [os.environ["ROSIM"], "embed", "--model", os.environ["ROSIM_MODEL"], "--precision", "f32", *options]
        lines = "".join(text + "\n" for text in TEXTS).encode()
        subprocess.run([*command, "-o", str(path)], input=lines, check=True, stderr=subprocess.DEVNULL)
        loaded: np.ndarray = np.load(path)
        return loaded


class Served(unittest.TestCase):
    client: Client
    vectors: np.ndarray

    @classmethod
    def setUpClass(cls) -> None:
        cls.client = Client()
        cls.vectors = command_line_vectors()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.client.close()

    def test_vectors_equal_the_command_lines_bit_for_bit(self) -> None:
        got = self.client.embed(TEXTS)
        self.assertEqual(got.dtype, np.float32)
        self.assertEqual(got.tobytes(), self.vectors.tobytes())

    def test_batches_do_not_change_a_vector(self) -> None:
        self.assertEqual(self.client.embed(TEXTS, batch=2).tobytes(), self.vectors.tobytes())

    def test_linear_attention_gives_the_command_lines_vectors_too(self) -> None:
        wanted = command_line_vectors("--attention", "linear")
        self.assertEqual(self.client.embed(TEXTS, attention="linear").tobytes(), wanted.tobytes())

    def test_three_forms_agree_with_numpy(self) -> None:
        wanted = self.vectors @ self.vectors.T
        pairs = self.client.pairs([(TEXTS[0], TEXTS[1]), (TEXTS[2], TEXTS[3])])
        np.testing.assert_allclose(pairs.scores, [wanted[0, 1], wanted[2, 3]], atol=2e-6)
        many = self.client.one_to_many(TEXTS[0], TEXTS[1:])
        np.testing.assert_allclose(many.scores, wanted[0, 1:], atol=2e-6)
        matrix = self.client.matrix(TEXTS[:2], TEXTS)
        self.assertEqual(matrix.scores.shape, (2, 5))
        np.testing.assert_allclose(matrix.scores, wanted[:2], atol=2e-6)
        self.assertAlmostEqual(self.client.similarity(TEXTS[0], TEXTS[1]), float(wanted[0, 1]), delta=2e-6)

    def test_answers_carry_what_was_used_and_lost(self) -> None:
        got = self.client.pairs([("a " * 600, "b")])
        self.assertEqual(got.usage.texts, 2)
        self.assertEqual(got.usage.truncated[0].input, "pairs[0].a")
        self.assertGreater(got.usage.truncated[0].tokens, got.usage.truncated[0].kept)
        self.assertEqual(got.attention, "softmax")
        self.assertTrue(got.request_id)

    def test_nearest_ranks_as_numpy_does(self) -> None:
        wanted = np.argsort(-(self.vectors[:1] @ self.vectors.T)[0])[:3].tolist()
        got = self.client.nearest(TEXTS[:1], TEXTS, top_k=3)
        self.assertEqual([found.index for found in got.rows[0]], wanted)
        self.assertEqual([f.index for f in self.client.nearest(TEXTS[:1], TEXTS, threshold=0.9999).rows[0]], [0])
        with self.assertRaises(ValueError):
            self.client.nearest(["a"], ["b"])

    def test_rank_puts_the_best_first(self) -> None:
        got = self.client.rank("今天天气很好", ["股市下跌", "今天天气不错"], return_texts=True, abstain_below=-1000)
        self.assertEqual([c.index for c in got.results], [1, 0])
        self.assertEqual(got.results[0].text, "今天天气不错")
        self.assertFalse(got.abstain)
        self.assertTrue(self.client.rank("a", ["b", "c"], abstain_below=1000).abstain)
        self.assertIsNone(self.client.rank("a", ["b"]).results[0].margin)

    def test_dedup_groups_copies_across_blocks(self) -> None:
        texts = [f"sentence number {i} about nothing" for i in range(3)] + ["今天天气不错"] * 2 + ["a b c", "a b c"]
        self.assertEqual(self.client.duplicate_groups(texts, threshold=0.99999), [[3, 4], [5, 6]])
        got = self.client.dedup(texts, threshold=0.99999, representative="first", return_texts=True)
        self.assertEqual([[m.index for m in group.members] for group in got.groups], [[3, 4], [5, 6]])
        self.assertEqual([group.representative for group in got.groups], [3, 5])
        self.assertTrue(all(m.exact and m.text == "a b c" for m in got.groups[1].members))
        self.assertEqual(got.keep, (0, 1, 2, 3, 5))

    def test_the_servers_groups_and_ours_are_the_same(self) -> None:
        texts = [f"{what} number {i}" for i in range(6) for what in ("order", "parcel", "my order")] + TEXTS
        for threshold in (0.7, 0.8, 0.9, 0.95):
            got = self.client.dedup(texts, threshold=threshold)
            groups = [sorted(m.index for m in group.members) for group in got.groups]
            self.assertEqual(groups, self.client.duplicate_groups(texts, threshold=threshold))

    def test_calibrations_are_made_used_and_deleted(self) -> None:
        alike = [
            ("How do I reset my password?", "I forgot my password"),
            ("Where is my order?", "Track my parcel"),
            ("Can I pay by card?", "Do you take credit cards?"),
            ("When do you open?", "Your opening hours?"),
        ]
        other = [(a, b) for (a, _), (_, b) in zip(alike, alike[1:] + alike[:1], strict=True)]
        labelled: list[tuple[str, str, int | None]] = [(a, b, 1) for a, b in alike]
        labelled += [(a, b, 0) for a, b in other]
        made = self.client.calibrate([*labelled, ("x", "y", None)], id="python-test", precision=0.9)
        self.assertEqual((made.id, made.matches, made.others), ("python-test", 4, 4))
        try:
            self.assertIn("python-test", [c.id for c in self.client.calibrations()])
            self.assertEqual(self.client.calibration("python-test").raw["weights"], made.raw["weights"])
            got = self.client.pairs(alike[:2], calibration="python-test")
            assert got.probabilities is not None
            self.assertEqual(got.probabilities.shape, (2,))
            self.assertTrue(((got.probabilities > 0) & (got.probabilities < 1)).all())
            streamed = list(self.client.stream(alike, calibration="python-test"))
            self.assertAlmostEqual(streamed[0].probability or 0, float(got.probabilities[0]), delta=1e-6)
        finally:
            self.client.delete_calibration("python-test")
        with self.assertRaises(NotFound):
            self.client.calibration("python-test")
        with self.assertRaises(ValueError):
            self.client.calibration("../models")

    def test_models_say_what_they_were_trained_for(self) -> None:
        model = self.client.models()[0]
        self.assertEqual(model.dimensions, self.vectors.shape[1])
        self.assertIn("softmax", model.attention)

    def test_errors_carry_code_param_and_request_id(self) -> None:
        with self.assertRaises(InvalidRequest) as caught:
            self.client.pairs([("a", "b"), ("a", "")])
        self.assertEqual((caught.exception.status, caught.exception.code), (422, "empty_input"))
        self.assertEqual(caught.exception.param, "pairs[1].b")
        self.assertRegex(caught.exception.request_id or "", r"^\w+")
        self.assertIn("empty_input", str(caught.exception))

    def test_openais_errors_have_a_request_id_too_and_indices_of_the_whole(self) -> None:
        with self.assertRaises(InvalidRequest) as caught:
            self.client.embed(["a", "b", "c", ""], batch=2)
        self.assertEqual((caught.exception.code, caught.exception.param), ("empty_input", "input[3]"))
        self.assertTrue(caught.exception.request_id)

    def test_a_wrong_key_is_not_allowed(self) -> None:
        with Client(api_key="wrong") as stranger, self.assertRaises(NotAllowed) as caught:
            stranger.similarity("a", "b")
        self.assertEqual(caught.exception.code, "unauthorized")

    def test_an_unknown_model_is_not_found(self) -> None:
        with self.assertRaises(NotFound) as caught:
            self.client.similarity("a", "b", model="nobody")
        self.assertEqual(caught.exception.code, "model_not_found")

    def test_one_string_is_not_a_list_of_strings(self) -> None:
        with self.assertRaises(TypeError):
            self.client.embed("abc")
        with self.assertRaises(TypeError):
            self.client.matrix(["a"], "abc")


class Bulk(unittest.TestCase):
    def setUp(self) -> None:
        self.client = Client()

    def tearDown(self) -> None:
        self.client.close()

    def test_a_stream_gives_every_score_in_order(self) -> None:
        pairs = [(TEXTS[i % 5], TEXTS[(i * 2 + 1) % 5]) for i in range(57)]
        wanted = self.client.pairs(pairs).scores
        got = list(self.client.stream(pairs, batch=8, in_flight=3))
        self.assertEqual([one.index for one in got], list(range(57)))
        np.testing.assert_array_equal(np.array([one.score for one in got], dtype=np.float32), wanted)

    def test_a_bad_pair_is_one_error_and_the_rest_is_scored(self) -> None:
        pairs = [("a", "b")] * 5 + [("a", "")] + [("a", "b")] * 4 + [("", "b")]
        got = list(self.client.stream(pairs, batch=4))
        self.assertEqual([one.index for one in got if one.error], [5, 10])
        self.assertEqual([one.error.param for one in got if one.error], ["pairs[5].b", "pairs[10].a"])
        self.assertTrue(all((one.score != one.score) == (one.error is not None) for one in got))

    def test_no_more_is_taken_than_fits_in_flight(self) -> None:
        taken = 0

        def endless() -> Iterator[tuple[str, str]]:
            nonlocal taken
            while True:
                taken += 1
                yield "a", "b"

        stream = self.client.stream(endless(), batch=4, in_flight=2)
        for _ in range(9):
            next(stream)
        self.assertLessEqual(taken, 4 * (3 + 2))

    def test_what_stops_the_whole_is_raised(self) -> None:
        with self.assertRaises(ApiError) as caught:
            list(self.client.stream([("a", "b")], metric="unheard of"))
        self.assertEqual(caught.exception.param, "metric")

    def test_a_bar_is_drawn_on_request(self) -> None:
        shown = io.StringIO()
        with redirect_stderr(shown):
            list(self.client.stream([("a", "b")] * 10, batch=5, progress=True))
        self.assertIn("100%  10 pairs", shown.getvalue())
        quiet = io.StringIO()
        with redirect_stderr(quiet):
            list(self.client.stream([("a", "b")] * 10))
        self.assertEqual(quiet.getvalue(), "")

    def test_threads_share_a_client(self) -> None:
        wanted = self.client.embed(TEXTS).tobytes()
        got: list[bytes] = []
        threads = [threading.Thread(target=lambda: got.append(self.client.embed(TEXTS).tobytes())) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(got, [wanted] * 8)


class Asynchronous(unittest.IsolatedAsyncioTestCase):
    async def test_every_method_gives_what_the_blocking_client_gives(self) -> None:
        async with AsyncClient() as client:
            with Client() as plain:
                self.assertEqual((await client.embed(TEXTS)).tobytes(), plain.embed(TEXTS).tobytes())
                self.assertEqual(await client.similarity("a", "b"), plain.similarity("a", "b"))
                np.testing.assert_array_equal(
                    (await client.matrix(TEXTS, TEXTS)).scores, plain.matrix(TEXTS, TEXTS).scores
                )
                np.testing.assert_array_equal(
                    (await client.one_to_many("a", TEXTS)).scores, plain.one_to_many("a", TEXTS).scores
                )
                self.assertEqual((await client.rank("a", TEXTS)).results, plain.rank("a", TEXTS).results)
                self.assertEqual(
                    (await client.nearest(["a"], TEXTS, top_k=2)).rows, plain.nearest(["a"], TEXTS, top_k=2).rows
                )
                self.assertEqual(await client.duplicate_groups(["a", "a"]), [[0, 1]])
                self.assertEqual((await client.dedup(["a", "a"])).keep, (0,))
                self.assertEqual(await client.models(), plain.models())
                self.assertEqual(await client.calibrations(), plain.calibrations())

    async def test_requests_run_at_the_same_time(self) -> None:
        async with AsyncClient() as client:
            scores = await asyncio.gather(*(client.similarity("a", text) for text in TEXTS * 4))
        self.assertEqual(scores[:5], scores[5:10])

    async def test_a_stream_from_an_asynchronous_source(self) -> None:
        async def source() -> AsyncIterator[tuple[str, str]]:
            for i in range(25):
                await asyncio.sleep(0)
                yield "a", TEXTS[i % 5]

        async with AsyncClient() as client:
            got = [one async for one in client.stream(source(), batch=4)]
            plain = [one async for one in client.stream([("a", TEXTS[i % 5]) for i in range(25)], batch=7)]
        self.assertEqual([one.index for one in got], list(range(25)))
        self.assertEqual([one.score for one in got], [one.score for one in plain])

    async def test_errors_are_the_same(self) -> None:
        async with AsyncClient() as client:
            with self.assertRaises(InvalidRequest):
                await client.similarity("a", "")


if __name__ == "__main__":
    unittest.main()
