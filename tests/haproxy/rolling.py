"""rolling.py BINARY - docker/haproxy.cfg without containers: a real HAProxy in front of two rosim on the loopback,
clients that ask without pause, and one restart after the other (SIGTERM, wait, start). Prints what became of the
requests; the status is 0 when every one was answered with 200 and the right score.

RESTARTS (100), CLIENTS (6) and HAPROXY_CFG from the environment. Half of the clients keep their connection, half open
one each time.
"""

from __future__ import annotations

import collections
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
DRAIN_DELAY_S = 2          # HAProxy's check comes every 0.5 s
TEXTS = [("今天天气不错", "今天天气很好"), ("A man is eating.", "Someone is having a meal."), ("a", "b")]


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server((HOST, 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def get(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def wait_for(what: str, seconds: float, holds) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if holds():
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise SystemExit(f"rolling: {what}: not within {seconds:.0f} s")


class Replica:
    def __init__(self, binary: str, port: int, log):
        self.command = [binary, "serve", "--model", str(ROOT / "weights/default"), "--host", HOST, "--port", str(port),
                        "--drain-delay", str(DRAIN_DELAY_S), "--threads", "1", "--precision", "f32",
                        "--log-level", "warn"]
        self.port, self.log = port, log
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, stderr=self.log)
        wait_for(f"replica on port {self.port}", 60, lambda: get(self.port, "/readyz")[0] == 200)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


class Client(threading.Thread):
    """Asks until told to stop. outcomes counts what came back, by name."""

    def __init__(self, port: int, keeps: bool, expected: list[float], stop: threading.Event):
        super().__init__(daemon=True)
        self.port, self.keeps, self.expected, self.stop = port, keeps, expected, stop
        self.outcomes: collections.Counter[str] = collections.Counter()

    def ask(self, connection: http.client.HTTPConnection, which: int) -> str:
        body = json.dumps({"pairs": [TEXTS[which]]}).encode()
        headers = {"Content-Type": "application/json"}
        if not self.keeps:
            headers["Connection"] = "close"
        connection.request("POST", "/v1/similarity", body, headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            return f"status {answer.status}"
        score = json.loads(text)["scores"][0]
        return "answered" if abs(score - self.expected[which]) < 1e-6 else "wrong score"

    def run(self) -> None:
        connection, turn = http.client.HTTPConnection(HOST, self.port, timeout=60), 0
        while not self.stop.is_set():
            turn += 1
            try:
                outcome = self.ask(connection, turn % len(TEXTS))
            except (OSError, http.client.HTTPException) as error:
                outcome = f"{type(error).__name__}"
                connection.close()
            if not self.keeps:
                connection.close()
            self.outcomes[outcome] += 1
            time.sleep(0.01)


def expected_scores(port: int) -> list[float]:
    connection = http.client.HTTPConnection(HOST, port, timeout=60)
    connection.request("POST", "/v1/similarity", json.dumps({"pairs": TEXTS}), {"Content-Type": "application/json"})
    return json.loads(connection.getresponse().read())["scores"]


def servers_up(stats_port: int) -> int:
    rows = get(stats_port, "/;csv")[1].decode().splitlines()
    return sum(1 for row in rows if row.startswith("rosim,rosim") and ",UP," in row)


def roll(replicas: list[Replica], front: int, stats: int, restarts: int, clients: int) -> bool:
    wait_for("both replicas in HAProxy", 30, lambda: servers_up(stats) == len(replicas))
    stop, started, ends = threading.Event(), time.monotonic(), collections.Counter()
    expected = expected_scores(front)
    crowd = [Client(front, i % 2 == 0, expected, stop) for i in range(clients)]
    for client in crowd:
        client.start()
    for i in range(restarts):
        replica = replicas[i % len(replicas)]
        ends[replica.stop()] += 1
        replica.start()
        wait_for("the replica in HAProxy again", 30, lambda: servers_up(stats) == len(replicas))
        if sys.stderr.isatty():
            print(f"\r{i + 1} of {restarts} restarts", end="", file=sys.stderr)
    stop.set()
    for client in crowd:
        client.join()
    total = sum((client.outcomes for client in crowd), collections.Counter())
    lost = sum(total.values()) - total["answered"]
    print(f"{restarts} rolling restarts in {time.monotonic() - started:.0f} s, {clients} clients: "
          f"{sum(total.values())} requests, {total['answered']} answered, {lost} lost")
    for name, count in sorted(total.items()):
        if name != "answered":
            print(f"  {name}: {count}")
    print("exit status of the servers: " + ", ".join(f"{status} ({count} times)" for status, count in ends.items()))
    return lost == 0 and set(ends) <= {0} and total["answered"] > restarts


def main() -> int:
    binary = str(Path(sys.argv[1]).resolve())
    restarts, clients = int(os.environ.get("RESTARTS", "100")), int(os.environ.get("CLIENTS", "6"))
    front, stats, *ports = free_ports(4)
    with open(os.environ["LOG"], "wb") if "LOG" in os.environ else tempfile.TemporaryFile() as log:
        replicas: list[Replica] = []
        environment = dict(os.environ, LISTEN=f"{HOST}:{front}", STATS=f"{HOST}:{stats}",
                           ROSIM_1=f"{HOST}:{ports[0]}", ROSIM_2=f"{HOST}:{ports[1]}")
        haproxy = None
        try:
            for port in ports:
                replicas.append(Replica(binary, port, log))
            config = os.environ.get("HAPROXY_CFG", str(ROOT / "docker/haproxy.cfg"))
            haproxy = subprocess.Popen(["haproxy", "-db", "-f", config], env=environment, stdout=log, stderr=log)
            good = roll(replicas, front, stats, restarts, clients)
        finally:
            for process in [haproxy] + [r.process for r in replicas]:
                if process and process.poll() is None:
                    process.terminate()
                    process.wait(timeout=60)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
