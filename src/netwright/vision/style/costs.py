"""The costs of style transfer, as functions of the maps a (n_C, n_H, n_W) that a layer gives for an image.

    content   J_C = 1/2 ||a(C) - a(G)||^2
    Gram      G = a a^T                                                    a as (n_C, n_H n_W), G (n_C, n_C)
    style     J_S = 1 / (2 n_H n_W n_C)^2 ||G(S) - G(G)||_F^2              summed over layers with weights
    total     J = alpha J_C + beta J_S + gamma TV(G)

    variation, anisotropic   TV = sum |x_ij+1 - x_ij| + sum |x_i+1j - x_ij|
    variation, squared       TV = sum (x_ij+1 - x_ij)^2 + sum (x_i+1j - x_ij)^2

=========== ================= ======================================================
symbol      argument          meaning
=========== ================= ======================================================
C, S, G     ``of_content`` …  the image of the content, that of the style, the picture
alpha       ``alpha``         weight of the content
beta        ``beta``          weight of the style
gamma       ``tv``            weight of the total variation
=========== ================= ======================================================

Gatys, Ecker, Bethge, *Image style transfer using convolutional neural networks*, 2016; Mahendran, Vedaldi,
*Understanding deep image representations by inverting them*, 2015 (the squared variation).

Where this differs: image and picture of the style may have different sizes. Each Gram matrix is divided by its own
n_C n_H n_W, so J_S = 1/4 ||G(S) / n_S - G(G) / n_G||^2, which is the formula above where sizes are equal, and does not
grow with the size. Others divide by other numbers: the weights of one program do not fit another.
"""

from __future__ import annotations

import torch
from torch import Tensor

from netwright.core.errors import InvalidData, problem
from netwright.core.validation import check, one_of

VARIATIONS = ("anisotropic", "squared")


def content_cost(of_content: Tensor, of_picture: Tensor) -> Tensor:
    """How far maps are from those of the content: 1/2 ||a(C) - a(G)||^2.

    Parameters
    ----------
    of_content, of_picture : the maps of a layer, tensors of one shape.

    Shapes
    ------
    any, the same twice -> a number

    Raises
    ------
    InvalidData : maps of different shapes.

    Examples
    --------
    >>> content_cost(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 5.0]))
    tensor(6.5000)

    References
    ----------
    Gatys, Ecker, Bethge, *Image style transfer using convolutional neural networks*, 2016.
    """
    if of_content.shape != of_picture.shape:
        got = f"{tuple(of_content.shape)} and {tuple(of_picture.shape)}"
        remedy = "Bring the content to the size of the picture."
        raise InvalidData(problem("content_cost(of_content, of_picture)", "maps of one shape", got, remedy))
    return (of_content - of_picture).square().sum() / 2


def gram_matrix(maps: Tensor, *, normalize: bool = False, mask: Tensor | None = None) -> Tensor:
    """Which maps of a layer are active together: G = a a^T, summed over all places.

    Parameters
    ----------
    maps : of a layer, at least one spatial axis.
    normalize : whether G is divided by n_C n_H n_W, so that it does not depend on the size.
    mask : a weight m >= 0 for each place, (n_H, n_W): G = a m^2 a^T, and n_H n_W becomes the sum of m^2 (the guided
        Gram matrix); None for 1 everywhere.

    Shapes
    ------
    (..., n_C, n_H, n_W) -> (..., n_C, n_C)

    Raises
    ------
    InvalidData : maps without places, a mask of another size or one that is 0 everywhere.

    Examples
    --------
    >>> maps = torch.arange(8.0).reshape(2, 2, 2)
    >>> gram_matrix(maps).tolist(), gram_matrix(maps, normalize=True).tolist()
    ([[14.0, 38.0], [38.0, 126.0]], [[1.75, 4.75], [4.75, 15.75]])

    References
    ----------
    Gatys, Ecker, Bethge, Hertzmann, Shechtman, *Controlling perceptual factors in neural style transfer*, 2017 (masks).
    """
    if maps.ndim < 3 or not maps.numel():
        raise InvalidData(problem("gram_matrix(maps)", "maps (..., n_C, n_H, n_W)", f"shape {tuple(maps.shape)}"))
    places: Tensor | float = float(maps.shape[-1] * maps.shape[-2])
    if mask is not None:
        if mask.shape != maps.shape[-2:]:
            expected = f"the size {tuple(maps.shape[-2:])} of the maps"
            raise InvalidData(problem("gram_matrix(mask)", expected, f"{tuple(mask.shape)}", "Resize it."))
        maps, places = maps * mask, mask.square().sum()
        if not bool(places > 0):
            raise InvalidData(problem("gram_matrix(mask)", "a place with a weight above 0", "0 everywhere"))
    rows = maps.flatten(-2)
    gram = rows @ rows.transpose(-1, -2)
    return gram / (places * rows.shape[-2]) if normalize else gram


def style_cost(of_style: Tensor, of_picture: Tensor) -> Tensor:
    """How far the Gram matrix of a layer is from that of the style: ||G(S) - G(G)||_F^2 / (2 n_H n_W n_C)^2.

    Parameters
    ----------
    of_style, of_picture : the maps of a layer, with the same channels; their sizes may differ, and each Gram matrix is
        then divided by its own.

    Shapes
    ------
    (n_C, n_H, n_W), (n_C, any, any) -> a number

    Raises
    ------
    InvalidData : maps with different numbers of channels.

    Examples
    --------
    >>> maps = torch.arange(8.0).reshape(2, 2, 2)
    >>> style_cost(maps, torch.zeros(2, 2, 2)), style_cost(maps, maps.flip(1))  # where things are does not matter
    (tensor(74.0625), tensor(0.))

    References
    ----------
    Gatys, Ecker, Bethge, *Image style transfer using convolutional neural networks*, 2016.
    """
    if of_style.shape[:-2] != of_picture.shape[:-2]:
        got = f"{tuple(of_style.shape)} and {tuple(of_picture.shape)}"
        raise InvalidData(problem("style_cost(of_style, of_picture)", "maps with the same channels", got))
    return gram_distance(gram_matrix(of_style, normalize=True), gram_matrix(of_picture, normalize=True))


def gram_distance(of_style: Tensor, of_picture: Tensor) -> Tensor:
    """The style cost of Gram matrices that are divided by n_C n_H n_W: 1/4 ||G(S) - G(G)||_F^2.

    Parameters
    ----------
    of_style, of_picture : (n_C, n_C).
    """
    return (of_style - of_picture).square().sum() / 4


def total_variation(image: Tensor, kind: str = "anisotropic") -> Tensor:
    """How much neighbours differ, summed over all pairs of pixels side by side and all channels.

    Parameters
    ----------
    image : at least two axes; the last two are height and width.
    kind : "anisotropic", the sum of absolute differences; "squared", that of their squares, which blurs edges more.

    Shapes
    ------
    (..., height, width) -> a number

    Raises
    ------
    InvalidParameter : another kind.

    Examples
    --------
    >>> image = torch.arange(16.0).reshape(4, 4)
    >>> total_variation(image), total_variation(image, "squared")
    (tensor(60.), tensor(204.))

    References
    ----------
    Rudin, Osher, Fatemi, *Nonlinear total variation based noise removal algorithms*, 1992.
    """
    check("total_variation(kind)", kind, one_of(*VARIATIONS))
    across, down = image.diff(dim=-1), image.diff(dim=-2)
    if kind == "squared":
        return across.square().sum() + down.square().sum()
    return across.abs().sum() + down.abs().sum()


def transfer_cost(
    content: Tensor | float,
    style: Tensor | float,
    variation: Tensor | float = 0.0,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    tv: float = 0.0,
) -> Tensor | float:
    """The cost that a picture is made by: J = alpha J_content + beta J_style + tv TV.

    Parameters
    ----------
    content, style, variation : the costs. alpha, beta, tv : their weights.

    Examples
    --------
    >>> transfer_cost(2.0, 3.0, alpha=10, beta=40)
    140.0
    """
    return alpha * content + beta * style + tv * variation


def matches(of_style: dict[str, Tensor], of_picture: dict[str, Tensor], weights: dict[str, float]) -> Tensor:
    """The style cost over layers, sum_l w_l J_S^(l) / J_S^(l)(0): shares of what a picture without features costs.

    A share is 1 where the maps of the picture are 0 and 0 where the Gram matrices are the same, in any layer of any
    network, so that weights have a meaning that does not depend on either.

    Parameters
    ----------
    of_style, of_picture : Gram matrices by layer, divided by n_C n_H n_W. weights : by layer.
    """
    shares = [
        weight * gram_distance(of_style[name], of_picture[name]) / (of_style[name].square().sum() / 4).clamp_min(1e-30)
        for name, weight in weights.items()
    ]
    return torch.stack(shares).sum()
