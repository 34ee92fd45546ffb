"""Reports: the figures in them against other libraries, and the page as a browser sees it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

import netwright as nw
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.layers import Linear, Softmax, Tanh
from netwright.report import Evaluation, evaluate, write_report
from netwright.report.stored import open_run
from netwright.report.words import figures, percent

HOSTILE = ["<script>alert(1)</script>", "\"&amp;'", "$x_{", "</section><img src=x>", "a\nb", "数字", "$\\frac{1}$"]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
VOID = {"meta", "img", "br", "hr", "link", "input"}


class Page(HTMLParser):
    """Checks that elements are closed in order, and collects what a page holds."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def regressor() -> Any:
    X, y = points()
    return nw.Regressor(Tanh(8) >> Linear(1), epochs=3, random_state=0).fit(X, y)


def points() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    return X, 1e5 + 1e4 * X.sum(1) + rng.normal(size=120)


def page_of(path: Path) -> tuple[str, Page]:
    text = path.read_text(encoding="utf-8")
    return text, Page(text)


def require_self_contained(text: str, page: Page) -> None:
    """No outside address, no script, one file of less than a megabyte."""
    assert "http://" not in text
    assert "https://" not in text
    assert not {"script", "link", "iframe", "object", "embed", "base", "form"} & set(page.tags)
    for name, address in page.attributes:
        assert not name.startswith("on")
        if name in ("href", "src", "xlink:href", "data", "action"):
            assert (address or "").startswith(("#", "data:image/png;base64,"))
    assert not re.search(r"url\((?!#)", text)
    assert "@import" not in text
    assert len(text.encode()) < 1_000_000


# the page


def test_report_of_a_classifier(classifier: Any, evaluation: Evaluation, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    run = {"command": "netwright train digits", "data": {"source": "digits", "split": {"training": 300}}}
    write_report(classifier, path, test=evaluation, run=run)
    text, page = page_of(path)
    require_self_contained(text, page)
    for heading in ("Network", "Training", "Test rows", "Samples", "Inside the network", "Data", "Run", "Settings"):
        assert heading in page.text
    scores = evaluation.scores
    assert percent(scores["accuracy"]) in page.text
    assert percent(scores["error"]) in page.text
    assert "trained on 300 rows for 2 epochs" in page.text
    assert "digit from digits" in page.text
    assert "netwright train digits" in page.text
    assert f"{classifier.network_.summary().parameters:,}" in page.text
    assert repr(classifier.network_) in page.text
    assert "First-layer filters" in page.text
    assert "Activations for one sample" in page.text
    assert page.tags.count("img") == len(evaluation.shown)
    assert nw.__version__ in page.text
    labels = [value for name, value in page.attributes if name == "aria-label"]
    assert {"Training curves", "Update ratios", "Dead units", "Confusion matrix"} <= set(labels)
    first = path.read_bytes()
    write_report(classifier, path, test=evaluation, run=run)
    assert path.read_bytes() == first


def test_report_of_a_regressor(regressor: Any, tmp_path: Path) -> None:
    X, y = points()
    write_report(regressor, tmp_path / "report.html", test=(X, y), title="Houses & <homes>")
    text, page = page_of(tmp_path / "report.html")
    require_self_contained(text, page)
    assert "Houses & <homes>" in page.text
    assert "<title>Houses &amp; &lt;homes&gt;</title>" in text
    assert "test RMSE" in page.text
    assert "Test rows: residuals" in page.text
    assert "Dead units" not in page.text
    assert "Samples" not in page.text
    rmse = metrics.root_mean_squared_error(y, regressor.predict(X))
    assert figures(rmse) in page.text


def test_report_without_test_rows(classifier: Any, tmp_path: Path) -> None:
    write_report(classifier, tmp_path / "report.html")
    text, page = page_of(tmp_path / "report.html")
    require_self_contained(text, page)
    assert "test accuracy" not in page.text
    assert "Training" in page.text
    assert "First-layer filters" in page.text


def test_report_of_many_classes_and_of_all_right(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for classes in (30, 70):
        X = rng.normal(size=(140, 2))
        y = np.arange(140) % classes
        model = nw.Classifier(Softmax(classes), epochs=1, random_state=0).fit(X, y)
        said = model.predict(X)
        known = np.isin(np.arange(140), np.flatnonzero(said == said))
        write_report(model, tmp_path / "report.html", test=(X[known], said[known]))
        text, page = page_of(tmp_path / "report.html")
        require_self_contained(text, page)
        labels = [value for name, value in page.attributes if name == "aria-label"]
        assert ("Confusion matrix" in labels) == (classes == 30)
        assert "Worst mistakes" not in page.text


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    X = pandas.DataFrame(
        {HOSTILE[0]: rng.normal(size=60), HOSTILE[2]: rng.choice(HOSTILE, 60), "n": rng.normal(size=60)}
    )
    X.loc[::7, "n"] = np.nan
    y = rng.choice(HOSTILE, 60)
    model = nw.Classifier(epochs=2, random_state=0).fit(X, y)
    made = evaluate(model, {name: X[name].to_numpy() for name in X}, y, target=HOSTILE[3])
    run = {
        "command": HOSTILE[0],
        "data": {"source": HOSTILE[3], "columns": HOSTILE, "split": {HOSTILE[0]: 3, "x": None}, "shape": HOSTILE[0]},
        "versions": {HOSTILE[0]: HOSTILE[1]},
        "scores": {"validation": {"accuracy": "much"}},
        "finished": 3,
    }
    write_report(model, tmp_path / "report.html", test=made, run=run)
    text, page = page_of(tmp_path / "report.html")
    require_self_contained(text, page)
    assert "<script" not in text.lower()
    assert "<img src=x" not in text
    assert page.text.count(HOSTILE[0]) >= 4
    assert "'n' is missing in" in page.text
    assert Page(text).tags.count("section") == text.count("</section>")


@pytest.mark.slow
@pytest.mark.parametrize(
    "content", [{}, {"data": 3, "scores": [], "versions": None, "command": None}, {"data": {"rows": "x"}}]
)
def test_a_run_that_says_nothing(content: dict[str, Any], regressor: Any, tmp_path: Path) -> None:
    write_report(regressor, tmp_path / "report.html", run=content)
    text, page = page_of(tmp_path / "report.html")
    require_self_contained(text, page)
    assert "Regressor" in page.text


def test_what_cannot_be_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, classifier: Any, digits: Any) -> None:
    import torch

    path = tmp_path / "report.html"
    with pytest.raises(InvalidParameter, match="expected a run's folder or a fitted estimator, got Classifier"):
        write_report(nw.Classifier(), path)
    with torch.random.fork_rng(devices=[]):
        module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
    model = nw.Classifier(module, epochs=1, random_state=0).fit(*digits)
    with pytest.raises(InvalidParameter, match="expected a network made of layers, got a Sequential module"):
        write_report(model, path)
    with pytest.raises(InvalidData, match="a folder that `netwright train` wrote, got no such folder"):
        write_report(tmp_path / "nothing", path)
    with pytest.raises(InvalidData, match=r"got a folder without run\.json"):
        open_run(tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InvalidParameter, match=r"the package matplotlib, .* pip install 'netwright\[plots\]'"):
        write_report(classifier, path)
    assert not path.exists()


# the browser


@pytest.fixture
def browse(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs headless Chromium on a page, without any network."""
    if CHROMIUM is None:
        pytest.skip("needs chromium")

    def run(page: Path, *flags: str) -> subprocess.CompletedProcess[str]:
        fixed = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking"]
        offline = ["--host-resolver-rules=MAP * ~NOTFOUND", "--no-first-run", f"--user-data-dir={tmp_path / 'profile'}"]
        environment = {**os.environ, "HOME": str(tmp_path)}
        command = [CHROMIUM, *fixed, *offline, *flags, page.as_uri()]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=90, env=environment)

    return run


def test_the_browser_shows_the_page(
    classifier: Any, evaluation: Evaluation, tmp_path: Path, browse: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    image = pytest.importorskip("PIL.Image")
    write_report(classifier, tmp_path / "report.html", test=evaluation)
    shot = tmp_path / "report.png"
    browse(tmp_path / "report.html", f"--screenshot={shot}", "--window-size=1200,2600")
    with image.open(shot) as picture:
        assert picture.size == (1200, 2600)
        pixels = np.asarray(picture.convert("RGB"))
    colours = np.unique(pixels.reshape(-1, 3), axis=0)
    assert len(colours) > 500
    assert (pixels[:, :20] == 255).all(), "nothing runs out of the margin at the left"
    assert (pixels[:, -20:] == 255).all(), "nothing runs out of the margin at the right"
    for part in np.split(pixels, 5):
        assert part.std() > 5, "a fifth of the page is blank"

    dom = browse(tmp_path / "report.html", "--dump-dom").stdout
    for heading in ("Network", "Training", "Test rows: right and wrong", "Samples", "Inside the network", "Run"):
        assert f"<h2>{heading}</h2>" in dom
    assert dom.count("<svg") == (tmp_path / "report.html").read_text(encoding="utf-8").count("<svg")
