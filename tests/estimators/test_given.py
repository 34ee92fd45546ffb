"""What estimators are given as their network: patterns, loaded weights, architectures that do not fit the target."""

import re

import numpy as np
import pytest
import torch
from sklearn.base import clone

import netwright as nw
from netwright.core.errors import InvalidData, InvalidParameter, JoinError
from netwright.estimators.networks import Pattern, advice, build_module, network_for, resolve
from netwright.layers import Concat, Conv, Flatten, Input, Linear, ReLU, Sigmoid, Softmax
from netwright.models import load_weights, resnet20, unet

RNG = np.random.default_rng(0)
X, IMAGES = RNG.random((24, 5)), RNG.random((24, 3, 8, 8), dtype=np.float32)
LABELS = np.arange(24) % 3
TEXT = "INPUT -> FC8 -> RELU -> FC"


def classifier(network, **options):
    return nw.Classifier(network, epochs=1, random_state=0, **options)


@pytest.fixture
def filled():
    """A small ResNet whose weights are those of another one."""
    network = resnet20(3, width=2)
    return load_weights(network, (Input(3, 8, 8) >> network).build(5).state_dict())


def test_a_text_with_arrows_is_a_pattern():
    assert resolve(TEXT) == Pattern(TEXT)
    assert resolve("ReLU(8) >> Softmax(3)") == ReLU(8) >> Softmax(3)
    with pytest.raises(
        InvalidParameter, match=r"got 'FCC'. Did you mean 'FC'\?\n  INPUT -> FCC -> FC\n           \^\^\^"
    ):
        resolve("INPUT -> FCC -> FC")


@pytest.mark.parametrize(
    ("target", "options", "head"),
    [
        (LABELS, {}, Softmax(3)),
        (LABELS, {"loss": "Hinge()"}, Linear(3)),
        (np.eye(3, dtype=int)[LABELS] | np.eye(3, dtype=int)[0], {}, Linear(3)),
    ],
)
def test_a_classifier_closes_a_pattern(target, options, head):
    made = classifier(TEXT, **options).fit(X, target)
    assert made.network_ == Input(5) >> ReLU(8) >> head
    assert made.predict(X).shape == target.shape
    assert clone(made).network == TEXT


def test_a_regressor_closes_a_pattern(tmp_path):
    made = nw.Regressor(TEXT, epochs=1, random_state=0).fit(X, X[:, :2])
    assert made.network_ == Input(5) >> ReLU(8) >> Linear(2)
    made.save(tmp_path / "model.nw")
    np.testing.assert_array_equal(nw.load(tmp_path / "model.nw").predict(X), made.predict(X))


def test_two_classes_by_one_sigmoid():
    made = classifier("FC4 -> RELU -> FC1 -> SIGMOID").fit(X, LABELS > 0)
    assert made.network_.parts[-1] == Sigmoid(1)
    assert made.predict_proba(X).shape == (24, 2)


def test_a_pattern_for_a_table_with_embedded_texts():
    frame = {"a": X[:, 0], "b": np.array(["x", "y", "z"] * 8, dtype=object)}
    made = classifier(TEXT, categories="embedding").fit(frame, LABELS)
    assert "ColumnEmbedding" in repr(made.network_)
    assert made.network_.parts[-2:] == (ReLU(8), Softmax(3))


def test_a_pattern_that_does_not_fit_shows_the_place():
    with pytest.raises(JoinError, match=r"POOL9 -> FC\n  \^\^\^\^\^$"):
        classifier("POOL9 -> FC").fit(IMAGES, LABELS)
    with pytest.raises(InvalidParameter, match=r"CONV for samples of shape \(5,\)[^$]*\n           \^\^\^\^$"):
        classifier("INPUT -> CONV -> FC").fit(X, LABELS)
    with pytest.raises(InvalidParameter, match="layers for several inputs, got the pattern"):
        classifier(TEXT).fit((X, X), LABELS)
    with pytest.raises(
        InvalidParameter, match=r"several targets, got the pattern .* ends in Softmax\(3\) \| Softmax\(2\)"
    ):
        classifier(TEXT).fit(X, np.stack([LABELS, LABELS % 2], axis=1))


def test_loaded_weights_are_where_training_begins(filled):
    given = resolve(filled)
    network = network_for(given, ((3, 12, 12),), None)
    assert network == Input(3, 12, 12) >> resnet20(3, width=2)
    module = build_module(network, 0, given)
    assert all(torch.equal(a, filled.module.state_dict()[name]) for name, a in module.state_dict().items())
    assert not any(a is b for a in module.parameters() for b in filled.module.parameters())


def test_an_estimator_of_loaded_weights_is_saved(filled, tmp_path):
    before = {name: tensor.clone() for name, tensor in filled.module.state_dict().items()}
    made = classifier(filled, optimizer="SGD(1e-30)").fit(IMAGES, LABELS)
    weights = dict(made.module_.named_parameters())
    for name, tensor in filled.module.named_parameters():
        torch.testing.assert_close(weights[name], tensor)
    made = clone(made).set_params(optimizer="SGD(0.1)").fit(IMAGES, LABELS)
    made.save(tmp_path / "model.nw")
    again = nw.load(tmp_path / "model.nw")
    np.testing.assert_array_equal(again.predict_proba(IMAGES), made.predict_proba(IMAGES))
    assert all(torch.equal(before[name], tensor) for name, tensor in filled.module.state_dict().items())


def test_a_filled_module_is_trained_and_says_how_it_would_be_saved(tmp_path):
    network = Input(5) >> ReLU(4) >> Softmax(3)
    module = network.build(1)
    loaded = load_weights(module, network.build(2).state_dict())
    assert resolve(loaded) is module
    with pytest.raises(InvalidParameter, match=r"give network=load_weights\(expression, module.state_dict\(\)\)"):
        classifier(loaded).fit(X, LABELS).save(tmp_path / "model.nw")
    classifier(load_weights(network, module.state_dict())).fit(X, LABELS).save(tmp_path / "model.nw")


def test_weights_for_images_of_another_size_are_refused():
    body = Conv(2, 3) >> ReLU() >> Flatten() >> Softmax(3)
    loaded = load_weights(Input(3, 9, 9) >> body, (Input(3, 9, 9) >> body).build(1).state_dict())
    open_ = nw.models.LoadedWeights(loaded.module, "netwright", "", (), network=body)
    text = r"softmax1.linear.weight of shape \(3, 98\), got samples of shape \(3, 8, 8\), which need \(3, 72\)"
    with pytest.raises(InvalidData, match=text):
        classifier(open_).fit(IMAGES, LABELS)


def test_what_is_no_network_is_refused():
    with pytest.raises(
        InvalidParameter, match="a layer pattern, what load_weights gives, a torch module, or None, got 3"
    ):
        resolve(3)


@pytest.mark.parametrize(
    ("network", "text"),
    [
        (resnet20(4, width=2), r"got \(4,\). Call resnet20\(num_classes=3\), or end it with Softmax\(3\)."),
        (resnet20(headless=True, width=2), r"Call resnet20\(num_classes=3\), or end it with Softmax\(3\)."),
        (Flatten() >> ReLU(4) >> Softmax(4), r"End it with Softmax\(3\)."),
        (unet(4, widths=(2, 4)), r"every place of an image: Regressor\(network, loss=nw.losses.CrossEntropy\(\)\)"),
        (unet(4, widths=(2, 4)), r"y of shape \(n, 4, 8, 8\) .* put GlobalPool\(\) >> Softmax\(3\) behind it"),
        (
            unet(1, widths=(2, 4)),
            r"loss=nw.losses.BinaryCrossEntropy\(\)\) learns that from y of shape \(n, 1, 8, 8\) of",
        ),
    ],
)
def test_what_to_do_about_other_outputs(network, text):
    with pytest.raises(InvalidData, match=text):
        classifier(network).fit(IMAGES, LABELS)


def test_what_to_do_about_auxiliary_classifiers():
    text = r"^Call googlenet\(num_classes=4\), without aux; or with it, and fit\(X, np.stack\(\[y\] \* 3, axis=1\)\)"
    shapes = ((4,),) * 3
    found = advice(nw.models.googlenet(4, aux=True), shapes, ((4,),), Softmax(4), "softmax")
    assert re.match(text, found)


def test_regression_with_an_architecture_of_classes():
    with pytest.raises(InvalidData, match=r"Write resnet20\(headless=True\) >> Linear\(1\)\.$"):
        nw.Regressor(resnet20(width=2), epochs=1).fit(IMAGES, X[:, 0])


@pytest.mark.slow
def test_classes_of_places_are_learned_as_the_messages_say():
    hot = np.stack([IMAGES[:, 0] < 0.5, IMAGES[:, 0] >= 0.5], axis=1).astype(np.float32)
    with pytest.raises(InvalidData, match=r"expected labels \(n,\) or \(n, m\), got shape \(24, 8, 8\)"):
        classifier(unet(2, widths=(4, 8))).fit(IMAGES, hot[:, 1].astype(int))
    with pytest.raises(InvalidData, match=r"got \(2, 8, 8\). It answers for every place .* along the axis of 2\.$"):
        nw.Regressor(unet(2, widths=(4, 8))).fit(IMAGES, hot[:, 1])
    options = {"optimizer": "Adam(0.02)", "epochs": 60, "random_state": 0}
    two = (
        nw.Regressor(unet(2, widths=(4, 8)), loss=nw.losses.CrossEntropy(), **options).fit(IMAGES, hot).predict(IMAGES)
    )
    np.testing.assert_allclose(two.sum(1), 1, atol=1e-5)
    one = nw.Regressor(unet(1, widths=(4, 8)), loss=nw.losses.BinaryCrossEntropy(), **options).fit(IMAGES, hot[:, 1:])
    for said in (two[:, 1], one.predict(IMAGES)[:, 0]):
        assert ((said > 0.5) == hot[:, 1]).mean() > 0.9


def test_two_inputs_by_code_still_work():
    network = (Input(5) | Input(5)) >> Concat() >> Softmax(3)
    assert classifier(network).fit((X, X), LABELS).predict((X, X)).shape == (24,)
