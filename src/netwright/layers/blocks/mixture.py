"""Mixtures of experts: a gate says how much of each network's output counts, sample by sample.

    p = softmax(W x + b)                      the gate, one p_i for each of the E networks
    g = p                                     all of them count
    g_i = p_i / sum_{j in top} p_j            only the `top` largest count, the others are 0
    y = sum_i g_i f_i(x)

With `top` = 1 the largest p_i stays as it is: divided by itself it would be 1, and the gate would learn nothing. A gate
left alone prefers the networks that are ahead, which are then trained more. Against that stands the loss

    L = E sum_i F_i P_i                       F_i the share of samples that i is chosen for, P_i the mean of p_i

which is 1 where all networks are used alike and E where one is used alone. Its gradient enters at the gate by itself
when any training loop goes backward; the loss that the loop shows is without it.

References
----------
Jacobs, Jordan, Nowlan, Hinton, *Adaptive mixtures of local experts*, 1991.
Shazeer et al., *Outrageously large neural networks: the sparsely-gated mixture-of-experts layer*, 2017.
Fedus, Zoph, Shazeer, *Switch transformers: scaling to trillion parameter models with simple and efficient sparsity*,
2022.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch

from netwright.core.errors import LONG, InvalidParameter, JoinError, problem, shown
from netwright.core.validation import Constraint, integer, nothing, number, tuple_of
from netwright.core.value import value
from netwright.graph import Block, Expression, Layer, Plan, Shape, refuse
from netwright.layers.activation import Softmax
from netwright.layers.blocks.parts import beside, is_sequence, one_output, open_network, planned
from netwright.layers.shape import Flatten
from netwright.layers.space.global_pooling import GlobalPool

_ROUTING: Mapping[str, Constraint] = {"balance": number(0), "top": integer(1) | nothing}


@value("layer")
class MixtureOfExperts(Block):
    """Several networks, weighed for each sample by a gate: y = sum_i g_i(x) f_i(x).

    It is ``(f_1 | ... | f_n | gate) >> Mixture(balance, top)``. All networks are run for every sample. Let them end in
    scores and put Softmax behind the mixture, to have it trained on its logits.

    Parameters
    ----------
    networks : f_1 ... f_n, two or more layers or open networks that give the same shape.
    gate : a layer or an open network that gives n values, or n for each step; Softmax() follows unless it ends in one.
        None: Softmax(n), for (channels, *space) behind GlobalPool(). Inputs of rank 2 are (steps, features) to
        networks with layers of units and without windows that slide: then each step has gates of its own if the
        networks keep the steps, and if not Flatten() stands before the gate.
    balance : weight of the loss against the use of few networks, >= 0. Its gradient is added in training mode at each
        backward pass; use 0 with rules that go backward once for each residual, such as Levenberg-Marquardt.
    top : number of networks that count for a sample, 1 to n; None is all.

    Shapes
    ------
    any -> what the networks give

    Raises
    ------
    JoinError : networks that give different shapes, a gate that does not give n values.
    InvalidParameter : options out of range, fewer than two networks, a `top` above n.

    Examples
    --------
    >>> from netwright.layers import Input, Linear, MixtureOfExperts, Softmax, Tanh
    >>> experts = tuple(Tanh(units) >> Linear(3) for units in (4, 8, 16))
    >>> net = Input(10) >> MixtureOfExperts(experts) >> Softmax()
    >>> net["mixtureofexperts1.parallel1.branch4"], net.output_shape
    (Softmax(3), (3,))

    References
    ----------
    Jacobs, Jordan, Nowlan, Hinton, *Adaptive mixtures of local experts*, 1991.
    Fedus, Zoph, Shazeer, *Switch transformers: scaling to trillion parameter models with simple and efficient
    sparsity*, 2022.
    """

    networks: tuple[Expression, ...]
    gate: Expression | None = None
    balance: float = 0.01
    top: int | None = None

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "networks": tuple_of(open_network, least=2),
        "gate": open_network | nothing,
        **_ROUTING,
    }

    def __post_init__(self) -> None:
        if self.top is not None and self.top > len(self.networks):
            expected = f"at most {len(self.networks)}, the number of networks"
            raise InvalidParameter(problem("MixtureOfExperts(top)", expected, str(self.top)))

    def expand(self, shape: Shape) -> Expression:
        plans = [planned(network, shape) for network in self.networks]
        gives = [one_output(self, f"network {i}", plan) for i, plan in enumerate(plans, start=1) if plan is not None]
        if len(set(gives)) > 1:
            remedy = "End the networks in layers of equal width, such as Linear(units)."
            raise JoinError(
                problem(shown(self, LONG), "networks that give one shape", ", ".join(map(str, gives)), remedy)
            )
        gate = self._gate(shape, plans)
        known = planned(gate, shape)
        if known is not None and gives:
            self._expect_gates(one_output(self, "gate", known), gives[0])
        return beside(*self.networks, gate) >> Mixture(self.balance, self.top)

    def _gate(self, shape: Shape, plans: list[Plan | None]) -> Expression:
        count = len(self.networks)
        if self.gate is not None:
            return self.gate if _ends_in_softmax(planned(self.gate, shape)) else self.gate >> Softmax()
        if len(shape) == 1:
            return Softmax(count)
        if not all(is_sequence(plan, shape) for plan in plans):
            return GlobalPool() >> Softmax(count)
        keeps_steps = all(plan is None or plan.output_shapes[0][:-1] == shape[:1] for plan in plans)
        return Softmax(count) if keeps_steps else Flatten() >> Softmax(count)

    def _expect_gates(self, gates: Shape, gives: Shape) -> None:
        if not _weighs(gates, gives, len(self.networks)):
            expected = f"a gate with {len(self.networks)} values, one for each network"
            remedy = f"End it in Softmax({len(self.networks)}), behind GlobalPool() or Flatten() if it has more axes."
            raise JoinError(problem(shown(self, LONG), expected, f"{gates} for outputs {gives}", remedy))


@value("layer")
class Mixture(Layer):
    """Its first n inputs, weighed by its last: y = sum_i g_i x_i, for the largest g_i or all.

    The gates are n values >= 0 with sum 1 for each sample, as Softmax(n) gives them, or n for each of the leading
    positions of the inputs. In training mode the module keeps the last value of the balance loss, L = n sum_i F_i P_i,
    as its `balance_loss`, and adds the gradient of `balance` L when the loop goes backward.

    Parameters
    ----------
    balance : weight of the loss, >= 0.
    top : number of inputs that count for a sample, the others have the gate 0; None is all. The gates that are left are
        divided by their sum; with 1 the gate stays as it is.

    Shapes
    ------
    n inputs of one shape and gates (n,) or (steps, n) -> that shape

    Raises
    ------
    JoinError : inputs of unequal shapes, gates of another number, fewer than `top` inputs.
    InvalidParameter : options out of range.

    Examples
    --------
    >>> import torch
    >>> from netwright.layers import Input, Mixture
    >>> module = ((Input(2) | Input(2) | Input(2)) >> Mixture(top=1)).build().eval()
    >>> module(torch.ones(1, 2), torch.zeros(1, 2), torch.tensor([[0.75, 0.25]]))
    tensor([[0.7500, 0.7500]])

    References
    ----------
    Shazeer et al., *Outrageously large neural networks: the sparsely-gated mixture-of-experts layer*, 2017.
    """

    balance: float = 0.01
    top: int | None = None

    merges: ClassVar[bool] = True
    constraints: ClassVar[Mapping[str, Constraint]] = _ROUTING

    def make(self, *shapes: Shape) -> torch.nn.Module:
        *inputs, gates = shapes
        if len(inputs) < max(2, self.top or 0):
            remedy = f"Put it behind branches: (a | b | gate) >> {self!r}."
            raise refuse(self, f"at least {max(2, self.top or 0)} inputs and their gates", shapes, remedy)
        if len(set(inputs)) > 1:
            remedy = "Give the branches the same shape, for instance by Conv(channels, 1) or Linear(units)."
            raise refuse(self, "inputs of one shape, and their gates", shapes, remedy)
        if not _weighs(gates, inputs[0], len(inputs)):
            remedy = f"Let the last branch end in Softmax({len(inputs)})."
            raise refuse(self, f"gates of {len(inputs)} values as its last input", shapes, remedy)
        return Mixing(self.balance, self.top)


class Mixing(torch.nn.Module):
    """Tensors weighed by gates.

    Attributes
    ----------
    balance_loss : its value at the last forward pass in training mode, detached; None before.
    """

    def __init__(self, balance: float, top: int | None) -> None:
        super().__init__()
        self.balance = balance
        self.top = top
        self.balance_loss: torch.Tensor | None = None

    def forward(self, inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """n x (batch, *lead, *rest) and gates (batch, *lead, n) -> (batch, *lead, *rest)"""
        *outputs, gates = inputs
        if self.training:
            loss = load_balance(gates, self.top or 1)
            if not loss.is_meta:  # a summary must not change the module that it looks at
                self.balance_loss = loss.detach()
            if self.balance > 0:
                gates = gates + ZeroOf.apply(self.balance * loss)
        gates = gates if self.top is None else largest_gates(gates, self.top)
        axes = [1] * (outputs[0].ndim - gates.ndim + 1)
        weights = [gate.reshape(*gate.shape, *axes) for gate in gates.unbind(-1)]  # n x (batch, *lead, 1, ...)
        total = weights[0] * outputs[0]
        for weight, output in zip(weights[1:], outputs[1:], strict=True):
            total = total + weight * output
        return total

    def extra_repr(self) -> str:
        """The options."""
        return f"balance={self.balance}, top={self.top}"


class ZeroOf(torch.autograd.Function):
    """Zero, added to a tensor that leads to a loss, makes another loss part of it.

    Going backward the loss gets the gradient 1, whatever comes, as if it had been added to the loss of the training
    loop. Along a direction (forward mode) zero stays zero, and so a derivative is that of the tensor.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(loss: torch.Tensor) -> torch.Tensor:
        """0, whatever the loss."""
        return torch.zeros_like(loss)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        """Nothing is needed but what comes."""

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        """1."""
        return torch.ones_like(gradient)

    @staticmethod
    def jvp(ctx: Any, along: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        """0."""
        return torch.zeros_like(along)


def load_balance(gates: torch.Tensor, top: int = 1) -> torch.Tensor:
    """How unequally gates use what they choose from: L = n sum_i F_i P_i, from 1 (all alike) to n (one alone).

    F_i is the share of the choices that fall on i, which has no gradient, and P_i the mean of gate i.

    Parameters
    ----------
    gates : >= 0 with sum 1 along the last axis.
    top : number of choices for each sample, the largest gates.

    Shapes
    ------
    (..., n) -> ()

    Examples
    --------
    >>> import torch
    >>> load_balance(torch.full((8, 4), 0.25)), load_balance(torch.eye(4)[:1].expand(8, 4))
    (tensor(1.), tensor(4.))
    """
    n = gates.shape[-1]
    rows = gates.reshape(-1, n)  # (samples, n)
    chosen = rows.detach().topk(top, dim=-1).indices  # (samples, top)
    shares = torch.zeros_like(rows).scatter(-1, chosen, 1 / top).mean(0)
    return n * (shares * rows.mean(0)).sum()


def importance_variation(gates: torch.Tensor) -> torch.Tensor:
    """The squared coefficient of variation of importance: CV^2 = var(I) / mean(I)^2, I_i = sum over samples of gate i.

    The variance is that of a sample, with n - 1; 0 is all alike.

    Parameters
    ----------
    gates : >= 0, along the last axis.

    Shapes
    ------
    (..., n) -> (), n >= 2

    Examples
    --------
    >>> import torch
    >>> importance_variation(torch.tensor([[4.0, 2.0, 1.0, 1.0]]))
    tensor(0.5000)
    """
    importance = gates.reshape(-1, gates.shape[-1]).sum(0)  # (n,)
    return importance.var() / importance.mean().square()


def largest_gates(gates: torch.Tensor, top: int) -> torch.Tensor:
    """The `top` largest gates divided by their sum, the others 0; a single one stays as it is.

    Parameters
    ----------
    gates : >= 0, along the last axis.
    top : how many are kept, 1 to n.

    Shapes
    ------
    (..., n), kept
    """
    chosen = gates.detach().topk(top, dim=-1).indices
    kept = gates * torch.zeros_like(gates).scatter(-1, chosen, 1.0)
    return kept if top == 1 else kept / kept.sum(-1, keepdim=True)


def _weighs(gates: Shape, gives: Shape, count: int) -> bool:
    """Whether gates of that shape are for `count` outputs of the other."""
    return len(gates) <= len(gives) and gates[-1] == count and gates[:-1] == gives[: len(gates) - 1]


def _ends_in_softmax(gate: Plan | None) -> bool:
    return gate is None or isinstance(gate.nodes[gate.outputs[-1]].layer, Softmax)
