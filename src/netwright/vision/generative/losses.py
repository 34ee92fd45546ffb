"""Losses of the two players of a generative adversarial network.

With the scores r = D(x) of real samples and f = D(G(z)) of made ones, sigma the logistic function, and s the label of
the real ones (1, or a little less with one-sided smoothing):

================= ================================================= =============================
kind              the discriminator lessens                         the generator lessens
================= ================================================= =============================
"original"        -s log sigma(r) - (1 - s) log sigma(-r)           -log sigma(f)
                  - log sigma(-f)
"minimax"         the same                                          log sigma(-f)
"least-squares"   1/2 (r - s)^2 + 1/2 f^2                           1/2 (f - 1)^2
"wasserstein"     f - r                                             -f
"hinge"           max(0, 1 - r) + max(0, 1 + f)                     -f
================= ================================================= =============================

each as the mean over its samples. "original" is the non-saturating form, which the paper trains with; "minimax" is the
game of its equation 1, whose gradient vanishes where the discriminator is sure. "wasserstein" measures a distance only
where the discriminator is 1-Lipschitz: see `netwright.vision.generative.penalty`.

References
----------
Goodfellow et al., *Generative adversarial nets*, 2014.
Salimans et al., *Improved techniques for training GANs*, 2016 (one-sided label smoothing).
Mao et al., *Least squares generative adversarial networks*, 2017.
Arjovsky, Chintala, Bottou, *Wasserstein generative adversarial networks*, 2017.
Lim, Ye, *Geometric GAN*, 2017; Miyato et al., *Spectral normalization for generative adversarial networks*, 2018.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import relu, softplus

from netwright.core.validation import check, number, one_of

KINDS = ("original", "minimax", "least-squares", "wasserstein", "hinge")
LABELLED = ("original", "minimax", "least-squares")  # those in which the real ones have a label, which may be smoothed


def discriminator_loss(kind: str, real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
    """What the discriminator lessens.

    Parameters
    ----------
    kind : see this module.
    real, fake : scores of real samples and of made ones.
    smoothing : how much less than 1 the label of real samples is, in [0, 1); of the kinds with labels.

    Shapes
    ------
    (n,), (m,) -> scalar

    Raises
    ------
    InvalidParameter : another kind.

    Examples
    --------
    >>> import torch
    >>> zero = torch.zeros(4)
    >>> [round(discriminator_loss(kind, zero, zero).item(), 4) for kind in KINDS]
    [1.3863, 1.3863, 0.5, 0.0, 2.0]
    """
    check("discriminator_loss(kind)", kind, one_of(*KINDS))
    check("discriminator_loss(smoothing)", smoothing, number(0, 1, closed="left"))
    if kind == "wasserstein":
        return fake.mean() - real.mean()
    if kind == "hinge":
        return relu(1 - real).mean() + relu(1 + fake).mean()
    label = 1 - smoothing
    if kind == "least-squares":
        return ((real - label).square().mean() + fake.square().mean()) / 2
    return label * softplus(-real).mean() + smoothing * softplus(real).mean() + softplus(fake).mean()


def generator_loss(kind: str, fake: Tensor) -> Tensor:
    """What the generator lessens.

    Parameters
    ----------
    kind : see this module.
    fake : scores of made samples.

    Shapes
    ------
    (m,) -> scalar

    Raises
    ------
    InvalidParameter : another kind.

    Examples
    --------
    >>> import torch
    >>> [round(generator_loss(kind, torch.zeros(4)).item(), 4) + 0.0 for kind in KINDS]
    [0.6931, -0.6931, 0.5, 0.0, 0.0]
    """
    check("generator_loss(kind)", kind, one_of(*KINDS))
    if kind == "original":
        return softplus(-fake).mean()
    if kind == "minimax":
        return -softplus(fake).mean()
    if kind == "least-squares":
        return (fake - 1).square().mean() / 2
    return -fake.mean()


def accuracy(kind: str, real: Tensor, fake: Tensor) -> Tensor:
    """The share of samples that the discriminator puts on the right side; 0.5 where it cannot tell them apart.

    The line between the sides is 0, 1/2 for "least-squares", and midway between the means for "wasserstein", whose
    scores have no zero.

    Parameters
    ----------
    kind : see this module.
    real, fake : scores.

    Shapes
    ------
    (n,), (m,) -> scalar in [0, 1]

    Examples
    --------
    >>> import torch
    >>> accuracy("hinge", torch.tensor([1.0, 2.0]), torch.tensor([-1.0, 1.0])).item()
    0.75
    """
    line: Tensor | float = 0.5 if kind == "least-squares" else 0.0
    if kind == "wasserstein":
        line = (real.mean() + fake.mean()) / 2
    return ((real > line).float().mean() + (fake < line).float().mean()) / 2
