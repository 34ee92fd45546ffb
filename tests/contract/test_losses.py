"""What holds for every loss, found by the registry: values, terms, weights, gradients by every link, bad input."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

import netwright.losses
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.core.value import from_json, to_json
from netwright.losses import MSE, RMSE, BinaryCrossEntropy, CrossEntropy, Hinge, Huber, Loss, apply_link

SHAPES = [(6, 3), (4, 5, 3), (3, 4, 2, 5), (2, 3, 2, 2, 2)]
OPTIONS = [
    CrossEntropy(label_smoothing=0.1),
    CrossEntropy(0.2),
    BinaryCrossEntropy(0.1, positive_weight=2.5),
    BinaryCrossEntropy(positive_weight=(1.0, 2.0, 0.5)),
    Huber(0.25),
    Hinge(2.0),
    Hinge(squared=True),
]


def made_again(loss: Any) -> Any:
    return eval(repr(loss), vars(netwright.losses))


def test_the_facts(loss: Any, kind: str) -> None:
    assert loss.link in loss.links
    assert "identity" in loss.links
    assert kind in ("number", "binary", "class", "distribution")
    assert loss.pairing or set(loss.links) == set(netwright.losses.link.LINKS), "say what to do about other links"


def test_a_loss_is_a_value(loss: Any, kind: str) -> None:
    assert isinstance(loss, Loss)
    assert from_json(json.loads(json.dumps(to_json(loss)))) == loss
    assert made_again(loss) == loss
    assert hash(made_again(loss)) == hash(loss)


@pytest.mark.parametrize("loss", OPTIONS, ids=repr)
def test_a_loss_with_options_is_a_value(loss: Any) -> None:
    assert from_json(json.loads(json.dumps(to_json(loss)))) == loss
    assert made_again(loss) == loss
    assert loss != type(loss)()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_mean_of_the_terms_is_the_loss(
    loss: Any, kind: str, shape: tuple[int, ...], draw: Any, target_of: Any
) -> None:
    z, t = draw(*shape), target_of(kind, shape)
    terms = loss.terms(z, t)
    assert terms.shape == shape[:1]
    torch.testing.assert_close(loss.reduce(terms), loss(z, t))
    mean = terms.mean()
    torch.testing.assert_close(loss(z, t), mean.sqrt() if loss.root else mean)
    torch.testing.assert_close(loss.terms(z[1:2], t[1:2]), terms[1:2])  # one sample does not see another


def test_vectors_without_a_class_axis(loss: Any, kind: str, draw: Any) -> None:
    z, t = draw(6), (draw(6) > 0).double()
    if kind in ("class", "distribution"):
        with pytest.raises(InvalidData):
            loss(z, t.long() if kind == "class" and type(loss) is not Hinge else t[:5])
        return
    torch.testing.assert_close(loss(z, t), loss(z[:, None], t[:, None]))


def test_weights_multiply_and_are_not_divided_out(loss: Any, kind: str, draw: Any, target_of: Any) -> None:
    z, t, w = draw(6, 3), target_of(kind, (6, 3)), draw(6).abs()
    expected = (w * loss.terms(z, t)).sum() / 6
    torch.testing.assert_close(loss(z, t, w), expected.sqrt() if loss.root else expected)
    torch.testing.assert_close(loss(z, t, torch.ones(6)), loss(z, t))
    integers = torch.tensor([2, 0, 1, 1, 1, 1])  # a weight of 2 is a row twice, one of 0 a row left out
    rows = torch.tensor([0, 0, 2, 3, 4, 5])
    torch.testing.assert_close(loss(z, t, integers), loss(z[rows], t[rows]))


@pytest.mark.parametrize("shape", [(4, 3), (2, 2, 3), (2, 3, 2, 1)], ids=str)
def test_gradients_by_every_link(loss: Any, kind: str, shape: tuple[int, ...], draw: Any, target_of: Any) -> None:
    z = draw(*shape).requires_grad_()
    t, w = target_of(kind, shape), draw(shape[0]).abs()
    for link in loss.links:
        assert torch.autograd.gradcheck(lambda z, link=link: loss(z, t, None, link), z)
        assert torch.autograd.gradcheck(lambda z, link=link: loss(z, t, w, link), z)
        assert torch.autograd.gradcheck(lambda z, link=link: loss.terms(z, t, link), z)


@pytest.mark.touches_rng  # gradgradcheck draws from torch's global state
def test_gradients_of_gradients(loss: Any, kind: str, draw: Any, target_of: Any) -> None:
    z, t = draw(4, 3).requires_grad_(), target_of(kind, (4, 3))
    for link in loss.links:
        assert torch.autograd.gradgradcheck(lambda z, link=link: loss(z, t, None, link), z)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_outputs_of_ten_thousand(loss: Any, kind: str, dtype: torch.dtype, draw: Any, target_of: Any) -> None:
    """Losses and gradients of logits of +-1e4 are numbers, by every link that is fused."""
    t = target_of(kind, (6, 3))
    t = t.to(dtype) if t.is_floating_point() else t
    for link in {"identity", loss.link}:
        z = (1e4 * draw(6, 3).sign()).to(dtype).requires_grad_()
        value = loss(z, t, None, link)
        value.backward()
        assert value.isfinite()
        assert z.grad.isfinite().all()


@pytest.mark.parametrize("loss", OPTIONS, ids=repr)
def test_gradients_with_options(loss: Any, draw: Any, target_of: Any) -> None:
    for kind in loss.targets:
        z, t = draw(4, 3).requires_grad_(), target_of(kind, (4, 3))
        for link in loss.links:
            assert torch.autograd.gradcheck(lambda z, t=t, link=link: loss(z, t, None, link), z)


def test_a_loss_of_numbers_applies_the_link(loss: Any, kind: str, draw: Any, target_of: Any) -> None:
    z, t = draw(4, 3), target_of(kind, (4, 3))
    if kind == "number" or type(loss) is Hinge:
        for link in loss.links:
            torch.testing.assert_close(loss(z, t, None, link), loss(apply_link(link, z), t))
    else:
        torch.testing.assert_close(loss(z, t, None, loss.link), loss(z, t))  # fused: the output is before the link


def test_nothing_is_written(loss: Any, kind: str, draw: Any, target_of: Any) -> None:
    z, t, w = draw(4, 3), target_of(kind, (4, 3)), draw(4).abs()
    before = [tensor.clone() for tensor in (z, t, w)]
    loss(z, t, w)
    loss.check_target((3,), t)
    assert all(torch.equal(a, b) for a, b in zip((z, t, w), before, strict=True))


def test_formats_of_output_and_target(loss: Any, kind: str, draw: Any, target_of: Any) -> None:
    z, t = draw(6, 3), target_of(kind, (6, 3))
    exact = float(loss(z, t))
    single = loss(z.float().requires_grad_(), t)  # a float64 target does not make the loss one
    assert single.dtype is torch.float32
    single.backward()
    assert single.item() == pytest.approx(exact, rel=1e-5)
    half = loss(z.bfloat16(), t)
    assert half.dtype is torch.float32, "half-precision outputs are taken to single precision first"
    assert float(half) == pytest.approx(float(loss(z.bfloat16().double(), t)), rel=1e-5)
    if kind in ("binary", "number"):
        whole = t.round().long()
        torch.testing.assert_close(loss(z, whole), loss(z, whole.double()))


def test_a_loss_made_in_inference_mode_is_good_for_training(loss: Any, kind: str, draw: Any, target_of: Any) -> None:
    z, t = draw(4, 3), target_of(kind, (4, 3))
    with torch.inference_mode():
        seen = float(loss(z, t))
    z.requires_grad_()
    value = loss(z, t)
    value.backward()
    assert value.item() == seen
    assert z.grad is not None
    assert z.grad.isfinite().all()


def test_the_target_is_checked_once(loss: Any, kind: str, target_of: Any) -> None:
    for shape in SHAPES:
        loss.check_target(shape[1:], target_of(kind, shape))


def test_a_target_that_is_not_finite_names_its_row(loss: Any, kind: str, target_of: Any) -> None:
    t = target_of(kind, (4, 3))
    if kind == "class":
        t[2] = 7
        expected = r"\(target\): expected class indices from 0 to 2, got 7 in row 2\."
    else:
        t[2, 1] = torch.nan
        expected = r"\(target\): expected .*, got nan in row 2, 1\."
    with pytest.raises(InvalidData, match=expected):
        loss.check_target((3,), t)


def test_shapes_that_do_not_match_are_never_broadcast(loss: Any, kind: str, draw: Any, target_of: Any) -> None:
    z = draw(4, 3)
    for wrong in [(4, 1), (1, 3), (1,), (3,), (5,), (4, 2), (4, 3, 1), ()]:
        t = torch.zeros(wrong, dtype=torch.int64 if kind == "class" else torch.float64)
        with pytest.raises(InvalidData, match=rf"{type(loss).__name__}\(target\): expected .* \(4, 3\)"):
            loss(z, t)
        with pytest.raises(InvalidData):
            loss.terms(z, t)
    with pytest.raises(InvalidData, match="target"):
        loss.check_target((3,), torch.zeros((), dtype=torch.int64))


def test_a_column_is_not_a_vector() -> None:
    with pytest.raises(
        InvalidData,
        match=r"MSE\(target\): expected the shape \(4, 1\) of the output, got \(4,\) for an output \(4, 1\)\. "
        r"Use target\.reshape\(-1, 1\)\.",
    ):
        MSE()(torch.zeros(4, 1), torch.zeros(4))
    with pytest.raises(InvalidData, match=r"got \(4, 1\) for an output \(4,\)\. Use target\.reshape\(-1\)\."):
        MSE()(torch.zeros(4), torch.zeros(4, 1))
    with pytest.raises(InvalidData, match=r"Class indices go with CrossEntropy\(\); here one number for each output"):
        MSE()(torch.zeros(4, 3), torch.zeros(4, dtype=torch.int64))
    with pytest.raises(InvalidData, match=r"Change the last layer of the network, or the target\."):
        MSE()(torch.zeros(4, 3), torch.zeros(4, 2))


def test_a_weight_of_another_shape() -> None:
    z = t = torch.zeros(4, 1)
    with pytest.raises(
        InvalidData, match=r"MSE\(weight\): .* shape \(4,\), got shape \(4, 1\)\. Use weight.reshape\(-1\)"
    ):
        MSE()(z, t, torch.ones(4, 1))
    with pytest.raises(
        InvalidData, match=r"RMSE\(weight\): expected one number a sample, shape \(4,\), got shape \(3,\)\.$"
    ):
        RMSE()(z, t, torch.ones(3))


def test_no_samples(loss: Any, kind: str, target_of: Any, draw: Any) -> None:
    z, t = draw(4, 3)[:0], target_of(kind, (4, 3))[:0]
    with pytest.raises(InvalidData, match=r"\(output\): expected at least one sample, got shape \(0, 3\)\."):
        loss(z, t)


def test_a_link_that_does_not_fit(loss: Any, kind: str, draw: Any, target_of: Any) -> None:
    z, t = draw(4, 3), target_of(kind, (4, 3))
    for link in {*netwright.losses.link.LINKS, "relu"} - set(loss.links):
        with pytest.raises(
            InvalidParameter,
            match=rf"{type(loss).__name__}\(link\): expected a network that ends in .*, got '{link}'\.",
        ):
            loss(z, t, None, link)


@pytest.mark.parametrize(
    ("loss", "link", "remedy"),
    [
        (CrossEntropy(), "sigmoid", r"outputs of a sigmoid go with BinaryCrossEntropy\(\)"),
        (BinaryCrossEntropy(), "softmax", r"in Softmax\(k\), go with CrossEntropy\(\)"),
        (Hinge(), "softmax", r"End it in Linear\(k\); probabilities go with CrossEntropy\(\)"),
    ],
)
def test_the_right_pairing_is_named(loss: Any, link: str, remedy: str) -> None:
    with pytest.raises(InvalidParameter, match=remedy):
        loss(torch.zeros(2, 2), torch.zeros(2, 2), None, link)
