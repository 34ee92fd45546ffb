"""The server of a model under load, on loopback: questions a second, their times, and malformed ones among them.

    python benchmarks/reliability/serve.py
    python benchmarks/reliability/serve.py --clients 32 --malformed 0.5

A process serves a small network; clients in another one ask over connections that stay open, as fast as they are
answered. A share of the questions is malformed in one of ten ways. Printed: answers a second, the median and the 99th
percentile of their times, how many right questions were not answered, how many malformed ones were not refused with
a status of 400 to 499, and the time of the model alone for the same rows.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from sklearn.datasets import load_iris

import netwright as nw

MALFORMED: list[tuple[str, str, bytes, str]] = [
    ("POST", "/predict", b"{", "application/json"),
    ("POST", "/predict", b'{"rows": [[NaN, 1, 2, 3]]}', "application/json"),
    ("POST", "/predict", b'{"rows": [[1, 2]]}', "application/json"),
    ("POST", "/predict", b"[" * 5000, "application/json"),
    ("POST", "/predict", b'{"rows": "x"}', "application/json"),
    ("POST", "/predict", b"\x80\x04\x95", "application/octet-stream"),
    ("POST", "/predict", b"{}", "text/plain"),
    ("POST", "/../model.nw", b"{}", "application/json"),
    ("DELETE", "/predict", b"", "application/json"),
    ("GET", "/etc/passwd", b"", "application/json"),
]


def client(port: int, seconds: float, share: float, rows: int, seed: int, found: Any) -> None:
    """Ask for some time; tell times of right questions, and what went wrong."""
    draw, X = random.Random(seed), load_iris().data.tolist()
    right = json.dumps({"rows": X[:rows]}).encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    times, lost, taken, refused = [], 0, 0, 0
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        wrong = draw.random() < share
        method, path, body, kind = draw.choice(MALFORMED) if wrong else ("POST", "/predict", right, "application/json")
        begin = time.perf_counter()
        try:
            connection.request(method, path, body, {"Content-Type": kind})
            reply = connection.getresponse()
            content = reply.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            lost += not wrong
            continue
        if wrong:
            refused += 400 <= reply.status < 500
            taken += not 400 <= reply.status < 500
        elif reply.status == 200 and len(json.loads(content)["predictions"]) == rows:
            times.append(time.perf_counter() - begin)
        else:
            lost += 1
    found.put((times, lost, taken, refused))


def main() -> None:
    """Serve, ask, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--malformed", type=float, default=0.2, help="share of the questions")
    parser.add_argument("--rows", type=int, default=1, help="of a question")
    asked = parser.parse_args()
    X, y = load_iris(return_X_y=True)
    model = nw.Classifier("ReLU(32) >> Softmax(3)", epochs=5, random_state=0).fit(X, y)
    begin = time.perf_counter()
    for _ in range(200):
        model.predict_proba(X[: asked.rows])
        model.predict(X[: asked.rows])
    alone = (time.perf_counter() - begin) / 200
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model.nw")
        words = [sys.executable, "-m", "netwright", "serve", f"{folder}/model.nw", "--port", "0", "--quiet"]
        server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        port = int(server.stdout.readline().split("http://127.0.0.1:")[1].split("/")[0])
        found: Any = multiprocessing.Queue()
        given = (port, asked.seconds, asked.malformed, asked.rows)
        clients = [threading.Thread(target=client, args=(*given, seed, found)) for seed in range(asked.clients)]
        for each in clients:
            each.start()
        results = [found.get() for _ in clients]
        for each in clients:
            each.join()
        server.terminate()
        status = server.wait(timeout=10)
    times = sorted(t for result in results for t in result[0])
    lost, taken, refused = (sum(result[i] for result in results) for i in (1, 2, 3))
    print(
        f"{asked.clients} clients, {asked.seconds:g} s, {asked.rows} rows a question, {asked.malformed:.0%} malformed"
    )
    print(f"{len(times) / asked.seconds:.0f} answers a second; median {1e3 * times[len(times) // 2]:.2f} ms, ", end="")
    print(f"99th percentile {1e3 * times[int(0.99 * len(times))]:.2f} ms")
    print(
        f"{lost} of {len(times) + lost} right questions not answered; {taken} of {taken + refused} malformed ones taken"
    )
    print(f"the model alone: {1e3 * alone:.2f} ms; status of the server at the end: {status}")


if __name__ == "__main__":
    main()
