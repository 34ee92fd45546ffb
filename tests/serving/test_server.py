"""The server of a model: what it answers, and what it does with everything else."""

from __future__ import annotations

import base64
import http.client
import io
import json
import socket
import threading
import time

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import load_iris

import netwright as nw
from netwright.core.errors import InvalidData
from netwright.serving.answering import Answering, plain
from netwright.serving.server import Limits, Server

X, Y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[Y]


@pytest.fixture(scope="module")
def flowers():
    return nw.Classifier("ReLU(8) >> Softmax(3)", epochs=5, random_state=0).fit(X, NAMES)


@pytest.fixture(scope="module")
def digits():
    images, labels = nw.data.load_digits()
    return nw.Classifier("Flatten() >> Softmax(10)", epochs=2, random_state=0).fit(images, labels)


@pytest.fixture
def serve():
    """Starts a server and gives a function that asks it; all are stopped at the end."""
    running = []

    def start(model, **limits):
        server = Server(Answering(model), ("127.0.0.1", 0), Limits(**limits))
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        running.append(server)
        return server

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


def ask(server, method="POST", path="/predict", body=b"", kind="application/json", **headers):
    """The status, the body as JSON, and the heads."""
    connection = http.client.HTTPConnection(*server.server_address[:2], timeout=20)
    given = {"Content-Type": kind} | {name.replace("_", "-"): text for name, text in headers.items()}
    if isinstance(body, (dict, list)):
        body = json.dumps(body).encode()
    connection.request(method, path, body, {name: text for name, text in given.items() if text is not None})
    reply = connection.getresponse()
    content = reply.read()
    connection.close()
    heads = dict(reply.getheaders())
    return reply.status, json.loads(content) if "json" in heads["Content-Type"] else content.decode(), heads


def raw(server, sent, wait=10.0):
    """What comes back for bytes as they are."""
    with socket.create_connection(server.server_address[:2], timeout=wait) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        found = b""
        while part := connection.recv(65536):
            found += part
    return found


def png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def test_rows_and_what_the_model_is(flowers, serve):
    server = serve(flowers)
    status, found, heads = ask(server, body={"rows": X[::40].tolist()})
    assert status == 200
    assert found["predictions"] == flowers.predict(X[::40]).tolist()
    np.testing.assert_array_equal(np.array(found["probabilities"]), flowers.predict_proba(X[::40]))
    assert heads["X-Content-Type-Options"] == "nosniff"
    status, about, _ = ask(server, "GET", "/model")
    assert (status, about["takes"], about["columns"]) == (200, "rows", ["x0", "x1", "x2", "x3"])
    assert about["classes"] == ["setosa", "versicolor", "virginica"]
    assert ask(server, "GET", "/health")[1] == {"ok": True}
    assert ask(server, body={"rows": [dict(zip(about["columns"], X[0].tolist(), strict=True))]})[0] == 200


def test_frames_with_texts_and_missing_values(serve):
    frame = pd.DataFrame({"age": [20.0, 31, None, 44] * 10, "town": ["Rome", "Oslo", "Rome", None] * 10})
    model = nw.Regressor(epochs=3, random_state=0).fit(frame, np.arange(40.0))
    server = serve(model)
    rows = [{"town": "Rome", "age": 20}, {"age": None, "town": "Oslo"}, {"town": None, "age": 44.0}]
    status, found, _ = ask(server, body={"rows": rows})
    assert status == 200, found
    table = pd.DataFrame({"age": [20.0, None, 44.0], "town": ["Rome", "Oslo", None]})
    assert found["predictions"] == model.predict(table).tolist()
    status, found, _ = ask(server, body={"rows": [{"age": 3, "twon": "Rome"}]})
    assert (status, "Did you mean 'town'?" in found["error"]) == (400, True)


def test_frames_with_dates(serve):
    when = np.datetime64("2020-01-01") + np.arange(40)
    frame = pd.DataFrame({"a": np.linspace(0, 1, 40), "when": when})
    model = nw.Regressor(epochs=3, random_state=0).fit(frame, np.arange(40.0))
    texts = ["2020-01-05", "2020-01-05T12:00:00", None]
    table = pd.DataFrame({"a": [0.1, 0.2, 0.3], "when": np.array([t or "NaT" for t in texts], dtype="datetime64[s]")})
    wanted = model.predict(table).tolist()
    assert model.predict(table.assign(when=texts)).tolist() == wanted
    status, found, _ = ask(serve(model), body={"rows": [[a, t] for a, t in zip(table["a"], texts, strict=True)]})
    assert (status, found.get("predictions")) == (200, wanted), found
    status, found, _ = ask(serve(model), body={"rows": [[0.1, "2020-01-05"], [0.1, None], [0.1, "soon"], [0.1, 3]]})
    assert (status, "column 'when'" in found["error"], "got 'soon' at row 2" in found["error"]) == (400, True, True)


@pytest.mark.parametrize("number", ["1" + "0" * 400, "-1" + "0" * 400, "1e400"])
def test_frames_with_numbers_that_are_too_large(number, serve):
    frame = pd.DataFrame({"a": np.linspace(0, 1, 40)})
    model = nw.Regressor(epochs=1, random_state=0).fit(frame, np.arange(40.0))
    status, found, _ = ask(serve(model), body=f'{{"rows": [{{"a": {number}}}]}}'.encode())
    sign = "-" if number[0] == "-" else ""
    assert (status, f"got {sign}inf" in found["error"]) == (400, True), found


def test_images_as_json_and_as_they_are(digits, serve):
    server = serve(digits)
    picture = (np.asarray(nw.data.load_digits()[0][3][0]) * 255).round().astype(np.uint8)
    file = png(picture)
    wanted = digits.predict_proba(picture[None, None].astype(np.float32) / 255)
    for body, kind in (({"images": [base64.b64encode(file).decode()]}, "application/json"), (file, "image/png")):
        status, found, _ = ask(server, body=body, kind=kind)
        assert status == 200, found
        np.testing.assert_allclose(found["probabilities"], wanted, atol=1e-6)
    big = png(np.kron(picture, np.ones((10, 10), np.uint8)))  # resized as load_images does it
    assert (
        ask(server, body=big, kind="image/png")[1]["predictions"]
        == digits.predict(wanted[:0] if 0 else picture[None, None] / 255).tolist()
    )
    assert ask(server, "GET", "/model")[1]["shape"] == [1, 8, 8]


def test_texts_tags_and_objects(serve):
    words = [["the", "dog"], ["a", "cat"], ["the", "cat"]] * 5
    tagger = nw.sequence.SequenceTagger(epochs=1, random_state=0).fit(words, [["D", "N"]] * 15)
    assert len(ask(serve(tagger), body={"texts": ["the cat", "dog"]})[1]["predictions"][0]) == 2
    texts = nw.sequence.TextClassifier(epochs=1, random_state=0).fit(["good film", "bad film"] * 10, ["+", "-"] * 10)
    status, found, _ = ask(serve(texts), body={"texts": ["good film"]})
    assert (status, set(found)) == (200, {"predictions", "classes", "probabilities"})


def test_models_that_cannot_be_asked():
    with pytest.raises(InvalidData, match=r"serving: expected a model that predicts from rows, images .*, got GAN"):
        Answering(nw.vision.GAN(steps=2, random_state=0).fit(X))


BAD = {
    "no JSON": (b"{", "JSON: Expecting"),
    "no text": (b"\xff\xfe", "JSON: 'utf-8' codec"),
    "NaN": (b'{"rows": [[NaN, 1, 2, 3]]}', "JSON: expected numbers, got NaN. null stands"),
    "infinity": (b'{"rows": [[1e999, 1, 2, 3]]}', "infinity"),
    "deep": (b"[" * 100_000, "JSON"),
    "a list": ([1], 'question: expected {"rows": [...]}'),
    "another key": ({"path": "/etc/passwd"}, "got the keys ['path']"),
    "more keys": ({"rows": [[1, 2, 3, 4]], "model": "x"}, "got the keys ['model', 'rows']"),
    "no list": ({"rows": 3}, "expected a list with one at least"),
    "nothing": ({"rows": []}, "expected a list with one at least"),
    "too many": ({"rows": [[1, 2, 3, 4]] * 51}, "expected at most 50, got 51"),
    "narrow": ({"rows": [[1, 2, 3]]}, "row 0: expected a list of 4"),
    "ragged": ({"rows": [[1, 2, 3, 4], [1]]}, "row 1: expected a list of 4"),
    "a text": ({"rows": [["a", 2, 3, 4]]}, "row 0, column 'x0': expected a number"),
    "null": ({"rows": [[None, 2, 3, 4]]}, "row 0, column 'x0': expected a number"),
    "true": ({"rows": [[True, 2, 3, 4]]}, "expected a number"),
    "an object": ({"rows": [[{}, 2, 3, 4]]}, "expected a number, a text or null"),
    "a huge number": (b'{"rows": [[' + b"9" * 400 + b", 1, 2, 3]]}", "infinity"),
    "a longer one": (b'{"rows": [[' + b"9" * 5000 + b", 1, 2, 3]]}", "JSON: Exceeds the limit"),
    "unknown column": ({"rows": [{"x0": 1, "x1": 1, "x2": 1, "x4": 1}]}, "'x4'"),
}


@pytest.mark.parametrize("name", BAD)
def test_questions_that_cannot_be(name, flowers, serve):
    body, text = BAD[name]
    server = serve(flowers, rows=50)
    status, found, heads = ask(server, body=body)
    assert (status, set(found)) == (400, {"error"})
    assert text in found["error"]
    assert found["error"].count("JSON:") <= 1
    assert "Traceback" not in found["error"]
    assert heads["Connection"] == "close"
    assert ask(server, body={"rows": X[:1].tolist()})[0] == 200


def test_images_that_cannot_be(digits, serve):
    server = serve(digits)
    bomb = png(np.zeros((1, 1), np.uint8)).replace(
        b"\x00\x00\x00\x01\x00\x00\x00\x01", b"\x00\x01\x00\x00\x00\x01\x00\x00", 1
    )
    for body, kind, text in (
        (b"no image", "image/png", "a png, jpg, bmp, gif or webp"),
        (b"", "image/png", "a png, jpg, bmp, gif or webp"),
        (bomb, "image/png", "image"),
        ({"images": ["%%%"]}, "application/json", "base64"),
        ({"images": [3]}, "application/json", "expected a text"),
        ({"images": ["/etc/passwd"]}, "application/json", "image 0"),
    ):
        status, found, _ = ask(server, body=body, kind=kind)
        assert (status, text in found["error"]) == (400, True), found


@pytest.mark.parametrize(
    ("status", "asked"),
    [
        (404, {"method": "GET", "path": "/../../etc/passwd"}),
        (404, {"method": "GET", "path": "/model.nw"}),
        (404, {"path": "/"}),
        (405, {"method": "GET"}),
        (405, {"method": "DELETE"}),
        (405, {"method": "PUT", "path": "/model"}),
        (405, {"method": "OPTIONS"}),
        (415, {"kind": "application/x-pickle", "body": b"\x80\x04."}),
        (415, {"kind": None, "body": b"{}"}),
        (403, {"body": b"{}", "Host": "evil.example"}),
        (403, {"body": b"{}", "Origin": "http://evil.example"}),
        (413, {"body": b" " * 200_000}),
        (411, {"body": None, "Transfer_Encoding": "chunked"}),
    ],
)
def test_everything_else_has_a_status(status, asked, flowers, serve):
    server = serve(flowers, megabytes=0.1)
    got, found, heads = ask(server, **asked)
    assert (got, set(found)) == (status, {"error"}), found
    assert "Python" not in heads["Server"]
    assert ask(server, body={"rows": X[:1].tolist()})[0] == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GARBAGE\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 505),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\n" + b"".join(b"A%d: b\r\n" % i for i in range(200)) + b"\r\n", 431),
        (b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
        (b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0x10\r\n\r\n", 400),
        (b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + b"9" * 300 + b"\r\n\r\n", 400),
    ],
)
def test_bytes_that_are_no_question(sent, status, flowers, serve):
    server = serve(flowers)
    found = raw(server, sent)
    assert found.startswith(b"HTTP/1.1 %d " % status), found[:200]
    assert b'{"error": ' in found
    assert ask(server, body={"rows": X[:1].tolist()})[0] == 200


@pytest.mark.parametrize(
    ("target", "heads", "status", "text"),
    [
        ("/model", "Host: LocalHost", 200, "takes"),
        ("/model", "Host: LOCALHOST:80\r\nOrigin: http://localhost:80", 200, "takes"),
        ("http://127.0.0.1:80/model", "Host: 127.0.0.1:80", 200, "takes"),
        ("HTTP://LocalHost/model?x=http://a", "Host: evil.example", 200, "takes"),  # the target is above the head
        ("http://[::1]:80/health", "Host: [::1]:80\r\nOrigin: http://[::1]:80", 200, '"ok": true'),
        ("http://localhost", "Host: localhost", 200, "<html"),
        ("http://localhost?a/b", "Host: localhost", 200, "<html"),
        ("http://localhost/other", "Host: localhost", 404, "expected /, /model"),
        ("http://evil.example/model", "Host: localhost", 403, "Host"),
        ("http://localhost@evil.example/model", "Host: localhost", 403, "Host"),
        ("http:///model", "Host: localhost", 403, "Host"),
        ("http://localhost/model", "Host: localhost\r\nOrigin: http://evil.example", 403, "Origin"),
        ("/model", "Host: Evil.example", 403, "Host"),
    ],
)
def test_names_of_this_machine_and_whole_addresses(target, heads, status, text, flowers, serve):
    found = raw(serve(flowers), f"GET {target} HTTP/1.1\r\n{heads}\r\nConnection: close\r\n\r\n".encode())
    assert found.startswith(b"HTTP/1.1 %d " % status), found[:300]
    assert text.encode() in found


def test_questions_that_do_not_come_and_end_early(flowers, serve, capfd):
    server = serve(flowers, seconds=0.5)
    with socket.create_connection(server.server_address[:2], timeout=10) as slow:
        slow.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{")
        begin = time.monotonic()
        for _ in range(20):  # a byte now and then does not prolong it
            time.sleep(0.1)
            try:
                slow.sendall(b" ")
            except OSError:
                break
        assert slow.recv(4096).startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - begin < 9
    assert raw(server, b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{") == b""
    assert ask(server, body={"rows": X[:1].tolist()})[0] == 200
    assert "Traceback" not in capfd.readouterr().err


def test_too_many_connections(flowers, serve):
    server = serve(flowers, connections=2, seconds=5)
    first = [socket.create_connection(server.server_address[:2], timeout=10) for _ in range(2)]
    time.sleep(0.3)
    with socket.create_connection(server.server_address[:2], timeout=10) as third:
        assert third.recv(4096).startswith(b"HTTP/1.1 503 ")
    for connection in first:
        connection.close()
    time.sleep(0.3)
    assert ask(server, body={"rows": X[:1].tolist()})[0] == 200


def test_a_model_that_fails_tells_the_operator_only(flowers, serve, capfd, monkeypatch):
    server = serve(flowers)
    monkeypatch.setattr(server.answering, "answer", lambda *given: 1 / 0)
    status, found, _ = ask(server, body={"rows": X[:1].tolist()})
    assert (status, found) == (500, {"error": "this model failed"})
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_the_page_has_no_links_and_a_policy(flowers, serve):
    server = serve(flowers)
    status, text, heads = ask(server, "GET", "/")
    assert status == 200
    policy = heads["Content-Security-Policy"]
    nonce = policy.split("script-src 'nonce-")[1].split("'")[0]
    assert f'<script nonce="{nonce}">' in text
    assert "NONCE" not in text
    assert "http://" not in text and "https://" not in text and "innerHTML" not in text  # noqa: PT018
    assert ask(server, "GET", "/")[2]["Content-Security-Policy"] != policy


def test_lines_of_the_log_are_plain(flowers):
    lines = []
    with Server(Answering(flowers), ("127.0.0.1", 0), log=lines.append) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        raw(server, b"GET /\x1b[31m HTTP/1.1\r\nHost: localhost\r\n\r\n")
        server.shutdown()
    assert lines
    assert all(line.isprintable() for line in lines)


def test_plain_data():
    given = {"a": np.array([1.0, np.nan]), 2: (np.int64(3), np.True_), "c": [np.str_("x"), None, np.float32(np.inf)]}
    assert plain(given) == {"a": [1.0, None], "2": [3, True], "c": ["x", None, None]}
