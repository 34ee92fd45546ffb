"""Reports: the figures in them against other libraries, and the page as a browser sees it."""

from __future__ import annotations

import io
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
from netwright.core import storage
from netwright.core.errors import CorruptFile, InvalidData, InvalidParameter
from netwright.layers import Conv, Flatten, Linear, MaxPool, ReLU, Softmax, Tanh
from netwright.report import Evaluation, evaluate, write_report
from netwright.report.evaluation import scores_of
from netwright.report.figures import adapt, inline, png_uri, sized, trimmed
from netwright.report.page import table
from netwright.report.stored import open_run
from netwright.report.tables import class_table
from netwright.report.words import figures, percent

HOSTILE = ["<script>alert(1)</script>", "\"&amp;'", "$x_{", "</section><img src=x>", "a\nb"]
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
def digits() -> tuple[np.ndarray, np.ndarray]:
    X, y = nw.data.load_digits()
    return X[:500], y[:500]


@pytest.fixture(scope="module")
def classifier(digits: tuple[np.ndarray, np.ndarray]) -> Any:
    X, y = digits
    network = Conv(4, 3) >> ReLU() >> MaxPool(2) >> Flatten() >> ReLU(16) >> Softmax(10)
    rule = nw.optim.Adam(0.01)
    made = nw.Classifier(network, optimizer=rule, epochs=2, validation=(X[300:350], y[300:350]), random_state=0)
    return made.fit(X[:300], y[:300])


@pytest.fixture(scope="module")
def evaluation(classifier: Any, digits: tuple[np.ndarray, np.ndarray]) -> Evaluation:
    X, y = digits
    return evaluate(classifier, X[350:], y[350:], target="digit", rows=np.arange(350, 500))


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


# the figures


def test_scores_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    true, value = rng.normal(size=50), rng.normal(size=50)
    scores = scores_of("regress", true, value)
    assert scores["rmse"] == pytest.approx(metrics.root_mean_squared_error(true, value))
    assert scores["mae"] == pytest.approx(metrics.mean_absolute_error(true, value))
    assert scores["r2"] == pytest.approx(metrics.r2_score(true, value))
    codes, matrix = rng.integers(0, 3, 50), rng.dirichlet(np.ones(3), 50)
    predicted = matrix.argmax(1)
    pair = np.stack([matrix.max(1), matrix[np.arange(50), codes]], axis=1)
    scores = scores_of("classify", codes, predicted, pair)
    assert scores["accuracy"] == pytest.approx(metrics.accuracy_score(codes, predicted))
    assert scores["error"] == pytest.approx(1 - scores["accuracy"])
    assert scores["log_loss"] == pytest.approx(metrics.log_loss(codes, matrix, labels=[0, 1, 2]))
    assert np.isnan(scores_of("regress", np.ones(3), np.ones(3))["r2"])


def test_an_evaluation_says_what_the_estimator_says(classifier: Any, digits: Any, evaluation: Evaluation) -> None:
    X, y = digits[0][350:], digits[1][350:]
    assert evaluation.scores["accuracy"] == pytest.approx(classifier.score(X, y))
    assert [int(evaluation.classes[code]) for code in evaluation.predicted] == classifier.predict(X).tolist()
    assert [int(evaluation.classes[code]) for code in evaluation.true] == y.tolist()
    probabilities = classifier.predict_proba(X)
    assert evaluation.probability is not None
    np.testing.assert_allclose(evaluation.probability[:, 0], probabilities.max(1), rtol=1e-6)
    np.testing.assert_allclose(evaluation.probability[:, 1], probabilities[np.arange(len(y)), y], rtol=1e-6)
    assert evaluation.images is not None
    np.testing.assert_array_equal(evaluation.images[0] / 255.0, np.round(X[evaluation.shown[0]] * 255) / 255)


def test_the_worst_mistakes_come_first(evaluation: Evaluation) -> None:
    badness = evaluation.badness
    assert (badness[evaluation.true == evaluation.predicted] == 0).all()
    assert (badness[evaluation.true != evaluation.predicted] >= 1).all()
    worst = badness[evaluation.shown][badness[evaluation.shown] > 0]
    assert len(worst) == min(16, (badness > 0).sum())
    np.testing.assert_array_equal(worst, np.sort(badness)[::-1][: len(worst)])
    assert len(set(evaluation.shown.tolist())) == len(evaluation.shown)


def test_residuals_and_cells_of_a_table() -> None:
    rng = np.random.default_rng(0)
    towns = np.array(["Ulm", None, "a very long name of a town " * 4] * 20, dtype=object)
    columns = {"size": rng.normal(size=60), "town": towns}
    y = columns["size"] * 2
    model = nw.Regressor(epochs=1, random_state=0).fit(to_frame(columns), y)
    made = evaluate(model, columns if accepts_dicts(model, columns) else to_frame(columns), y)
    np.testing.assert_allclose(made.badness, np.abs(made.predicted - y))
    assert made.scores["rmse"] == pytest.approx(float(np.sqrt(np.mean((model.predict(to_frame(columns)) - y) ** 2))))


def to_frame(columns: dict[str, np.ndarray]) -> Any:
    return pytest.importorskip("pandas").DataFrame(columns)


def accepts_dicts(model: Any, columns: dict[str, np.ndarray]) -> bool:
    model.predict(columns)
    return True


def test_an_evaluation_goes_to_a_file_and_back(evaluation: Evaluation, tmp_path: Path) -> None:
    evaluation.save(tmp_path / "evaluation.nw")
    read = Evaluation.load(tmp_path / "evaluation.nw")
    for name in ("true", "predicted", "probability", "rows", "shown", "images"):
        np.testing.assert_array_equal(getattr(read, name), getattr(evaluation, name))
    assert (read.task, read.target, read.classes) == (evaluation.task, evaluation.target, evaluation.classes)
    cells = {"z": ["1", "2"], "a": ["x", ""]}
    ordered = Evaluation("regress", "y", (), np.zeros(2), np.ones(2), None, np.arange(2), np.arange(2), None, cells)
    ordered.save(tmp_path / "cells.nw")
    assert list(Evaluation.load(tmp_path / "cells.nw").cells.items()) == list(cells.items())


@pytest.mark.parametrize(
    "change",
    [
        lambda content, arrays: content.pop("classes"),
        lambda content, arrays: content.update(task="guess"),
        lambda content, arrays: content.update(cells=[["a", ["1"]]]),
        lambda content, arrays: content.update(cells=3),
        lambda content, arrays: content.update(classes=["0"]),
        lambda content, arrays: arrays.pop("true"),
        lambda content, arrays: arrays.update(rows=np.arange(3)),
        lambda content, arrays: arrays.update(shown=np.full(24, 10**6)),
        lambda content, arrays: arrays.update(true=arrays["true"].astype(float)),
    ],
)
def test_a_file_that_is_no_evaluation(
    change: Callable[[dict[str, Any], dict[str, Any]], object], evaluation: Evaluation, tmp_path: Path
) -> None:
    path = tmp_path / "evaluation.nw"
    evaluation.save(path)
    kind, content, arrays = storage.read(path)
    change(content, arrays)
    storage.write(path, kind, content, arrays)
    with pytest.raises(CorruptFile, match="expected the fields of an evaluation, got"):
        Evaluation.load(path)


def test_labels_that_the_model_does_not_know(classifier: Any, digits: Any) -> None:
    with pytest.raises(InvalidData, match="labels that the model was trained on, got 77 in row 2"):
        evaluate(classifier, digits[0][:3], np.array([1, 2, 77]))


def test_the_table_of_classes_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    true, predicted = rng.integers(0, 4, 80), rng.integers(0, 4, 80)
    made = Evaluation("classify", "y", tuple("abcd"), true, predicted, None, np.arange(80), np.arange(0))
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", class_table(made))
    expected = metrics.precision_recall_fscore_support(true, predicted)
    for place, label in enumerate("abcd"):
        name, *shares, rows = cells[5 * place : 5 * place + 5]
        assert (name, int(rows)) == (label, expected[3][place])
        got = [float(share.removesuffix(" %")) / 100 for share in shares]
        np.testing.assert_allclose(got, [part[place] for part in expected[:3]], atol=6e-4)


def test_of_many_classes_the_worst_are_listed() -> None:
    true = np.repeat(np.arange(40), 2)
    predicted = true.copy()
    predicted[60] = 0
    made = Evaluation("classify", "y", tuple(map(str, range(41))), true, predicted, None, np.arange(80), np.arange(0))
    text = class_table(made)
    assert "the 30 of 41 with the lowest recall" in text
    assert ">30</td>" in text
    assert ">40</td>" not in text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0.000"),
        (1e-9, "1.000e-09"),
        (123456.7, "123,457"),
        (1e13, "1.000e+13"),
        (float("inf"), "inf"),
        (-2.5, "-2.500"),
    ],
)
def test_numbers_are_written_to_be_read(number: float, text: str) -> None:
    assert figures(number) == text


def test_shares_are_whole_only_when_they_are() -> None:
    assert [percent(share) for share in (0.0, 1e-9, 0.5, 1 - 1e-9, 1.0)] == [
        "0 %",
        "<0.01 %",
        "50.00 %",
        ">99.99 %",
        "100 %",
    ]


# pictures


def test_a_plot_becomes_an_element_of_the_page() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    before = dict(matplotlib.rcParams)

    def draw() -> Any:
        ax = sized(3, 2).add_subplot()
        ax.plot([1, 2], [3, 4], marker="o")
        ax.set_title("1.23456 <b> & \n", parse_math=False)
        ax.imshow([[1, 2], [3, 4]])
        return ax

    first, again, other = (
        inline("one", "What is seen", draw),
        inline("one", "What is seen", draw),
        inline("two", "", draw),
    )
    assert first == again
    assert dict(matplotlib.rcParams) == before
    page = Page(first + other)
    require_self_contained(first, page)
    names = [value for name, value in page.attributes if name == "id"]
    assert len(set(names)) == len(names)
    assert names
    targets = re.findall(r"url\(#([^)]+)\)", first + other) + re.findall(r"href=\"#([^\"]+)\"", first + other)
    assert set(targets) == set(names)
    assert 'role="img" aria-label="What is seen"' in first
    assert "currentColor" in first
    assert "#010203" not in first
    assert "1.23456 &lt;b&gt; &amp;" in first
    assert not re.search(r"\d\.\d{3,}", re.sub(r"base64,[^\"]*|>[^<]*<", "", first))


def test_pictures_keep_their_pixels() -> None:
    image = pytest.importorskip("PIL.Image")
    import base64

    for shape in ((1, 5, 7), (3, 5, 7)):
        pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
        address = png_uri(pixels)
        read = np.asarray(image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))
        np.testing.assert_array_equal(
            read if shape[0] == 1 else np.moveaxis(read, -1, 0), pixels[0] if shape[0] == 1 else pixels
        )


def test_the_diagram_is_cut_to_its_boxes() -> None:
    whole = nw.plots.network_svg(nw.Input(4) >> ReLU(2))
    cut = trimmed(whole)
    assert "multiply-accumulates a sample</text>" not in cut
    width = [float(re.search(r'width="([\d.]+)"', text)[1]) for text in (whole, cut)]  # type: ignore[index]
    boxes = [float(number) for number in re.findall(r'<rect[^>]* width="([\d.]+)"', cut)]
    assert max(boxes) < width[1] <= width[0]
    assert trimmed("<svg></svg>") == "<svg></svg>"
    assert adapt(cut, "net", "a & b").startswith('<svg viewBox="')


def test_a_table_has_its_columns_at_the_right_side() -> None:
    text = table(("a<", "b"), [("1", "2")], numeric=(1,), foot=("x", "y"))
    assert "<th>a&lt;</th>" in text
    assert '<td class="n">2</td>' in text
    assert "<tfoot>" in text
    assert "<thead>" not in table(("", ""), [("1", "2")])


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
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
    model = nw.Classifier(module, epochs=1, random_state=0).fit(*digits)
    with pytest.raises(InvalidParameter, match="expected a network made of layers, got a Sequential module"):
        write_report(model, path)
    with pytest.raises(InvalidData, match="a folder that `netwright train` wrote, got no such folder"):
        write_report(tmp_path / "nothing", path)
    with pytest.raises(InvalidData, match="got a folder without run.json"):
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
