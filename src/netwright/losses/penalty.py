"""Regularizers: penalties on weights that are added to a loss, and a projection of weights after an update.

==================== ==================================== =========================
value                penalty R(theta)                     dR / dtheta
==================== ==================================== =========================
``l1(strength)``     strength sum abs(w)                  strength sign(w)
``l2(strength)``     1/2 strength sum w^2                 strength w
``maxnorm(limit)``   0; rows are scaled to norm <= limit  0
``a + b``            R_a + R_b, both projections          the sum of both
==================== ==================================== =========================

Biases are every parameter with fewer than two axes; they are exempt unless ``biases=True``. The caller selects: a
penalty works on any tensor that it is given, one weight or the flat vector of all. In a sum, each part may have a
selection of its own, so that a caller goes through the parts::

    for part in regularizer.parts():
        part.add_gradient_(theta_of(part.biases), gradient_of(part.biases))
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import ClassVar, final

import torch
from torch import Tensor

from netwright.core.errors import InvalidData, problem
from netwright.core.validation import Constraint, boolean, instance, number, tuple_of
from netwright.core.value import value

_STRENGTH: Constraint = number(0)


class Penalty(ABC):
    """A regularizer as a value; subclasses declare their options and write what they do to weights.

    ``penalty(theta)`` is the number that is added to the loss, and ``add_gradient_`` its gradient, added without
    autograd; ``project_`` changes a weight after an update where `projects`. ``a + b`` is their sum.
    """

    @property
    @abstractmethod
    def biases(self) -> bool:
        """Whether parameters with fewer than two axes are penalised too; for a sum, whether any part does it."""

    @property
    @abstractmethod
    def projects(self) -> bool:
        """Whether `project_` does anything."""

    @abstractmethod
    def penalty(self, theta: Tensor) -> Tensor:
        """The penalty of a tensor of weights of any shape, a scalar that can be differentiated."""

    @abstractmethod
    def add_gradient_(self, theta: Tensor, gradient: Tensor) -> None:
        """Add the gradient of `penalty` at `theta` to `gradient`, in place; both have the same shape."""

    @abstractmethod
    def project_(self, weight: Tensor) -> None:
        """Bring one weight, (out, ...), to where it may be, in place."""

    @abstractmethod
    def parts(self) -> tuple[Penalty, ...]:
        """The penalties that a sum is made of; of any other the penalty itself."""

    @final
    def __add__(self, other: object) -> PenaltySum:
        if not isinstance(other, Penalty):
            return NotImplemented
        return PenaltySum((self, other))


@final
@value("regularizer")
class l1(Penalty):
    """Lasso: R = strength * sum of abs(w); draws weights to exactly zero, so that few inputs are used.

    The gradient at w = 0 is 0.

    Parameters
    ----------
    strength : factor of the penalty, >= 0.
    biases : penalise biases too.

    Examples
    --------
    >>> import torch
    >>> l1(0.1).penalty(torch.tensor([1.0, -2.0]))
    tensor(0.3000)
    >>> l1(0.01) + l2(0.1)  # the elastic net
    l1(0.01) + l2(0.1)

    References
    ----------
    Tibshirani: Regression shrinkage and selection via the lasso, 1996.
    Zou, Hastie: Regularization and variable selection via the elastic net, 2005.
    """

    strength: float
    _: KW_ONLY
    biases: bool = False

    constraints: ClassVar[Mapping[str, Constraint]] = {"strength": _STRENGTH, "biases": boolean}
    projects: ClassVar[bool] = False

    def penalty(self, theta: Tensor) -> Tensor:
        return self.strength * theta.abs().sum()

    def add_gradient_(self, theta: Tensor, gradient: Tensor) -> None:
        _same_shape(self, theta, gradient)
        gradient.add_(theta.detach().sign(), alpha=self.strength)

    def project_(self, weight: Tensor) -> None:
        """Nothing."""

    def parts(self) -> tuple[Penalty, ...]:
        return (self,)


@final
@value("regularizer")
class l2(Penalty):
    """Ridge: R = 1/2 * strength * sum of w^2, with the gradient strength * w; draws weights towards zero.

    Mind the 1/2: another library's penalty ``c * sum of w^2`` is ``l2(2 * c)``. With adaptive rules such as Adam it is
    not the same as weight decay, which shrinks weights beside the update.

    Parameters
    ----------
    strength : factor of the penalty, >= 0.
    biases : penalise biases too.

    Examples
    --------
    >>> import torch
    >>> l2(0.1).penalty(torch.tensor([1.0, -2.0]))
    tensor(0.2500)
    >>> gradient = torch.zeros(2)
    >>> l2(0.1).add_gradient_(torch.tensor([1.0, -2.0]), gradient)
    >>> gradient
    tensor([ 0.1000, -0.2000])

    References
    ----------
    Hoerl, Kennard: Ridge regression: biased estimation for nonorthogonal problems, 1970.
    """

    strength: float
    _: KW_ONLY
    biases: bool = False

    constraints: ClassVar[Mapping[str, Constraint]] = {"strength": _STRENGTH, "biases": boolean}
    projects: ClassVar[bool] = False

    def penalty(self, theta: Tensor) -> Tensor:
        return 0.5 * self.strength * theta.square().sum()

    def add_gradient_(self, theta: Tensor, gradient: Tensor) -> None:
        _same_shape(self, theta, gradient)
        gradient.add_(theta.detach(), alpha=self.strength)

    def project_(self, weight: Tensor) -> None:
        """Nothing."""

    def parts(self) -> tuple[Penalty, ...]:
        return (self,)


@final
@value("regularizer")
class maxnorm(Penalty):
    """Max-norm: after an update, a unit whose incoming weights have a norm above the limit is scaled to it.

    With the weight as a matrix of units by inputs, (out, -1), for each row w::

        w <- w min(1, limit / norm(w))

    Parameters
    ----------
    limit : largest Euclidean norm of a unit's incoming weights, > 0; 3 to 4 is usual.
    biases : limit biases too; each is a row by itself.

    Examples
    --------
    >>> import torch
    >>> weight = torch.tensor([[3.0, 4.0], [0.3, 0.4]])
    >>> maxnorm(1).project_(weight)
    >>> weight
    tensor([[0.6000, 0.8000],
            [0.3000, 0.4000]])

    References
    ----------
    Srebro, Rennie, Jaakkola: Maximum-margin matrix factorization, 2005.
    Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov: Dropout, 2014.
    """

    limit: float
    _: KW_ONLY
    biases: bool = False

    constraints: ClassVar[Mapping[str, Constraint]] = {"limit": number(0, closed="neither"), "biases": boolean}
    projects: ClassVar[bool] = True

    def penalty(self, theta: Tensor) -> Tensor:
        return theta.reshape(-1)[:0].sum()  # a zero that can be differentiated, for any theta

    def add_gradient_(self, theta: Tensor, gradient: Tensor) -> None:
        """Nothing: the penalty is zero."""

    def project_(self, weight: Tensor) -> None:
        weight = weight.detach()
        if weight.ndim < 2:
            weight.clamp_(-self.limit, self.limit)
            return
        norms = torch.linalg.vector_norm(weight, dim=tuple(range(1, weight.ndim)), keepdim=True)  # (out, 1, ...)
        # tensor by tensor, since number by tensor is a product with the reciprocal: the factor within the limit is 1
        weight.mul_(torch.full_like(norms, self.limit) / norms.clamp_min(self.limit))

    def parts(self) -> tuple[Penalty, ...]:
        return (self,)


@final
@value("regularizer")
class PenaltySum(Penalty):
    """A sum of penalties, as ``l1(0.01) + l2(0.1)`` makes it; sums in sums are flattened.

    Parameters
    ----------
    addends : the penalties, one or more.

    Examples
    --------
    >>> both = l1(0.01) + (l2(0.1, biases=True) + maxnorm(3))
    >>> both.parts()
    (l1(0.01), l2(0.1, biases=True), maxnorm(3))
    >>> both == l1(0.01) + l2(0.1, biases=True) + maxnorm(3)
    True
    """

    addends: tuple[Penalty, ...]

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "addends": tuple_of(instance(Penalty, text="a penalty such as l2(1e-4)"), least=1)
    }

    def __post_init__(self) -> None:
        flat = tuple(part for addend in self.addends for part in addend.parts())
        object.__setattr__(self, "addends", flat)

    def __repr__(self) -> str:
        return " + ".join(map(repr, self.addends))

    @property
    def biases(self) -> bool:
        return any(part.biases for part in self.addends)

    @property
    def projects(self) -> bool:
        return any(part.projects for part in self.addends)

    def penalty(self, theta: Tensor) -> Tensor:
        return torch.stack([part.penalty(theta) for part in self.addends]).sum()

    def add_gradient_(self, theta: Tensor, gradient: Tensor) -> None:
        for part in self.addends:
            part.add_gradient_(theta, gradient)

    def project_(self, weight: Tensor) -> None:
        for part in self.addends:
            part.project_(weight)

    def parts(self) -> tuple[Penalty, ...]:
        return self.addends


def _same_shape(penalty: Penalty, theta: Tensor, gradient: Tensor) -> None:
    if theta.shape != gradient.shape:
        raise InvalidData(
            problem(
                f"{penalty!r}.add_gradient_(gradient)",
                f"the shape {tuple(theta.shape)} of theta",
                f"{tuple(gradient.shape)}",
                "Give the gradient of the same weights.",
            )
        )
