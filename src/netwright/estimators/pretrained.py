"""Networks that begin with what a deep belief network has learned, to be trained further with labels.

Each machine of the stack becomes a fully connected layer of logistic units, v_l = s(W_l v_(l-1) + c_l), which is what
its `transform` computes; the head that follows has fresh weights. The biases of visible units have no place there.
"""

from __future__ import annotations

from typing import Any

import torch
from sklearn.utils.validation import check_is_fitted

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.core.validation import check, integer
from netwright.graph import Expression, Input, begins_with_input, join, parse
from netwright.layers import Sigmoid
from netwright.models.weights import LoadedWeights, WeightRow

LEARNED = ("weights_", "hidden_bias_")


def pretrained(network: Any, head: Any, seed: int = 0) -> LoadedWeights:
    """Layers with the weights of a fitted DBN or RBM, v_l = s(W_l v_(l-1) + c_l), and a head on top of them.

    Parameters
    ----------
    network : a fitted `netwright.classical.DBN` or `netwright.classical.RBM`.
    head : the layers on top, joined by ``>>``, or their text: ``Softmax(10)`` for ten classes, ``Linear(1)`` for a
        number.
    seed : of the head's weights.

    Returns
    -------
    The network with its weights, and the report of what stands where: print it. An estimator takes it as its network,
    begins with these weights, and can be saved. Give it rows as the DBN had them: in [0, 1], or standardised.

    Raises
    ------
    InvalidParameter : something else than such a network, or a head that begins with an `Input`. NotFittedError : a
        network that has not learned yet. JoinError : a head that does not fit on the topmost layer.

    Examples
    --------
    >>> import numpy as np, netwright as nw
    >>> from netwright.estimators.pretrained import pretrained
    >>> X, y = nw.data.load_digits()
    >>> X, y = X.reshape(-1, 64)[:200], y[:200]
    >>> dbn = nw.classical.DBN((32, 16), epochs=2, random_state=0).fit(X)
    >>> network = pretrained(dbn, "Softmax(10)")
    >>> bool(np.allclose(network.module.sigmoid1.linear.weight.detach(), dbn.rbms_[0].weights_))
    True
    >>> nw.Classifier(network, epochs=2, random_state=0).fit(X, y).network_
    Input(64) >> Sigmoid(32) >> Sigmoid(16) >> Softmax(10)

    References
    ----------
    Hinton, Salakhutdinov: Reducing the dimensionality of data with neural networks, 2006.
    """
    machines = _machines(network)
    check("pretrained(seed)", seed, integer(0))
    top = parse(head) if isinstance(head, str) else head
    if not isinstance(top, Expression) or begins_with_input(top):
        expected = "layers without an Input, such as Softmax(10), or their text"
        raise InvalidParameter(problem("pretrained(head)", expected, shown(head)))
    layers = [Sigmoid(len(machine.hidden_bias_)) for machine in machines]
    whole = join(Input(machines[0].weights_.shape[1]), *layers, top)
    module = whole.build(seed)
    rows = _fill(module, machines, "rbms_[{}]." if hasattr(network, "rbms_") else "")
    notes = ("the biases of visible units have no place in this network",)
    return LoadedWeights(module, "netwright", type(network).__name__, rows, notes, whole)


def _machines(network: Any) -> list[Any]:
    """The machines of a stack, from the bottom to the top; one machine is a stack of one."""
    if hasattr(network, "fit"):
        check_is_fitted(network)
    machines = list(getattr(network, "rbms_", [network]))
    if not all(hasattr(machine, name) for machine in machines for name in LEARNED):
        got = f"{shown(network)} of type {type(network).__name__}"
        raise InvalidParameter(problem("pretrained(network)", "a fitted DBN or RBM", got))
    return machines


def _fill(module: torch.nn.Module, machines: list[Any], place: str) -> tuple[WeightRow, ...]:
    """Write what the machines know into the first layers; the row of every tensor, `place` being where each stood."""
    entries = list(module.state_dict().items())
    rows = []
    for number, machine in enumerate(machines):
        for name, (ours, tensor) in zip(LEARNED, entries[2 * number : 2 * number + 2], strict=True):
            tensor.copy_(torch.tensor(getattr(machine, name)))
            rows.append(WeightRow(place.format(number) + name, ours, tuple(tensor.shape), "as it is"))
    for ours, tensor in entries[2 * len(machines) :]:
        rows.append(WeightRow("", ours, tuple(tensor.shape), "kept fresh: the head"))
    return tuple(rows)
