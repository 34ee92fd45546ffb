"""The page in a real browser: it shows the model, asks, and tells; driven over the browser's debugging pipe."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import subprocess
import threading
import time

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_iris

import netwright as nw
from netwright.serving.answering import Answering
from netwright.serving.server import Server

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [pytest.mark.slow, pytest.mark.skipif(BROWSER is None, reason="needs Chromium")]


class Browser:
    """One page of a headless browser."""

    def __init__(self, url, folder):
        (self._theirs_in, self._out), (self._in, self._theirs_out) = os.pipe(), os.pipe()

        def pipes():
            os.dup2(self._theirs_in, 3)
            os.dup2(self._theirs_out, 4)

        words = ["--headless", "--no-sandbox", "--remote-debugging-pipe", "--window-size=900,1000"]
        self._process = subprocess.Popen(
            [BROWSER, *words, f"--user-data-dir={folder}"],
            close_fds=False,
            preexec_fn=pipes,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._count, self._rest, self.told = 0, b"", []
        target = self._send("Target.createTarget", url="about:blank")["targetId"]
        self._session = None
        self._session = self._send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Runtime", "Log", "Page"):
            self._send(f"{domain}.enable")
        self._send("Page.navigate", url=url)

    def _send(self, method, **params):
        self._count += 1
        message = {"id": self._count, "method": method, "params": params}
        if getattr(self, "_session", None):
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self._rest:
                self._rest += os.read(self._in, 1 << 20)
            text, _, self._rest = self._rest.partition(b"\0")
            reply = json.loads(text)
            if reply.get("id") == self._count:
                assert "error" not in reply, reply
                return reply["result"]
            if reply.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown"):
                self.told.append(reply["params"])

    def run(self, code):
        """The value of an expression in the page."""
        found = self._send("Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait(self, code, seconds=30):
        """Until an expression is true."""
        end = time.monotonic() + seconds
        while not self.run(code):
            assert time.monotonic() < end, f"{code}: {self.run('document.body.innerText')}"
            time.sleep(0.05)

    def picture(self, path):
        """A PNG of the page."""
        path.write_bytes(base64.b64decode(self._send("Page.captureScreenshot")["data"]))

    def close(self):
        self._process.kill()
        self._process.wait()
        for pipe in (self._in, self._out, self._theirs_in, self._theirs_out):
            os.close(pipe)


@pytest.fixture
def opened(tmp_path):
    """Serves a model and opens its page."""
    running = []

    def open_page(model):
        server = Server(Answering(model), ("127.0.0.1", 0))
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        browser = Browser(server.url, tmp_path / "profile")
        running.append((server, browser))
        browser.wait("!document.getElementById('ask').hidden")
        return browser

    yield open_page
    for server, browser in running:
        browser.close()
        server.shutdown()
        server.server_close()


def test_a_row_is_typed(opened, tmp_path):
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "<b>virginica</b>"])[y]
    model = nw.Classifier("ReLU(8) >> Softmax(3)", epochs=40, random_state=0).fit(X, names)
    page = opened(model)
    assert page.run("document.querySelectorAll('[data-name]').length") == 4
    row = X[120].tolist()
    page.run(f"document.querySelectorAll('[data-name]').forEach((f, i) => f.value = {row}[i])")
    page.run("document.getElementById('ask').click()")
    page.wait("document.querySelectorAll('.bar').length === 3")
    page.picture(tmp_path / "row.png")
    assert page.run("document.getElementById('told').textContent") == model.predict(X[120:121])[0]
    assert page.run("document.querySelectorAll('#answer b').length") == 3  # of the bars: names are text, not HTML
    page.run("document.querySelector('[data-name]').value = 'long'")
    page.run("document.getElementById('ask').click()")
    page.wait("document.getElementById('told').className === 'wrong'")
    assert "row 0, column 'x0': expected a number" in page.run("document.getElementById('told').textContent")
    assert [entry for entry in page.told if "400" not in str(entry)] == []


def test_an_image_is_chosen_and_one_is_drawn(opened, tmp_path):
    images, labels = nw.data.load_digits()
    model = nw.Classifier("Flatten() >> ReLU(32) >> Softmax(10)", epochs=15, random_state=0).fit(images, labels)
    page = opened(model)
    picture = Image.fromarray((np.asarray(images[5][0]) * 255).round().astype(np.uint8))
    file = io.BytesIO()
    picture.save(file, "PNG")
    content = base64.b64encode(file.getvalue()).decode()
    page.run(
        f"""(async () => {{
          const bytes = Uint8Array.from(atob("{content}"), c => c.charCodeAt(0)), files = new DataTransfer();
          files.items.add(new File([bytes], "five.png", {{type: "image/png"}}));
          const chooser = document.getElementById("file");
          chooser.files = files.files; chooser.dispatchEvent(new Event("change"));
          document.getElementById("ask").click();
        }})()"""
    )
    page.wait("document.querySelectorAll('.bar').length === 10")
    assert page.run("document.getElementById('told').textContent") == str(model.predict(images[5:6])[0])
    page.picture(tmp_path / "image.png")
    page.run("document.getElementById('bars').replaceChildren()")
    page.run(
        """(() => { const pad = document.getElementById("pad"), r = pad.getBoundingClientRect();
          pad.setPointerCapture = () => {};
          const at = (kind, x, y) => pad.dispatchEvent(new PointerEvent(kind,
            {clientX: r.left + x, clientY: r.top + y, buttons: 1, pointerId: 1}));
          at("pointerdown", 110, 30); for (let y = 30; y < 190; y += 10) at("pointermove", 110, y);
          at("pointerup", 110, 190); })()"""
    )
    page.wait("document.querySelectorAll('.bar').length === 10")
    page.picture(tmp_path / "drawn.png")
    assert page.run("document.getElementById('told').textContent") in {"1", "4", "8", "9", "7", "3"}
    assert page.told == []
