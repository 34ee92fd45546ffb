"""Objects in images at the command line: trained on, scored, found again, drawn."""

from __future__ import annotations

import csv
import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netwright as nw
from netwright.cli import main
from netwright.commands.detection.data import Scenes, held_out
from netwright.commands.detection.training import read_options
from netwright.core.errors import InvalidData, InvalidParameter

Image = pytest.importorskip("PIL.Image")
TINY = "Conv(8, 3, 2, 1) >> ReLU() >> Conv(16, 3, 2, 1) >> BatchNorm() >> ReLU() >> Conv(16, 3, 2, 1) >> ReLU()"
OPTIONS = ["--network", TINY, "--options", "size=64, scales=1, anchors=1", "--optimizer", "AdamW(0.01)"]
SHORT = [*OPTIONS, "--batch-size", "8", "--epochs", "2"]


def written(folder: Path, n: int, seed: int = 0, name: str = "boxes.csv") -> Path:
    """A folder of images with one square or two, and a table of them; one image has none."""
    draw = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[tuple[Any, ...]] = [("file", "x1", "y1", "x2", "y2", "label")]
    for number in range(n):
        image = draw.integers(0, 50, (64, 64 + 16 * (number % 2), 3), dtype=np.uint8)
        file = f"{seed}-{number:02d}.png"
        for place in range(1 + number % 2 if number else 0):
            side = int(draw.integers(14, 26))
            x, y = int(draw.integers(0, 38 - side / 2)) + 26 * place, int(draw.integers(0, 64 - side))
            image[y : y + side, x : x + side] = (240, 60, 60) if place else (60, 90, 240)
            rows.append((file, x, y, x + side, y + side, "red" if place else "blue"))
        if not number:
            rows.append((file, "", "", "", "", ""))
        Image.fromarray(image).save(folder / file)
    with (folder / name).open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    return folder


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run, beside the folder of its images."""
    root = tmp_path_factory.mktemp("detection")
    written(root / "shapes", 30)
    words = ["train", str(root / "shapes"), "--task", "detect", *OPTIONS, "--batch-size", "8", "--epochs", "20"]
    assert main([*words, "--augment", "Flip()", "--quiet", "--out", str(root / "run")]) == 0
    return root / "run"


def rows_of(path: Path) -> list[list[str]]:
    with path.open(newline="") as stream:
        return list(csv.reader(stream))


def test_a_run_has_its_files_and_tells_its_scores(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path / "shapes", 20)
    words = ["train", "shapes", "--task", "detect", *SHORT, "--out", "run"]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert re.search(r"data +shapes: 20 images, 29 objects of 2 classes: blue \(19\), red \(10\)", out)
    assert re.search(r"images +14 for training, 2 for validation, 4 for test; those for test and validation drawn", out)
    assert "mAP@0.5" in out
    assert "of 4 test images" in out
    names = sorted(path.name for path in Path("run").iterdir())
    assert sorted(Path(word).name for word in out.split("written")[1].split("fault")[0].split()) == names
    content = json.loads(Path("run/run.json").read_text())
    assert content["task"] == "detect"
    assert content["data"]["split"] == {"training": 14, "validation": 2, "test": 4}
    assert (content["data"]["images"], content["data"]["counts"]) == (20, {"blue": 19, "red": 10})
    assert set(content["scores"]["test"]) == {"map", "map_50", "mar_100"}
    assert len(rows_of(Path("run/history.csv"))) == 3
    assert "AP50" in Path("run/report.txt").read_text()
    before = Path("run/report.html").read_bytes()
    assert main(["report", "run"]) == 0
    assert Path("run/report.html").read_bytes() == before


@pytest.mark.slow
def test_what_is_said_of_the_test_images_is_what_the_model_says(run: Path) -> None:
    model = nw.load(run / "model.nw")
    content = json.loads((run / "run.json").read_text())
    shown = " ".join(html.unescape(re.sub(r"<[^>]*>", " ", (run / "report.html").read_text())).split())
    files, found = nw.vision.read_image_list(run / "predictions.csv")
    assert len(files) == content["data"]["split"]["test"] == 6
    true = dict(zip(*nw.vision.read_image_list(run.parent / "shapes" / "boxes.csv"), strict=True))
    names = {Path(file).name: target for file, target in true.items()}
    targets = [names[Path(file).name] for file in files]
    said = model.predict(files, score_threshold=0.01)
    map_50 = nw.vision.mean_average_precision(said, targets).map_50
    assert content["scores"]["test"]["map_50"] == pytest.approx(map_50)
    assert map_50 > 0.5
    assert f"test mAP@0.5 {map_50:.3f} 6 images held out" in shown
    for one, other in zip(found, model.predict(files, score_threshold=0.25), strict=True):
        np.testing.assert_allclose(one["boxes"], other["boxes"].reshape(-1, 4), atol=0.006)
        assert one["labels"] == other["labels"].tolist()


@pytest.mark.slow
def test_predictions_are_drawn_and_read_again(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = [str(run.parent / "shapes" / f"0-{number:02d}.png") for number in range(4)]
    assert main(["predict", str(run), *images, "--out", "found"]) == 0
    assert "in 4 images with a score from 0.25 on" in capsys.readouterr().err
    assert sorted(path.name for path in Path("found").iterdir()) == [
        *(f"0-{number:02d}.png" for number in range(4)),
        "predictions.csv",
    ]
    model = nw.load(run / "model.nw")
    said = model.predict(images, score_threshold=0.25)
    files, found = nw.vision.read_image_list("found/predictions.csv")
    assert [Path(file).resolve() for file in files] == [Path(image).resolve() for image in images]
    assert [each["labels"] for each in found] == [each["labels"].tolist() for each in said]
    assert sum(len(each["boxes"]) for each in found)
    rows = rows_of(Path("found/predictions.csv"))
    assert rows[0] == ["file", "x1", "y1", "x2", "y2", "label", "score"]
    scores = [float(row[6]) for row in rows[1:] if row[6]]
    np.testing.assert_allclose(scores, np.concatenate([each["scores"] for each in said]), rtol=1e-5)
    colours = nw.vision.class_colors(model.classes_.tolist())
    for image, one in zip(images, said, strict=True):
        wanted = nw.vision.draw_boxes(image, one, colors=colours)
        np.testing.assert_array_equal(np.asarray(Image.open(f"found/{Path(image).name}")), np.asarray(wanted))
    assert main(["predict", str(run), images[0], "--out", "found", "--pictures", "svg"]) == 0
    assert Path("found/0-00.svg").read_text().startswith("<svg")
    capsys.readouterr()
    assert main(["predict", str(run), str(run.parent / "shapes"), "--score", "0.9"]) == 0
    lines = list(csv.reader(capsys.readouterr().out.splitlines()))
    assert len({line[0] for line in lines[1:]}) == 30  # all images of the folder, those without objects too
    assert all(float(line[6]) >= 0.9 for line in lines[1:] if line[6])


def test_splits_of_the_folder_are_taken_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    for seed, (name, n) in enumerate({"train": 8, "valid": 3, "test": 3, "extra": 2}.items()):
        written(Path("shapes"), n, seed, f"{name}.csv")
    assert main(["train", "shapes", "--task", "detect", *SHORT, "--out", "run", "--no-report"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"images +8 for training, 3 for validation, 3 for test; as the folder splits them", out)
    assert "splits that are not used: extra" in out
    assert not Path("run/report.html").exists()
    files, _ = nw.vision.read_image_list("run/predictions.csv")
    assert sorted(Path(file).name for file in files) == [f"2-{i:02d}.png" for i in range(3)]


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_each_class_stays_among_the_images_to_learn_from(share: float) -> None:
    draw = np.random.default_rng(0)
    for seed in range(30):
        labels = [draw.integers(0, 8, draw.integers(0, 4)).tolist() for _ in range(12)]
        scenes = Scenes([str(i) for i in range(12)], [{"labels": each} for each in labels])
        kept, held = held_out(scenes, share, seed, "data")
        assert sorted(kept.files + held.files, key=int) == scenes.files
        assert 1 <= len(held.files) <= round(12 * share)
        assert {x for t in kept.targets for x in t["labels"]} == {x for each in labels for x in each}
        again = held_out(scenes, share, seed, "data")[1]
        assert again == held


def test_options_are_read_and_not_run() -> None:
    kind = nw.vision.YOLO
    text = "size=256, anchors=((10, 12), (30, 40)), augment=(Flip(), Zoom()), assignment='best'"
    assert read_options(text, kind) == {
        "size": 256,
        "anchors": ((10, 12), (30, 40)),
        "augment": "(Flip(), Zoom())",
        "assignment": "best",
    }
    for wrong, expected in {
        "size": "options such as",
        "**x": "options such as",
        "size=": "options such as",
        "szie=3": "Did you mean 'size'",
        "random_state=3": "Say it as --seed",
    }.items():
        with pytest.raises(InvalidParameter, match=expected):
            read_options(wrong, kind)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--target", "x"], r"--target: expected none for --task detect, got it\. Leave it out"),
        (["--image-size", "64"], "Say it as --options 'size=256'"),
        (["--precision", "bf16"], "--precision: expected none for --task detect"),
        (["--options", "epochs=3", "--epochs", "4"], "epochs once, got it and --epochs"),
        (["--options", "scales=9"], "scales"),
        (["--detector", "ssd"], "expected a known name, got 'ssd'"),
        (["--optimizer", "Adm(0.1)"], "Adam"),
        (["--augment", "Flap()"], "Flip"),
    ],
)
def test_options_that_cannot_be(fails: Callable[..., str], words: list[str], text: str) -> None:
    assert re.search(text, fails("train", str(written(Path("shapes"), 4)), "--task", "detect", *words))


def test_options_of_detectors_need_the_task(fails: Callable[..., str], houses: Path) -> None:
    for words in (["--detector", "yolo"], ["--options", "size=64"]):
        assert "--task detect beside it" in fails("train", str(houses), *words)
    assert "use nw.search in Python" in fails("tune", str(houses), "--task", "detect")


def test_data_that_cannot_be(fails: Callable[..., str]) -> None:
    detect = ["--task", "detect", *SHORT]
    assert "a folder of images with boxes, got nothing of that name" in fails("train", "nowhere", *detect)
    Path("empty").mkdir()
    said = fails("train", "empty", *detect)
    for name in ("Pascal VOC", "COCO", "YOLO", "a CSV file with the columns file, x1", "an empty folder"):
        assert name in said
    assert "at least 3 images" in fails("train", str(written(Path("two"), 2)), *detect)
    written(Path("broken"), 6)
    Path("broken/0-03.png").write_bytes(b"no image")
    assert "0-03.png" in fails("train", "broken", *detect)
    written(Path("splits"), 4, 0, "train.csv")
    written(Path("splits"), 3, 1, "test.csv")
    assert "Leave --test out: its 3 images are used." in fails("train", "splits", *detect, "--test", "0.3")
    assert not Path("runs").exists()


def test_a_model_and_data_that_do_not_fit(run: Path, fails: Callable[..., str], houses: Path, photos: Path) -> None:
    model, image = str(run), str(photos / "dark" / "00.png")
    assert re.search(r"houses.csv': expected an image \(.*\), got a .csv file", fails("predict", model, str(houses)))
    assert "Did you mean '00.png'" in fails("predict", model, str(photos / "dark" / "00_.png"))
    assert "no such thing" in fails("predict", model, image, "gone.png")
    Path("bad.png").write_bytes(b"no image")
    assert "bad.png" in fails("predict", model, "bad.png")
    assert "a folder without any" in fails("predict", model, str(run))
    assert "has a column of scores" in fails("predict", model, image, "--proba")
    assert "Add --out FOLDER" in fails("predict", model, image, "--pictures", "svg")
    assert "got the file" in fails("predict", model, image, "--out", str(houses))
    assert "a folder without the images" in fails("predict", model, image, "--out", str(photos / "dark"))
    assert Path(image).stat().st_size
    words = ["train", str(houses), "--target", "price", "--epochs", "1", "--quiet", "--no-report", "--out", "table"]
    assert main(words) == 0
    assert "a table" in fails("predict", "table", str(photos))
    assert "expected one, got 2" in fails("predict", "table", str(houses), image)
    assert "a model that finds objects in images" in fails("predict", "table", str(houses), "--pictures", "png")
    assert "a model that finds objects in images" in fails("predict", "table", str(houses), "--score", "0.3")


def test_a_training_is_examined_beforehand(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(written(Path("shapes"), 20)), "--task", "detect", *SHORT]) == 0
    assert "objects in images, 14 images for training" in capsys.readouterr().out


@pytest.mark.slow
def test_the_other_detector(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--detector", "faster-rcnn", "--network", TINY, "--options", "size=64, scales=1, anchors=1"]
    arguments: list[Any] = ["train", str(written(Path("shapes"), 12)), "--task", "detect", *words, "--epochs", "1"]
    assert main([*arguments, "--out", "run"]) == 0
    assert "FasterRCNN(" in capsys.readouterr().out
    assert "by the number of regions" in Path("run/report.html").read_text()


def test_too_few_images_to_hold_one_out() -> None:
    with pytest.raises(InvalidData, match="classes that are in one image each"):
        held_out(Scenes(["a", "b"], [{"labels": ["x"]}, {"labels": ["y"]}]), 0.5, 0, "data")
