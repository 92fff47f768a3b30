"""Retries, broken connections and giving up, against a server that plays them: no rosim needed."""

from __future__ import annotations

import asyncio
import json
import pickle
import socket
import threading
import time
import unittest
from collections.abc import Callable
from email.utils import formatdate

from rosim_client import AsyncClient, Client, ConnectionFailed, InvalidAnswer, NotFound, Overloaded, ServerFault
from rosim_client.transport import retry_after_seconds

GOOD = json.dumps(
    {"object": "similarity", "model": "m", "attention": "softmax", "scores": [0.5], "usage": {"texts": 2, "tokens": 6}}
)
Turn = Callable[[socket.socket], None]


def says(status: int, body: str, *headers: str, close: bool = False) -> Turn:
    """One answer."""
    fields = [*headers, f"Content-Length: {len(body.encode())}", *(["Connection: close"] if close else [])]
    text = f"HTTP/1.1 {status} X\r\n" + "".join(field + "\r\n" for field in fields) + "\r\n" + body
    return lambda connection: connection.sendall(text.encode())


def drops(connection: socket.socket) -> None:
    """No answer at all."""
    connection.shutdown(socket.SHUT_RDWR)


class Played:
    """Takes its turns in order, one a request, over as many connections as come."""

    def __init__(self, *turns: Turn) -> None:
        self.turns = list(turns)
        self.requests: list[bytes] = []
        self.times: list[float] = []
        self.connections = 0
        self.left = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self) -> Played:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _read(self, connection: socket.socket) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                return b""
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            (int(h.split(b":")[1]) for h in head.split(b"\r\n") if h.lower().startswith(b"content-length")), 0
        )
        while len(body) < length:
            body += connection.recv(65536)
        return head + b"\r\n\r\n" + body

    def _run(self) -> None:
        while self.turns:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                while self.turns and (request := self._read(connection)):
                    self.requests.append(request)
                    self.times.append(time.monotonic())
                    turn = self.turns.pop(0)
                    turn(connection)
                    if turn is drops or getattr(turn, "ends", False):
                        break


REFUSAL = json.dumps({"error": {"code": "overloaded", "message": "full", "param": None, "request_id": "r1"}})


class Retries(unittest.TestCase):
    def test_503_and_429_are_sent_again(self) -> None:
        with Played(says(503, REFUSAL), says(429, REFUSAL), says(200, GOOD)) as server, Client(server.url) as client:
            self.assertEqual(client.similarity("a", "b"), 0.5)
            self.assertEqual(len(set(server.requests)), 1)

    def test_retry_after_is_honoured(self) -> None:
        with Played(says(503, REFUSAL, "Retry-After: 1"), says(200, GOOD)) as server, Client(server.url) as client:
            client.similarity("a", "b")
            self.assertGreaterEqual(server.times[1] - server.times[0], 1.0)

    def test_but_never_longer_than_max_pause(self) -> None:
        turns = says(503, REFUSAL, "Retry-After: 3600"), says(200, GOOD)
        with Played(*turns) as server, Client(server.url, max_pause=0.1) as client:
            client.similarity("a", "b")
            self.assertLess(server.times[1] - server.times[0], 1.0)

    def test_in_the_end_the_refusal_is_raised(self) -> None:
        turns = [says(503, REFUSAL, "Retry-After: 0", "x-request-id: r1")] * 3
        with Played(*turns) as server, Client(server.url, retries=2) as client:
            with self.assertRaises(Overloaded) as caught:
                client.similarity("a", "b")
            self.assertEqual(len(server.requests), 3)
        got = caught.exception
        self.assertEqual((got.status, got.code, got.request_id, got.retry_after), (503, "overloaded", "r1", 0.0))
        again = pickle.loads(pickle.dumps(got))
        self.assertEqual((type(again), str(again), again.code), (Overloaded, str(got), "overloaded"))

    def test_other_failures_are_not_sent_again(self) -> None:
        with Played(says(500, "")) as server, Client(server.url) as client, self.assertRaises(ServerFault):
            client.similarity("a", "b")

    def test_a_kept_connection_that_went_away_is_replaced(self) -> None:
        def ends(connection: socket.socket) -> None:
            says(200, GOOD)(connection)

        ends.ends = True  # type: ignore[attr-defined]
        with Played(ends, says(200, GOOD)) as server, Client(server.url, retries=0) as client:
            client.similarity("a", "b")
            time.sleep(0.05)
            self.assertEqual(client.similarity("a", "b"), 0.5)
            self.assertEqual(server.connections, 2)

    def test_connections_are_kept(self) -> None:
        with Played(*[says(200, GOOD)] * 3) as server, Client(server.url) as client:
            for _ in range(3):
                client.similarity("a", "b")
            self.assertEqual(server.connections, 1)

    def test_a_dropped_connection_is_tried_again(self) -> None:
        with Played(drops, says(200, GOOD)) as server, Client(server.url) as client:
            self.assertEqual(client.similarity("a", "b"), 0.5)

    def test_nobody_listens(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        with Client(f"http://127.0.0.1:{port}", retries=1) as client, self.assertRaises(ConnectionFailed):
            client.similarity("a", "b")

    def test_a_timeout_is_raised_once(self) -> None:
        turn = lambda connection: time.sleep(0.6)  # noqa: E731
        with Played(turn) as server, Client(server.url, timeout=0.2) as client:
            with self.assertRaisesRegex(ConnectionFailed, "timed out"):
                client.similarity("a", "b")
            self.assertEqual(len(server.requests), 1)

    def test_an_answer_of_something_else_is_said_to_be_one(self) -> None:
        for body in ("<html>", "{}", "[]", '{"object": "similarity", "scores": "x"}'):
            with (
                Played(says(200, body)) as server,
                Client(server.url) as client,
                self.assertRaises(InvalidAnswer, msg=body),
            ):
                client.similarity("a", "b")

    def test_a_proxys_page_is_an_error_with_its_status(self) -> None:
        with Played(says(502, "<html>bad gateway</html>")) as server, Client(server.url) as client:
            with self.assertRaises(ServerFault) as caught:
                client.similarity("a", "b")
            self.assertEqual(caught.exception.status, 502)

    def test_a_header_is_seconds_or_a_date(self) -> None:
        now = 1_800_000_000.0
        for value, wanted in (("2", 2.0), ("0.5", 0.5), (formatdate(now + 7, usegmt=True), 7.0), ("soon", None)):
            self.assertEqual(retry_after_seconds(value, now), wanted)
        self.assertEqual(retry_after_seconds(formatdate(now - 7, usegmt=True), now), 0.0)
        self.assertIsNone(retry_after_seconds(None, now))

    def test_urls_and_keys_are_checked_at_once(self) -> None:
        for url in ("localhost:8080", "ftp://a", "http://"):
            with self.assertRaises(ValueError, msg=url):
                Client(url)
        with self.assertRaises(ValueError):
            Client("http://localhost", api_key="a\r\nb")

    def test_a_path_before_the_routes_is_kept(self) -> None:
        with Played(says(200, GOOD)) as server, Client(server.url + "/rosim/", api_key="k") as client:
            client.similarity("a", "b")
            self.assertTrue(server.requests[0].startswith(b"POST /rosim/v1/similarity "))
            self.assertIn(b"Authorization: Bearer k\r\n", server.requests[0])


def line(number: int, **fields: object) -> str:
    return json.dumps({"line": number, **fields}) + "\n"


def bad(code: str, param: str | None) -> dict[str, object]:
    return {"code": code, "message": f"{param}: {code}", "param": param, "request_id": "r2"}


class Lines(unittest.TestCase):
    PAIRS = (("a", "b"), ("c", "d"), ("e", "f"))

    def test_lines_that_found_the_queue_full_are_sent_again(self) -> None:
        first = line(2, score=0.5) + line(3, error=bad("overloaded", None)) + line(4, error=bad("overloaded", None))
        with Played(says(200, first), says(200, line(2, score=0.25) + line(3, score=0.125))) as server:
            with Client(server.url) as client:
                got = [one.score for one in client.stream(self.PAIRS, metric="dot")]
            self.assertEqual(got, [0.5, 0.25, 0.125])
            body = server.requests[1].split(b"\r\n\r\n")[1].decode().splitlines()
            sent = [json.loads(one) for one in body]
            self.assertEqual(sent, [{"options": {"metric": "dot"}}, ["c", "d"], ["e", "f"]])
            self.assertIn(b"application/x-ndjson", server.requests[1])

    def test_in_the_end_overload_is_raised(self) -> None:
        turns = [says(200, line(2, error=bad("overloaded", None)))] * 2
        with Played(*turns) as server, Client(server.url, retries=1) as client, self.assertRaises(Overloaded):
            list(client.stream([("a", "b")]))

    def test_an_error_of_everybody_is_raised(self) -> None:
        answer = says(200, line(2, error=bad("model_not_found", "model")))
        with Played(answer) as server, Client(server.url) as client, self.assertRaises(NotFound) as caught:
            list(client.stream([("a", "b")]))
        self.assertEqual((caught.exception.status, caught.exception.request_id), (404, "r2"))

    def test_an_error_of_a_pair_is_its_own(self) -> None:
        body = line(2, score=1) + line(3, error=bad("empty_input", "line[3].b")) + line(4, score=0)
        with Played(says(200, body)) as server, Client(server.url) as client:
            got = list(client.stream(self.PAIRS))
        self.assertEqual([one.error and one.error.param for one in got], [None, "pairs[1].b", None])

    def test_lines_that_are_missing_are_no_answer(self) -> None:
        for body in ("", line(2, score=1), line(9, score=1), "<html>", "7", line(2)):
            with (
                Played(says(200, body)) as server,
                Client(server.url) as client,
                self.assertRaises(InvalidAnswer, msg=body),
            ):
                list(client.stream(self.PAIRS))


class GivingUp(unittest.IsolatedAsyncioTestCase):
    async def test_a_cancelled_task_leaves_its_connection(self) -> None:
        left = threading.Event()

        def waits(connection: socket.socket) -> None:
            connection.settimeout(5)
            if connection.recv(1) == b"":
                left.set()

        with Played(waits) as server:
            async with AsyncClient(server.url) as client:
                task = asyncio.create_task(client.similarity("a", "b"))
                while not server.requests:
                    await asyncio.sleep(0.01)
                task.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await task
                self.assertTrue(await asyncio.to_thread(left.wait, 5))

    async def test_a_pause_between_retries_ends_at_once(self) -> None:
        with Played(says(503, REFUSAL, "Retry-After: 20")) as server:
            client = AsyncClient(server.url)
            task = asyncio.create_task(client.similarity("a", "b"))
            while not server.requests:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
            begun = time.monotonic()
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task
            await client.aclose()
            client._threads.shutdown(wait=True)
            self.assertLess(time.monotonic() - begun, 2)


if __name__ == "__main__":
    unittest.main()
