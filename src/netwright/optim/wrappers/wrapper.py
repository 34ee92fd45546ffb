"""What every wrapper is: a rule that has another rule inside, whose facts it takes over."""

from __future__ import annotations

from typing import Any

from netwright.core.errors import InvalidParameter, problem
from netwright.core.validation import Constraint, instance
from netwright.optim.base import Optimizer

RULE: Constraint = instance(Optimizer, text="an update rule such as Adam(0.001)")


class Wrapper(Optimizer):
    """An update rule round another one, `rule`; subclasses declare their options and write `_build`.

    What a training loop asks a rule, a wrapper answers for the rule inside: what its step takes, whether it looks at
    all rows, its learning rate, whether it goes by the names of parameters.
    """

    rule: Optimizer

    @property
    def takes(self) -> str:  # type: ignore[override]  # a fact of the class there, of the rule inside here
        """What ``step`` is handed: as the rule inside."""
        return self.rule.takes

    @property
    def full_batch(self) -> bool:  # type: ignore[override]
        """Whether a step is to look at all rows at once: as the rule inside."""
        return self.rule.full_batch

    @property
    def by_name(self) -> bool:  # type: ignore[override]
        """Whether `build` needs the names of the parameters: as the rule inside."""
        return self.rule.by_name

    @property
    def learning_rate(self) -> Any:
        """The learning rate or schedule of the rule inside; AttributeError where it has none."""
        return self.rule.learning_rate  # type: ignore[attr-defined]


def require_gradients(wrapper: Wrapper, what: str, also: tuple[str, ...] = ()) -> None:
    """Raise unless the rule inside is handed gradients.

    Parameters
    ----------
    wrapper : what is being made.
    what : what it does with gradients, as the end of a sentence.
    also : other kinds of rule (see `Optimizer.takes`) that it can do it for.
    """
    if wrapper.takes in ("gradients", *also):
        return
    name = type(wrapper).__name__
    raise InvalidParameter(
        problem(
            f"{name}(rule)",
            "a rule that is handed gradients, such as Adam(0.001)",
            f"{wrapper.rule!r}, which evaluates the loss itself",
            f"Leave {name} out: {what}.",
        )
    )
