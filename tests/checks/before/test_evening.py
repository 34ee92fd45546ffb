"""Whether a loss evens out classes of different size."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.checks.before.evening import evened

N = 60
CLASS, YES = (torch.arange(N) < 4).long(), (torch.arange(N) < 4).float()[:, None]
SIGMOID, LOGARITHM, SOFT = nn.Sigmoid(), nn.LogSoftmax(1), nn.Softmax(1)
BY_CLASS = torch.tensor([1.0, 20.0])


def focal(z: Tensor, t: Tensor) -> Tensor:
    """Cross-entropy of which easy rows are left out (Lin et al. 2017)."""
    each = functional.cross_entropy(z, t, reduction="none")
    return ((1 - each.neg().exp()) ** 2 * each).mean()


def binary_focal(z: Tensor, t: Tensor) -> Tensor:
    """The same for one output."""
    each = functional.binary_cross_entropy_with_logits(z, t, reduction="none")
    return ((1 - each.neg().exp()) ** 2 * each).mean()


EVEN: dict[str, tuple[Any, Any, int]] = {
    "cross-entropy": (nn.CrossEntropyLoss(weight=BY_CLASS), None, 2),
    "sum": (nn.CrossEntropyLoss(weight=BY_CLASS, reduction="sum"), None, 2),
    "likelihood": (nn.NLLLoss(weight=BY_CLASS), LOGARITHM, 2),
    "logarithm of probabilities": (lambda p, t: functional.nll_loss(p.log(), t, BY_CLASS), SOFT, 2),
    "positive": (nn.BCEWithLogitsLoss(pos_weight=torch.tensor([20.0])), None, 1),
    "rows": (lambda p, t: functional.binary_cross_entropy(p, t, 1 + 19 * t), SIGMOID, 1),
    "shifted logits": (lambda z, t: functional.cross_entropy(z - BY_CLASS.log(), t), None, 2),
    "focal": (focal, None, 2),
    "binary focal": (binary_focal, None, 1),
}
UNEVEN: dict[str, tuple[Any, Any, int]] = {
    "cross-entropy": (nn.CrossEntropyLoss(), None, 2),
    "smooth": (nn.CrossEntropyLoss(label_smoothing=0.2), None, 2),
    "times 1000": (lambda z, t: 1000 * functional.cross_entropy(z, t), None, 2),
    "and a constant": (lambda z, t: functional.cross_entropy(z, t) + 3, None, 2),
    "likelihood": (nn.NLLLoss(), LOGARITHM, 2),
    "logarithm of probabilities": (lambda p, t: functional.nll_loss(p.log(), t), SOFT, 2),
    "logits": (nn.BCEWithLogitsLoss(), None, 1),
    "probabilities": (nn.BCELoss(), SIGMOID, 1),
    "margin": (nn.MultiMarginLoss(), None, 2),
    "many columns": (nn.CrossEntropyLoss(), None, 30),
}


def ask(program: tuple[Any, Any, int], context: Any, net: Any, draw: Any) -> bool:
    loss, last, width = program
    return evened(context(net(4, width, last=last), loss, (draw(N, 4), YES if width == 1 else CLASS)), 0, 1)


@pytest.mark.parametrize("name", EVEN)
def test_losses_that_even_classes_out(name: str, context: Any, net: Any, draw: Any) -> None:
    assert ask(EVEN[name], context, net, draw)


@pytest.mark.parametrize("name", UNEVEN)
def test_losses_that_do_not(name: str, context: Any, net: Any, draw: Any) -> None:
    assert not ask(UNEVEN[name], context, net, draw)


def test_whole_labels_that_the_loss_makes_real(context: Any, net: Any, draw: Any) -> None:
    plain = lambda z, t: functional.binary_cross_entropy_with_logits(z[:, 0], t.float())  # noqa: E731
    weighted = lambda z, t: plain(z, t) * (1 + 9 * t.float().mean())  # noqa: E731
    assert not evened(context(net(4, 1), plain, (draw(N, 4), CLASS)), 0, 1)
    assert evened(context(net(4, 1), weighted, (draw(N, 4), CLASS)), 0, 1)


def test_what_cannot_be_asked_is_left_alone(context: Any, net: Any, draw: Any) -> None:
    assert evened(context(net(4, 2), lambda z, t: z.undefined, (draw(N, 4), CLASS)), 0, 1)
