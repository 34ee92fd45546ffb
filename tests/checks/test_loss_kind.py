"""What a loss is, told by how it behaves: all losses of torch, as modules, as functions and written by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.checks.loss_kind import class_axis, kind_of
from netwright.losses import MAE, MSE, BinaryCrossEntropy, CrossEntropy, Huber

_generator = torch.Generator().manual_seed(2)


def _draw(*shape: int) -> Tensor:
    return torch.randn(shape, generator=_generator)


N = 24
WIDE, ONE, FLAT = _draw(N, 3), _draw(N, 1), _draw(N)
STEPS, PIXELS = _draw(N, 5, 3), _draw(6, 3, 4, 4)
CLASS = torch.arange(N) % 3
CLASS_OF_STEP, CLASS_OF_PIXEL = torch.arange(5 * N).reshape(N, 5) % 3, torch.arange(96).reshape(6, 4, 4) % 3
SHARES, HOT = _draw(N, 3).softmax(1), functional.one_hot(CLASS, 3).float()
YES, YES_FLAT, MANY_YES = (ONE > 0.3).float(), (FLAT > 0.3).float(), (_draw(N, 3) > 0).float()
NUMBER, NUMBERS, NUMBER_FLAT = _draw(N, 1), _draw(N, 3), _draw(N)
WEIGHTS = torch.tensor([1.0, 2.0, 5.0])
Case = tuple[Callable[..., Any], Tensor, Tensor, str]

MODULES: dict[str, Case] = {
    "CrossEntropyLoss": (nn.CrossEntropyLoss(), WIDE, CLASS, "cross-entropy"),
    "CrossEntropyLoss, sum": (nn.CrossEntropyLoss(reduction="sum"), WIDE, CLASS, "cross-entropy"),
    "CrossEntropyLoss, weights": (nn.CrossEntropyLoss(weight=WEIGHTS), WIDE, CLASS, "cross-entropy"),
    "CrossEntropyLoss, smooth": (nn.CrossEntropyLoss(label_smoothing=0.1), WIDE, CLASS, "cross-entropy"),
    "CrossEntropyLoss, ignored": (nn.CrossEntropyLoss(ignore_index=0), WIDE, CLASS, "cross-entropy"),
    "CrossEntropyLoss, shares": (nn.CrossEntropyLoss(), WIDE, SHARES, "cross-entropy"),
    "CrossEntropyLoss, one hot": (nn.CrossEntropyLoss(), WIDE, HOT, "cross-entropy"),
    "CrossEntropyLoss, steps": (nn.CrossEntropyLoss(), STEPS.mT, CLASS_OF_STEP, "cross-entropy"),
    "CrossEntropyLoss, pixels": (nn.CrossEntropyLoss(), PIXELS, CLASS_OF_PIXEL, "cross-entropy"),
    "CrossEntropyLoss, one row": (nn.CrossEntropyLoss(), WIDE[:1], CLASS[:1], "cross-entropy"),
    "CrossEntropyLoss of probabilities": (nn.CrossEntropyLoss(), SHARES, CLASS, "cross-entropy"),
    "NLLLoss": (nn.NLLLoss(), WIDE.log_softmax(1), CLASS, "nll"),
    "NLLLoss, sum": (nn.NLLLoss(reduction="sum"), WIDE.log_softmax(1), CLASS, "nll"),
    "NLLLoss, weights": (nn.NLLLoss(weight=WEIGHTS), WIDE.log_softmax(1), CLASS, "nll"),
    "NLLLoss of logits": (nn.NLLLoss(), WIDE, CLASS, "nll"),
    "BCEWithLogitsLoss": (nn.BCEWithLogitsLoss(), ONE, YES, "logits"),
    "BCEWithLogitsLoss, sum": (nn.BCEWithLogitsLoss(reduction="sum"), ONE, YES, "logits"),
    "BCEWithLogitsLoss, flat": (nn.BCEWithLogitsLoss(), FLAT, YES_FLAT, "logits"),
    "BCEWithLogitsLoss, several": (nn.BCEWithLogitsLoss(), WIDE, MANY_YES, "logits"),
    "BCEWithLogitsLoss, weight": (nn.BCEWithLogitsLoss(weight=torch.tensor([3.0])), ONE, YES, "logits"),
    "BCEWithLogitsLoss, positive": (nn.BCEWithLogitsLoss(pos_weight=torch.tensor([9.0])), ONE, YES, "logits"),
    "BCEWithLogitsLoss, one row": (nn.BCEWithLogitsLoss(), ONE[:1], YES[:1], "logits"),
    "MultiLabelSoftMarginLoss": (nn.MultiLabelSoftMarginLoss(), WIDE, MANY_YES, "logits"),
    "BCELoss": (nn.BCELoss(), ONE.sigmoid(), YES, "probabilities"),
    "BCELoss, several": (nn.BCELoss(), WIDE.sigmoid(), MANY_YES, "probabilities"),
    "BCELoss, one row": (nn.BCELoss(), ONE[:1].sigmoid(), YES[:1], "probabilities"),
    "MSELoss": (nn.MSELoss(), ONE, NUMBER, "squares"),
    "MSELoss, sum": (nn.MSELoss(reduction="sum"), ONE, NUMBER, "squares"),
    "MSELoss, several": (nn.MSELoss(), WIDE, NUMBERS, "squares"),
    "MSELoss, far": (nn.MSELoss(), ONE, 1e5 + 1e4 * NUMBER, "squares"),
    "MSELoss, double": (nn.MSELoss(), ONE.double(), NUMBER.double(), "squares"),
    "MSELoss, one row": (nn.MSELoss(), ONE[:1], NUMBER[:1], "squares"),
    "HuberLoss, wide": (nn.HuberLoss(delta=100.0), ONE, NUMBER, "squares"),
    "L1Loss": (nn.L1Loss(), ONE, NUMBER, "absolute"),
    "L1Loss, sum": (nn.L1Loss(reduction="sum"), ONE, NUMBER, "absolute"),
    "SmoothL1Loss": (nn.SmoothL1Loss(), ONE, NUMBER, "absolute"),
    "HuberLoss": (nn.HuberLoss(), ONE, NUMBER, "absolute"),
    "PoissonNLLLoss": (nn.PoissonNLLLoss(), ONE, NUMBER.abs().round(), "unknown"),
    "KLDivLoss": (nn.KLDivLoss(reduction="batchmean"), WIDE.log_softmax(1), SHARES, "unknown"),
    "SoftMarginLoss": (nn.SoftMarginLoss(), ONE, 2 * YES - 1, "unknown"),
    "MultiLabelMarginLoss": (nn.MultiLabelMarginLoss(), WIDE, CLASS[:, None].repeat(1, 3), "cross-entropy"),
    "MultiMarginLoss": (nn.MultiMarginLoss(), WIDE, CLASS, "cross-entropy"),  # a shift of a row changes nothing
    "CosineEmbeddingLoss": (nn.CosineEmbeddingLoss(), ONE, NUMBER, "unknown"),
}
FUNCTIONS: dict[str, Case] = {
    "cross_entropy": (functional.cross_entropy, WIDE, CLASS, "cross-entropy"),
    "nll_loss": (functional.nll_loss, WIDE.log_softmax(1), CLASS, "nll"),
    "binary_cross_entropy": (functional.binary_cross_entropy, ONE.sigmoid(), YES, "probabilities"),
    "binary_cross_entropy_with_logits": (functional.binary_cross_entropy_with_logits, ONE, YES, "logits"),
    "mse_loss": (functional.mse_loss, ONE, NUMBER, "squares"),
    "l1_loss": (functional.l1_loss, ONE, NUMBER, "absolute"),
    "smooth_l1_loss": (functional.smooth_l1_loss, ONE, NUMBER, "absolute"),
    "huber_loss": (functional.huber_loss, ONE, NUMBER, "absolute"),
    "poisson_nll_loss": (functional.poisson_nll_loss, ONE, NUMBER.abs().round(), "unknown"),
    "soft_margin_loss": (functional.soft_margin_loss, ONE, 2 * YES - 1, "unknown"),
    "CrossEntropy of netwright": (CrossEntropy(), WIDE, CLASS, "cross-entropy"),
    "BinaryCrossEntropy of netwright": (BinaryCrossEntropy(), ONE, YES, "logits"),
    "MSE of netwright": (MSE(), ONE, NUMBER, "squares"),
    "MAE of netwright": (MAE(), ONE, NUMBER, "absolute"),
    "Huber of netwright": (Huber(), ONE, NUMBER, "absolute"),
}
BY_HAND: dict[str, Case] = {
    "logarithm of softmax": (lambda z, t: -z.log_softmax(1).gather(1, t[:, None]).mean(), WIDE, CLASS, "cross-entropy"),
    "temperature": (lambda z, t: functional.cross_entropy(z / 3, t), WIDE, CLASS, "cross-entropy"),
    "and a constant": (lambda z, t: functional.cross_entropy(z, t) + 0.4, WIDE, CLASS, "cross-entropy"),
    "focal": (
        lambda z, t: ((1 - (c := functional.cross_entropy(z, t, reduction="none")).neg().exp()) ** 2 * c).mean(),
        WIDE,
        CLASS,
        "cross-entropy",
    ),
    "steps in one row": (
        lambda z, t: functional.cross_entropy(z.flatten(0, 1), t.flatten()),
        STEPS,
        CLASS_OF_STEP,
        "cross-entropy",
    ),
    "divergence of logits": (
        lambda z, t: functional.kl_div(z.log_softmax(1), t, reduction="batchmean"),
        WIDE,
        SHARES,
        "cross-entropy",
    ),
    "logarithm of a probability": (lambda z, t: functional.nll_loss(z.log(), t), SHARES, CLASS, "probabilities"),
    "clamped logarithm": (lambda z, t: functional.nll_loss(z.clamp_min(1e-8).log(), t), SHARES, CLASS, "probabilities"),
    "two logarithms": (
        lambda p, t: -(t * p.log() + (1 - t) * (1 - p).log()).mean(),
        ONE.sigmoid(),
        YES,
        "probabilities",
    ),
    "squares": (lambda z, t: ((z - t) ** 2).mean(), ONE, NUMBER, "squares"),
    "squares that spread": (lambda z, t: ((z - t) ** 2).mean(), ONE, NUMBER_FLAT, "squares"),
    "half the squares": (lambda z, t: 0.5 * (z - t).square().sum() / len(z), ONE, NUMBER, "squares"),
    "weighted squares": (lambda z, t: (WEIGHTS * (z - t) ** 2).mean(), WIDE, NUMBERS, "squares"),
    "root of squares": (lambda z, t: (z - t).square().mean().sqrt(), ONE, NUMBER, "absolute"),
    "logarithm of cosh": (lambda z, t: (z - t).cosh().log().mean(), ONE, NUMBER, "absolute"),
    "quantile": (lambda z, t: torch.maximum(0.9 * (t - z), 0.1 * (z - t)).mean(), ONE, NUMBER, "absolute"),
    "overlap": (lambda z, t: 1 - 2 * (z.sigmoid() * t).sum() / (z.sigmoid() + t).sum(), ONE, YES, "unknown"),
    "a loss that raises": (lambda z, t: z.undefined, WIDE, CLASS, "unknown"),
}
CHANGED: dict[str, Case] = {
    "BCELoss, sum": (nn.BCELoss(reduction="sum"), ONE.sigmoid(), YES, "probabilities"),
    "BCELoss, weight": (nn.BCELoss(weight=torch.tensor([3.0])), ONE.sigmoid(), YES, "probabilities"),
    "a column of logits": (
        lambda z, t: functional.binary_cross_entropy_with_logits(z[:, 0], t),
        ONE,
        YES_FLAT,
        "logits",
    ),
    "whole labels made real": (
        lambda z, t: functional.binary_cross_entropy_with_logits(z[:, 0], t.float()),
        ONE,
        YES_FLAT.long(),
        "logits",
    ),
    "whole numbers made real": (lambda z, t: functional.mse_loss(z[:, 0], t.float()), ONE, CLASS, "squares"),
    "logits, smooth": (
        lambda z, t: functional.binary_cross_entropy_with_logits(z, 0.9 * t + 0.05),
        ONE,
        YES,
        "logits",
    ),
    "logits, and a constant": (
        lambda z, t: functional.binary_cross_entropy_with_logits(z, t) + 0.4,
        ONE,
        YES,
        "logits",
    ),
    "squares, and a constant": (lambda z, t: functional.mse_loss(z, t) + 0.4, ONE, NUMBER, "squares"),
    "negative squares": (lambda z, t: -functional.mse_loss(z, t), ONE, NUMBER, "squares"),
    "HingeLoss": (lambda z, t: (1 - z * t).relu().mean(), ONE, 2 * YES - 1, "unknown"),
    "logits of two columns, negative": (
        lambda z, t: -functional.binary_cross_entropy_with_logits(z, t, reduction="sum"),
        WIDE,
        MANY_YES,
        "logits",
    ),
    "cross-entropy, times 1000 and 7 more": (
        lambda z, t: 1000 * functional.cross_entropy(z, t) + 7,
        WIDE,
        CLASS,
        "cross-entropy",
    ),
    "cross-entropy, negative": (lambda z, t: -functional.cross_entropy(z, t), WIDE, CLASS, "cross-entropy"),
    "cross-entropy of labels from 1": (functional.cross_entropy, WIDE, CLASS + 1, "cross-entropy"),
    "cross-entropy of one output": (functional.cross_entropy, ONE, YES_FLAT.long(), "cross-entropy"),
    "likelihood, and a constant": (
        lambda z, t: 1e-3 * functional.nll_loss(z, t) + 0.4,
        WIDE.log_softmax(1),
        CLASS,
        "nll",
    ),
    "likelihood, smooth": (
        lambda z, t: -0.9 * z.gather(1, t[:, None]).mean() - 0.1 * z.mean(),
        WIDE.log_softmax(1),
        CLASS,
        "nll",
    ),
    "likelihood, negative": (lambda z, t: z.gather(1, t[:, None]).mean(), WIDE.log_softmax(1), CLASS, "nll"),
    "probabilities of weighted classes": (
        lambda p, t: functional.nll_loss(p.log(), t, weight=WEIGHTS, reduction="sum") + 3,
        SHARES,
        CLASS,
        "probabilities",
    ),
    "probabilities and shares": (lambda p, t: -(t * p.log()).sum(1).mean(), SHARES, SHARES.roll(1, 0), "probabilities"),
    "clamped probabilities, smooth": (
        lambda p, t: functional.binary_cross_entropy(p.clamp(1e-7, 1 - 1e-7), 0.9 * t + 0.05),
        ONE.sigmoid(),
        YES,
        "probabilities",
    ),
    "absolute, divided and shifted": (lambda z, t: (z - t).abs().sum() / 1e4 - 2, ONE, NUMBER, "absolute"),
    "squares of squeezed outputs": (lambda z, t: functional.mse_loss(z.squeeze(), t), ONE, NUMBER_FLAT, "squares"),
    "squares and differences": (
        lambda z, t: functional.mse_loss(z, t) + functional.l1_loss(z, t),
        ONE,
        NUMBER,
        "absolute",
    ),
    "squares that leave rows out": (lambda z, t: ((z - t) ** 2)[::2].mean(), ONE, NUMBER, "squares"),
    "expectiles": (lambda z, t: ((t > z) * 0.8 + 0.1).mul((z - t) ** 2).mean(), ONE, NUMBER, "squares"),
    "focal of logits": (
        lambda z, t: (
            (t - z.sigmoid()).square() * functional.binary_cross_entropy_with_logits(z, t, reduction="none")
        ).mean(),
        ONE,
        YES,
        "logits",
    ),
    "each class against the rest": (
        lambda z, t: functional.binary_cross_entropy_with_logits(z, functional.one_hot(t, 3).float()),
        WIDE,
        CLASS,
        "logits",
    ),
    "probabilities of each class against the rest": (
        lambda p, t: functional.binary_cross_entropy(p, functional.one_hot(t, 3).float()),
        WIDE.sigmoid(),
        CLASS,
        "probabilities",
    ),
    "masked labels": (
        lambda z, t: (
            functional.binary_cross_entropy_with_logits(z, t.clamp(0, 1), reduction="none") * (t >= 0)
        ).mean(),
        WIDE,
        MANY_YES - (HOT > 0).float() * MANY_YES * 2,
        "logits",
    ),
}
OF_THEIR_OWN: dict[str, Case] = {
    "logits of soft labels": (nn.BCEWithLogitsLoss(), WIDE, 0.3 + 0.4 * SHARES, "logits"),
    "squared hinge": (lambda z, t: (1 - z * t).relu().square().mean(), ONE, 2 * YES - 1, "unknown"),
    "hinge of labels 0 and 1": (lambda z, t: (1 - z * (2 * t - 1)).relu().mean(), ONE, YES, "unknown"),
    "exponential of margins": (lambda z, t: (-z * (2 * t - 1)).exp().mean(), ONE, YES, "unknown"),
    "one-sided": (lambda z, t: (z - t).relu().mean(), ONE, NUMBER, "unknown"),
    "squares of logarithms": (
        lambda z, t: (z.clamp_min(0).log1p() - t.log1p()).square().mean(),
        ONE,
        NUMBER.abs(),
        "unknown",
    ),
    "robust of Cauchy": (lambda z, t: (z - t).square().log1p().mean(), ONE, NUMBER, "unknown"),
    "squares of probabilities": (lambda z, t: (z.sigmoid() - t).square().mean(), ONE, YES, "unknown"),
    "counts without logarithms": (
        lambda z, t: functional.poisson_nll_loss(z, t.float(), log_input=False),
        ONE.abs(),
        CLASS + 9,
        "unknown",
    ),
    "counts": (lambda z, t: functional.poisson_nll_loss(z[:, 0], t.float()), ONE, CLASS, "unknown"),
    "mean and variance": (
        lambda z, t: functional.gaussian_nll_loss(z[:, 0], t, z[:, 1].exp()),
        WIDE[:, :2],
        NUMBER_FLAT,
        "unknown",
    ),
    "deviance of gamma": (lambda z, t: (z + t * (-z).exp()).mean(), ONE, NUMBER.abs(), "unknown"),
    "cosine": (lambda z, t: 1 - functional.cosine_similarity(z, t).mean(), WIDE, NUMBERS, "unknown"),
    "correlation in each row": (
        lambda z, t: 1 - functional.cosine_similarity(z - z.mean(1, keepdim=True), t - t.mean(1, keepdim=True)).mean(),
        WIDE,
        NUMBERS,
        "unknown",
    ),
    "ranks in each row": (lambda z, t: -(t.softmax(1) * z.log_softmax(1)).sum(1).mean(), WIDE, NUMBERS, "unknown"),
    "likeness of pairs": (
        lambda d, t: (t * d**2 + (1 - t) * (1 - d).relu() ** 2).mean(),
        ONE.abs(),
        YES,
        "unknown",
    ),
    "distance from centres": (lambda z, t: (z - 3 * WIDE[t]).square().mean(), WIDE, CLASS, "unknown"),
    "product with centres": (lambda z, t: -(z * WIDE[t]).sum(1).mean(), WIDE, CLASS, "unknown"),
    "triplets": (
        lambda z, t: functional.triplet_margin_loss(z[:-2], z[1:-1], z[2:]) + 0 * t.sum(),
        WIDE,
        CLASS,
        "unknown",
    ),
    "a critic": (lambda z, t: (z * (2 * t - 1)).mean(), ONE, YES, "unknown"),
    "labels that are not used": (lambda z, t: z.square().mean(), WIDE, CLASS, "unknown"),
    "outputs that are not used": (lambda z, t: 0.7 + 0 * z.sum(), WIDE, CLASS, "unknown"),
    "order of pairs": (
        lambda z, t: functional.softplus(-(z - z.T) * (t - t.T).sign()).mean(),
        ONE,
        NUMBER,
        "unknown",
    ),
    "partial likelihood": (
        lambda z, t: -((z[:, 0] - z[:, 0].logcumsumexp(0)) * t[:, 1]).sum() / t[:, 1].sum(),
        ONE,
        torch.cat([NUMBER.abs(), YES], 1),
        "unknown",
    ),
}


@pytest.mark.parametrize("name", [*MODULES, *FUNCTIONS, *BY_HAND, *CHANGED, *OF_THEIR_OWN])
def test_the_kind_of_a_loss(name: str) -> None:
    loss, output, target, kind = {**MODULES, **FUNCTIONS, **BY_HAND, **CHANGED, **OF_THEIR_OWN}[name]
    assert kind_of(loss, output, target) == kind


@pytest.mark.parametrize("name", ["CrossEntropyLoss", "BCEWithLogitsLoss", "BCELoss", "MSELoss"])
def test_constant_outputs_do_not_hide_the_kind(name: str) -> None:
    loss, output, target, kind = MODULES[name]
    assert kind_of(loss, torch.full_like(output, 0.5), target) == kind


def test_what_is_no_tensor_of_real_numbers_is_unknown() -> None:
    assert kind_of(nn.MSELoss(), (ONE, ONE), NUMBER) == "unknown"
    assert kind_of(nn.MSELoss(), ONE, {"y": NUMBER}) == "unknown"
    assert kind_of(nn.MSELoss(), CLASS, NUMBER) == "unknown"
    assert kind_of(nn.MSELoss(), ONE, torch.full((N, 1), torch.nan)) == "unknown"


def test_nothing_is_changed_by_asking() -> None:
    output, target = ONE.clone().requires_grad_(), NUMBER.clone()
    state = torch.get_rng_state()
    kind_of(nn.MSELoss(), output, target)
    assert output.grad is None
    assert torch.equal(output, ONE)
    assert torch.equal(target, NUMBER)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("output", "target", "axis"),
    [
        ((8, 3), (8,), 1),
        ((8, 3), (8, 3), 1),
        ((8, 5, 3), (8, 5), 2),
        ((8, 3, 5), (8, 5), 1),
        ((8, 3, 4, 4), (8, 4, 4), 1),
        ((8, 3, 4, 4), (8, 3, 4, 4), 1),
        ((8,), (8,), 0),
    ],
    ids=str,
)
def test_the_axis_of_classes(output: tuple[int, ...], target: tuple[int, ...], axis: int) -> None:
    assert class_axis(torch.zeros(output), torch.zeros(target)) == axis
