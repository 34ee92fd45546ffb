"""The regressor's own facts: scales, shapes, losses."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_squared_log_error
from sklearn.preprocessing import StandardScaler

import netwright as nw
from netwright.core.errors import InvalidData
from netwright.layers import Conv, Linear, ReLU, Sigmoid, Softplus, Tanh

X, Y = load_diabetes(return_X_y=True)
X = StandardScaler().fit_transform(X)


@pytest.mark.slow
def test_a_linear_network_finds_the_least_squares_solution_in_the_units_of_y():
    reg = nw.Regressor(
        Linear(1),
        optimizer=nw.optim.SGD(nw.optim.polynomial_decay(0.05), momentum=0.9),
        epochs=3000,
        batch_size=1000,
        random_state=0,
    ).fit(X, Y * 1e6 + 1e9)
    oracle = LinearRegression().fit(X, Y * 1e6 + 1e9)
    np.testing.assert_allclose(reg.predict(X), oracle.predict(X), rtol=1e-3)


def test_several_numbers_and_a_column():
    both = np.stack([Y, -3 * Y + 5], axis=1)
    reg = nw.Regressor(epochs=60, random_state=0).fit(X, both)
    assert reg.predict(X).shape == both.shape
    assert reg.score(X, both) > 0.5
    assert nw.Regressor(epochs=2).fit(X, Y[:, None]).predict(X).shape == (442, 1)


def test_images_to_images():
    images = np.random.default_rng(0).normal(size=(50, 1, 6, 6)).astype(np.float32)
    reg = nw.Regressor(Conv(1, 3, padding="same"), optimizer="Adam(0.05)", epochs=40, random_state=0)
    blurred = (images + np.roll(images, 1, axis=3)) / 2
    blurred[..., 0] = images[..., 0] / 2
    assert reg.fit(images, blurred).predict(images).shape == images.shape
    assert np.mean((reg.predict(images) - blurred) ** 2) < 0.02


@pytest.mark.parametrize("loss", ["MSE()", "MAE()", "RMSE()", "Huber()"])
def test_losses_of_differences(loss):
    reg = nw.Regressor(Tanh(16) >> Linear(1), loss=loss, optimizer="Adam(0.01)", epochs=60, random_state=0).fit(X, Y)
    assert reg.score(X, Y) > 0.45


def test_a_loss_of_ratios_gets_the_target_unscaled():
    reg = nw.Regressor(ReLU(32) >> Softplus(1), loss="MSLE()", optimizer="Adam(0.05)", epochs=100, random_state=0)
    reg.fit(X, Y)
    assert reg._target.scaler is None
    assert (reg.predict(X) > 0).all()
    assert mean_squared_log_error(Y, reg.predict(X)) < 0.7 * np.log1p(Y).var()
    with pytest.raises(InvalidData, match="MSLE"):
        nw.Regressor(Softplus(1), loss="MSLE()").fit(X, Y - 1000)


def test_the_history_has_r2_and_rows_are_held_out():
    reg = nw.Regressor(epochs=5, validation=0.25, random_state=0).fit(X, Y)
    assert len(reg.history_["validation_loss"]) == 5
    assert reg.history_[-1]["validation_score"] < 1
    frame = reg.history_.to_frame()
    assert {"train_loss", "update_ratio.relu1", "dead_units.relu1", "seconds"} <= set(frame.columns)


def test_an_explicit_validation_set_is_what_is_measured():
    reg = nw.Regressor(epochs=3, validation=(X[:100], Y[:100]), random_state=0).fit(X[100:], Y[100:])
    assert reg.history_[-1]["validation_score"] == pytest.approx(reg.score(X[:100], Y[:100]), abs=1e-6)


def test_huge_and_constant_targets():
    reg = nw.Regressor(epochs=3, random_state=0).fit(X, Y * 1e200)
    assert np.isfinite(reg.predict(X)).all()
    flat = nw.Regressor(epochs=30, random_state=0).fit(X, np.full(len(Y), 7.0))
    np.testing.assert_allclose(flat.predict(X), 7.0, atol=1.0)


@pytest.mark.parametrize("network", [ReLU(16) >> Sigmoid(1), ReLU(16) >> Softplus(1), ReLU(16) >> ReLU(1)])
def test_outputs_that_are_not_free_get_the_target_itself(network):
    target = 1 / (1 + np.exp(-3 * X[:, 0]))
    reg = nw.Regressor(network, epochs=60, optimizer="Adam(0.01)", random_state=3).fit(X, target)
    assert reg._target.scaler is None
    assert reg.score(X, target) > 0.9


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_targets_with_a_large_offset_keep_their_digits(precision):
    target = 1e9 + 10 * X[:, 0]
    reg = nw.Regressor(epochs=60, optimizer="Adam(0.01)", precision=precision, random_state=0).fit(X, target)
    assert reg.score(X, target) > 0.95
    assert len(np.unique(reg.predict(X))) > 100


def test_dates_are_no_numbers():
    with pytest.raises(InvalidData, match=r"y: expected numbers, got dates .*such as days since the first"):
        nw.Regressor().fit(X, np.arange(442).astype("datetime64[D]"))


def test_texts_are_no_numbers():
    with pytest.raises(InvalidData, match=r"y: expected numbers, got .*Use Classifier for labels"):
        nw.Regressor().fit(X, ["a"] * 442)
    with pytest.raises(InvalidData, match=r"network: expected outputs of shape \(1,\), as y has, got \(2,\)"):
        nw.Regressor(Linear(2)).fit(X, Y)
