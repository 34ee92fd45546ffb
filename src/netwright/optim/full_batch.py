"""The shell of rules that look at the whole loss: a torch optimizer round a pure function.

A rule is a function ``advance(rule, objective, start, memory) -> (Point, memory)``: it is given the loss as an
`Objective`, where it stands (a `Point`: weights, loss, gradient; or a `Model` with a matrix too) and what it wrote down
last time, and says where it goes. The shell does the rest: one vector of all groups' parameters, finite losses, the
same function at every step, and memory that `state_dict` has whole, so that a run that is taken up again makes the same
steps bit by bit.

``step(closure)`` takes a closure as `netwright.optim.objective` describes it, or a list of closures whose sum is the
loss; it returns the loss at the weights it began from, as torch's optimizers do. The closure is called as often as the
rule needs it, always on the same rows: at the same weights it must give the same loss. At its 2nd, 4th, 8th... step,
and whenever it is given another closure, the shell looks whether it does, and says so if not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from operator import is_
from typing import Any, TypeAlias, final

import torch
from torch import Tensor

from netwright.core.errors import InvalidData, InvalidParameter, problem
from netwright.optim.base import tensors
from netwright.optim.direct import is_watched
from netwright.optim.objective import Objective, Point, finite

Memory: TypeAlias = dict[str, Any]  # tensors and numbers
Advance: TypeAlias = Callable[[Any, Objective, Any, Memory], tuple[Point, Memory]]
Begin: TypeAlias = Callable[[Objective, Tensor], Any]

_OWN = ("step", "loss", "trained")  # entries of the state that are the shell's
_SAME = {torch.float64: 1e-9, torch.float32: 1e-4}  # relative difference up to which two losses are the same


@final
class FullBatch(torch.optim.Optimizer):
    """A torch optimizer whose every step looks at the whole loss; rules of curvature build it.

    Parameters
    ----------
    params : tensors, pairs or groups, as torch takes them; one vector for all groups.
    rule : the value that describes the rule.
    advance : its step function.
    begin : what it wants to know where it stands; `Objective.point` or `Objective.quadratic`.
    lr : the first learning rate of a rule that has one, whose function finds it in ``memory["lr"]`` at every step: a
        number, or one for each weight (P,) where groups differ. Rules that find their own step length have none, and
        the ``"lr"`` of their groups and torch's schedulers have no effect.

    Attributes
    ----------
    stuck : whether the last step found no better weights and left them as they were.

    Raises
    ------
    InvalidParameter : a step without a closure, or with one that returns nothing that can be used; no parameters that
        can be trained, or complex ones.
    InvalidData : a loss that is not finite at the weights as they stand, or not the same at the same weights.

    Examples
    --------
    >>> import torch
    >>> from netwright.optim import QuasiNewton
    >>> weight = torch.tensor([-1.2, 1.0], dtype=torch.float64, requires_grad=True)
    >>> optimizer = QuasiNewton().build([weight])
    >>> for _ in range(50):
    ...     _ = optimizer.step(lambda: (1 - weight[0]) ** 2 + 100 * (weight[1] - weight[0] ** 2) ** 2)
    >>> weight.detach().round(decimals=6)
    tensor([1., 1.], dtype=torch.float64)
    """

    def __init__(
        self, params: Any, rule: Any, advance: Advance, begin: Begin = Objective.point, lr: float = 1.0
    ) -> None:
        super().__init__(params, {"lr": lr})
        self.rule, self.advance, self.begin = rule, advance, begin
        self.stuck = False
        self.restart()

    def restart(self) -> None:
        """Forget what the loss was at the last weights, for other data from here on; the rule's memory stays."""
        self._kind = (self._key.dtype, self._key.device)
        self._closure: Any = None
        self._objective: Objective | None = None
        self._known: Objective | None = None  # the one that `_last` was evaluated with
        self._last: Point | None = None

    def step(self, closure: Any = None) -> Any:
        """One step; returns the loss before it, a scalar tensor.

        Without hooks it leaves out torch's record for the profiler, which takes as long as a step on few rows.

        Parameters
        ----------
        closure : computes the loss, see `netwright.optim.curvature.closures`; a list of closures whose losses add up;
            or an `Objective`.
        """
        return (self._hooked_step if is_watched(vars(self)) else self._step)(closure)

    step.hooked = True  # type: ignore[attr-defined]  # torch does not wrap it a second time

    @torch.no_grad()
    def _step(self, closure: Any = None) -> Any:
        if self._kind != (self._key.dtype, self._key.device):
            self.restart()  # the module is elsewhere or in another number format, in which the loss is another one
            self.state[self._key] = {name: self._placed(item) for name, item in self.state[self._key].items()}
        every = tensors(self.param_groups)
        trained = [i for i, item in enumerate(every) if item.requires_grad]
        objective = self._objective_of(closure, [every[i] for i in trained])
        state = self.state[self._key]
        start = self._start(objective, state)
        known = trained == state.get("trained", trained)  # with other parameters the rule begins anew
        memory = {name: item for name, item in state.items() if name not in _OWN} if known else {}
        if hasattr(self.rule, "learning_rate"):
            memory["lr"] = self._rates()
        try:
            point, memory = self.advance(self.rule, objective, start, dict(memory))
        except BaseException:
            objective.write(start.theta)
            raise
        if not (math.isfinite(point.loss) and math.isfinite(float(point.theta.sum()))):
            point = start
        if objective.at is not point.theta:
            point = point._replace(theta=objective.write(point.theta))
        self.stuck = torch.equal(point.theta, start.theta)
        self._last = point
        count = state.get("step", 0) + 1
        state.clear()
        state.update(step=count, loss=point.loss, trained=trained, **memory)
        return torch.tensor(start.loss, dtype=torch.float64)

    _hooked_step = torch.optim.Optimizer.profile_hook_step(_step)

    def load_state_dict(self, state_dict: Any) -> None:
        """Take up what `state_dict` gave; the rule's memory stays in double precision.

        Parameters
        ----------
        state_dict : of an optimizer of the same rule.
        """
        super().load_state_dict(state_dict)
        if state_dict["state"]:
            entries = deepcopy(next(iter(state_dict["state"].values())))
            self.state[self._key] = {name: self._placed(item) for name, item in entries.items()}
        self.restart()

    def _placed(self, item: Any) -> Any:
        """Memory of numbers where the parameters are; a generator's state, which is bytes, stays on the CPU."""
        moves = isinstance(item, Tensor) and item.is_floating_point()
        return item.to(self._key.device) if moves else item

    def __getstate__(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in ("rule", "advance", "begin", "stuck", "_kind")}
        return {**super().__getstate__(), **own, "_closure": None, "_objective": None, "_known": None, "_last": None}

    @property
    def _key(self) -> Tensor:
        """The parameter that the state is kept with."""
        return self.param_groups[0]["params"][0]  # type: ignore[no-any-return]

    def _rates(self) -> float | Tensor:
        """The learning rate, or one for each weight (P,) where groups differ."""
        rates = [float(group["lr"]) for group in self.param_groups]
        if len(set(rates)) == 1:
            return rates[0]
        counts = [sum(item.numel() for item in group["params"] if item.requires_grad) for group in self.param_groups]
        return torch.tensor(rates, dtype=torch.float64).repeat_interleave(torch.tensor(counts)).to(self._key.device)

    @property
    def _where(self) -> str:
        return f"{type(self.rule).__name__}.step(closure)"

    def _objective_of(self, closure: Any, parameters: list[Tensor]) -> Objective:
        """The closure as an objective; the same one for the same closure, which then is known to be the same loss."""
        if isinstance(closure, Objective):
            self._require_own(parameters, closure)
            self._closure, self._objective = None, closure
            return closure
        if not callable(closure) and not (isinstance(closure, Sequence) and closure and all(map(callable, closure))):
            raise InvalidParameter(
                problem(
                    self._where,
                    "a function that computes the loss, or a list of them",
                    repr(closure),
                    "Call optimizer.step(closure), where closure() returns the loss of all rows.",
                )
            )
        closures = list(closure) if isinstance(closure, Sequence) else [closure]
        before = self._objective if self._closure is not None else None
        if before is None or not _are(closures, before.closures) or not _are(parameters, before.layout.parameters):
            single = getattr(self.rule, "takes", "") == "objective"
            self._objective = Objective(parameters, closures, where=self._where, single=single)
        self._closure = closure
        return self._objective  # type: ignore[return-value]

    def _require_own(self, parameters: Sequence[Tensor], objective: Objective) -> None:
        """An objective must be a function of as many weights as the optimizer was built for."""
        size = sum(item.numel() for item in parameters)
        if objective.size != size:
            raise InvalidParameter(
                problem(
                    self._where,
                    f"an objective of the {size} weights that the optimizer was built for",
                    f"one of {objective.size}",
                    "Give both the same parameters.",
                )
            )

    def _start(self, objective: Objective, state: Mapping[str, Any]) -> Any:
        """Where the step begins, evaluated anew unless it is known from the last step."""
        theta, last = objective.theta(), self._last
        unmoved = last is not None and torch.equal(theta, last.theta)
        known = unmoved and objective is self._known and last is not None and last.gradient is not None
        if known and not (self._closure is not None and _is_time(state["step"])):
            return last
        start = finite(self.begin(objective, theta), self._where)
        self._known = objective
        if unmoved and self._closure is not None:
            self._require_same(start.loss, state["loss"], objective, theta)
        return start

    def _require_same(self, now: float, before: float, objective: Objective, theta: Tensor) -> None:
        """The loss at the same weights must be the same, or the closure's rows have changed.

        Where one was computed with a graph and the other without, kernels may differ, and near zero a loss is what they
        differ by; so it is asked for once more without.
        """
        tolerance = _SAME.get(self._key.dtype, 1e-2)
        if _is_close(now, before, tolerance) or _is_close(objective.loss(theta), before, tolerance):
            return
        raise InvalidData(
            problem(
                self._where,
                "the same loss at the same weights, of all rows and without noise",
                f"{now:.6g} after {before:.6g}",
                "Give all rows at every step (no mini-batches) and take dropout out, or use Adam; "
                "after a change of the data call optimizer.restart().",
            )
        )


def _is_close(one: float, other: float, tolerance: float) -> bool:
    return abs(one - other) <= tolerance * max(abs(one), abs(other), 1e-12)


def _are(some: Sequence[Any], others: Sequence[Any]) -> bool:
    """Whether these are the same objects in the same order."""
    return len(some) == len(others) and all(map(is_, some, others))


def _is_time(steps: int) -> bool:
    """Whether the loss is looked at again at this step although it is known: at the 2nd, 4th, 8th..."""
    return steps > 0 and steps & (steps - 1) == 0
