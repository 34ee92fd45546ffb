"""Augmentation of training images: which rows, by which seed, in every way that an option is given."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import netwright as nw
from netwright.core.errors import InvalidParameter
from netwright.core.seeds import derive
from netwright.data.augment import Color, Compose, Elastic, Flip, Rotate, Shift
from netwright.estimators.augmenting import augmentation_of
from netwright.layers import Concat, Conv, Flatten, Input, Linear, ReLU, Softmax
from netwright.train import Batches, order

X, Y = nw.data.load_digits()
X, Y = X[:300], Y[:300]
NET = Conv(4, 3) >> ReLU() >> Flatten() >> Softmax(10)


def classifier(**options: Any) -> Any:
    given = {"epochs": 2, "batch_size": 64, "random_state": 0, "augment": Rotate(10)}
    return nw.Classifier(options.pop("network", NET), **{**given, **options})


def weights(estimator: Any) -> np.ndarray:
    return np.concatenate([part.detach().numpy().ravel() for part in estimator.module_.parameters()])


# batches


def images(n: int = 11) -> torch.Tensor:
    return torch.rand(n, 1, 4, 4, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("once", [0, 2**30])
def test_an_epoch_is_a_function_of_seed_epoch_and_batch(once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netwright.train.batches.ONCE", once)
    x = images()
    augment = Shift(2)
    batches = Batches((x,), torch.arange(11), size=4, seed=9, augment=augment)
    for epoch in (5, 2, 5):
        for number, ((made,), target, _) in enumerate(batches(epoch)):
            assert torch.equal(target, order(9, epoch, 11)[4 * number : 4 * number + 4])
            generator = torch.Generator().manual_seed(derive(9, "augment", epoch, number))
            assert torch.equal(made, augment(x[target], generator))


def test_only_the_images_of_an_epoch_are_augmented() -> None:
    x, table = images(), torch.rand(11, 16, generator=torch.Generator().manual_seed(1))
    batches = Batches((x, table, x + 1), torch.arange(11), size=4, augment=Flip(1.0))
    for (a, b, c), target, _ in batches(0):
        assert torch.equal(a, x[target].flip(3))
        assert torch.equal(b, table[target])
        assert torch.equal(c, x[target].flip(3) + 1)
    assert torch.equal(torch.cat([parts[0] for parts in batches.in_order(3)]), x)
    assert torch.equal(batches.head(3)[0], x[:3])
    assert torch.equal(batches.some(11).head(11)[0], x)


def test_a_single_batch_is_augmented_and_the_rows_are_not_written() -> None:
    x = images()
    before = x.clone()
    batches = Batches((x,), torch.arange(11), size=20, augment=Flip(1.0))
    for _ in range(2):
        [((made,), target, _)] = list(batches(0))
        assert torch.equal(made, before.flip(3))
        assert torch.equal(target, torch.arange(11))
    assert torch.equal(x, before)


def test_the_memory_format_of_the_run_is_kept() -> None:
    x = torch.rand(6, 3, 5, 4, generator=torch.Generator().manual_seed(0))
    batches = Batches((x,), torch.arange(6), size=3, channels_last=True, augment=Compose(Flip(1.0), Shift(0)))
    for (made,), target, _ in batches(0):
        assert made.is_contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(made, x[target].flip(3))


# fits


def test_a_fit_is_repeated_bit_by_bit_and_differs_from_the_plain_one() -> None:
    first = weights(classifier().fit(X, Y))
    assert np.array_equal(first, weights(classifier().fit(X, Y)))
    assert not np.array_equal(first, weights(classifier(augment=None).fit(X, Y)))
    assert not np.array_equal(first, weights(classifier(random_state=1).fit(X, Y)))


@pytest.mark.parametrize(
    "augment",
    ["Rotate(10), Flip(0.5)", [Rotate(), Flip()], ["Rotate(10)", Flip()], Compose(Rotate(10), Flip())],
    ids=str,
)
def test_every_form_means_the_same(augment: Any) -> None:
    made = classifier(augment=augment).fit(X, Y)
    assert np.array_equal(weights(made), weights(classifier(augment=(Rotate(10), Flip())).fit(X, Y)))


def test_going_on_is_the_same_as_a_longer_fit() -> None:
    whole = classifier(epochs=3).fit(X, Y)
    parts = classifier(epochs=1, warm_start=True).fit(X, Y)
    parts = pickle.loads(pickle.dumps(parts)).fit(X, Y)
    parts.partial_fit(X, Y)
    assert np.array_equal(weights(whole), weights(parts))


def test_a_changed_augmentation_takes_effect_when_a_fit_goes_on() -> None:
    def gone_on(augment: Any) -> np.ndarray:
        made = classifier(epochs=1, warm_start=True).fit(X, Y)
        return weights(made.set_params(augment=augment).fit(X, Y))

    plain, turned, shifted = gone_on(None), gone_on(Rotate(10)), gone_on(Shift(2))
    assert not np.array_equal(plain, turned)
    assert not np.array_equal(turned, shifted)


def test_held_out_rows_and_predictions_are_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    apply = Rotate.apply

    def spy(self: Rotate, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        seen.append(len(x))
        return apply(self, x, generator)

    monkeypatch.setattr(Rotate, "apply", spy)
    clf = classifier(validation=0.2, epochs=3).fit(X, Y)
    assert sum(seen) == 3 * 240
    clf.predict(X)
    clf.score(X, Y)
    assert sum(seen) == 3 * 240


def test_data_are_not_written() -> None:
    before = X.copy()
    classifier(augment=(Elastic(10, 2), Flip(), Color())).fit(X, Y)
    assert np.array_equal(X, before)


@pytest.mark.slow
def test_shifts_in_training_make_shifts_in_testing_harmless() -> None:
    X, y = nw.data.load_digits()
    moved = np.zeros_like(X[1200:])
    moved[:, :, :, 1:] = X[1200:, :, :, :-1]
    scores = [
        classifier(augment=augment, epochs=10, optimizer=nw.optim.Adam(3e-3))
        .fit(X[:1200], y[:1200])
        .score(moved, y[1200:])
        for augment in (None, Shift(1.5))
    ]
    assert scores[1] > scores[0] + 0.1


def test_a_network_with_an_image_and_a_table() -> None:
    net = (Input(1, 8, 8) >> Flatten()) | Input(3)
    clf = classifier(network=net >> Concat() >> Softmax(10))
    table = np.eye(3, dtype=np.float32)[Y % 3]
    assert clf.fit((X, table), Y).predict((X, table)).shape == (300,)


def test_a_regressor_takes_it_too() -> None:
    def fitted(augment: Any) -> np.ndarray:
        net = Flatten() >> ReLU(8) >> Linear(1)
        return weights(nw.Regressor(net, augment=augment, epochs=2, random_state=0).fit(X, Y.astype(float)))

    assert np.array_equal(fitted(Rotate(5)), fitted("Rotate(5)"))
    assert not np.array_equal(fitted(Rotate(5)), fitted(None))


# an option like the others


def test_clone_copy_and_search() -> None:
    clf = classifier(augment=(Rotate(10), Shift(2)))
    assert clone(clf).augment == copy.deepcopy(clf).augment == (Rotate(10), Shift(2))
    assert "augment=(Rotate(10), Shift(2))" in repr(clf)
    single = classifier(augment=Rotate(10))
    assert single.get_params()["augment__degrees"] == 10
    assert single.set_params(augment__degrees=5).augment == Rotate(5)
    search = GridSearchCV(classifier(epochs=1), {"augment": [None, Rotate(10), (Rotate(10), Flip())]}, cv=2)
    assert search.fit(X[:100], Y[:100]).best_params_["augment"] in [None, Rotate(10), (Rotate(10), Flip())]


@pytest.mark.parametrize("augment", [Rotate(7), (Elastic(10, 2), Shift((1, 2))), "Rotate(7), Flip()", None], ids=str)
def test_it_is_in_the_file(augment: Any, tmp_path: Path) -> None:
    clf = classifier(augment=augment, warm_start=True).fit(X, Y)
    clf.save(tmp_path / "model.nw")
    loaded = nw.load(tmp_path / "model.nw")
    assert loaded.augment == augment
    assert np.array_equal(loaded.predict(X), clf.predict(X))
    assert loaded.fit(X, Y).n_iter_ == 4


@pytest.mark.parametrize(
    ("augment", "message"),
    [
        (3, r"Classifier\(augment\): expected None or its text or an augmentation such as Rotate\(10\) or .*got 3"),
        (nw.l2(1e-4), r"Classifier\(augment\): expected .* got l2\(0\.0001\)"),
        (Rotate, r"Classifier\(augment\): expected .*got <class"),
        ((), r"Classifier\(augment\): expected .* got \(\)"),
        ([3], r"Classifier\(augment\): expected .* got \[3\]"),
        (
            ["Rotate(10)", "l2(0.1)"],
            r"augment: expected augmentations such as Rotate\(10\), Shift\(2\), got l2\(0\.1\)",
        ),
        ("l2(0.1)", r"augment: expected augmentations such as Rotate\(10\), Shift\(2\), got l2\(0\.1\)"),
        ("Rotate(10), 3", r"augment: expected augmentations .* got 3"),
        ("()", r"augment: expected augmentations .* got '\(\)'"),
        ("Rotat(10)", r"got 'Rotat'\. Did you mean 'Rotate'\?"),
        ("Rotate(200)", r"Rotate\(degrees\): expected a number in \[0, 180\], got 200"),
    ],
)
def test_what_is_no_augmentation_is_refused(augment: Any, message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        classifier(augment=augment).fit(X, Y)


def test_none_stays_none() -> None:
    assert augmentation_of(None) is None
    assert augmentation_of(Rotate(3)) == Rotate(3)
    assert augmentation_of([Rotate(3), Flip()]) == Compose(Rotate(3), Flip())


@pytest.mark.parametrize(
    ("samples", "shape"),
    [
        (X.reshape(300, 64), r"\(64,\)\. Rows"),
        (X[:, 0], r"\(8, 8\)\. Images without an axis of channels get one by X\[:, None\]"),
        (X[:, None], r"\(1, 1, 8, 8\)\. Volumes and films"),
        ((X.reshape(300, 64), X[:, 0]), r"\(64,\), \(8, 8\)\. Rows"),
        ({"a": X[:, 0, 3, 3], "b": X[:, 0, 4, 4]}, r"\(2,\)\. Rows"),
    ],
    ids=["rows", "sequences", "volumes", "two", "frame"],
)
def test_data_without_images_are_refused(samples: Any, shape: str) -> None:
    net: Any = Flatten() >> Softmax(10)
    if isinstance(samples, tuple):
        net = (Input(64) | (Input(8, 8) >> Flatten())) >> Concat() >> Softmax(10)
    expected = r"augment: expected samples that are images, of shape \(channels, height, width\), for Rotate\(10\)"
    message = rf"{expected}, got shape {shape}"
    with pytest.raises(InvalidParameter, match=message):
        classifier(network=net).fit(samples, Y)


def test_several_images_of_a_sample_are_changed_alike() -> None:
    pair = Batches((images(), images()), torch.arange(11), size=4, augment=Compose(Rotate(90), Flip(0.5), Color(0.3)))
    changed = []
    for (first, second), _, _ in pair(0):
        assert torch.equal(first, second)
        changed.append(first)
    assert not torch.equal(changed[0], changed[1])
    assert not torch.equal(torch.cat(changed), images()[order(0, 0, 11)])


def test_images_beyond_the_limits_of_a_change_of_colour_are_refused() -> None:
    expected = r"augment: expected images with values in \[0, 1\] for Color\(0\.3\), which cuts others off"
    with pytest.raises(InvalidParameter, match=rf"{expected}, got values from 0 to 255\. Give it limits=\(0, 255\)"):
        classifier(augment=(Rotate(10), Color(0.3))).fit(255 * X, Y)
    classifier(augment=(Rotate(10), Color(0.3, limits=(0, 255))), epochs=1).fit(255 * X, Y)


def test_images_in_the_unit_range_are_augmented_as_they_are() -> None:
    """The network that is chosen for them is not given scaled pixels then: colours keep their meaning."""
    X, y = nw.data.load_digits()
    X = (X / X.max()).astype("float32")[:120]
    clf = nw.Classifier(augment="Color()", epochs=1, random_state=0).fit(X, y[:120])
    assert clf._inputs.scaler is None
    assert nw.Classifier(epochs=1, random_state=0).fit(X, y[:120])._inputs.scaler is not None
    assert nw.Classifier(augment="Shift(1)", epochs=1, random_state=0).fit(16 * X, y[:120])._inputs.scaler is not None
