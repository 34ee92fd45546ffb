"""The update rule of a game: each player has a rule of its own, and only the one whose turn it is moves.

A round is k turns of the discriminator and then one of the generator. The rule counts the turns, and the count is part
of its state, so that a run which is taken up again goes on with the right player.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from netwright.core.errors import InvalidParameter, problem
from netwright.optim import Optimizer

GENERATOR, DISCRIMINATOR = 0, 1
NAMES = ("generator", "discriminator")


def whose_turn(turn: int, critic_steps: int) -> int:
    """The player of a turn: `GENERATOR` or `DISCRIMINATOR`.

    Parameters
    ----------
    turn : its number, from 0.
    critic_steps : turns of the discriminator in a round, >= 1.

    Examples
    --------
    >>> [NAMES[whose_turn(turn, 2)][0] for turn in range(6)]
    ['d', 'd', 'g', 'd', 'd', 'g']
    """
    return GENERATOR if turn % (critic_steps + 1) == critic_steps else DISCRIMINATOR


@dataclass(frozen=True)
class TwoPlayers(Optimizer):
    """The rules of a generator and a discriminator, which take turns.

    Parameters
    ----------
    generator, discriminator : update rules that take gradients.
    critic_steps : turns of the discriminator in a round.
    turns : of the whole game; schedules of rates run over them.
    epochs : of the whole game.

    Raises
    ------
    InvalidParameter : a rule that looks at the whole loss.

    Examples
    --------
    >>> from netwright.optim import Adam
    >>> TwoPlayers(Adam(1e-4), Adam(4e-4), 1, turns=100, epochs=1).learning_rate
    0.0004
    """

    generator: Optimizer
    discriminator: Optimizer
    critic_steps: int
    turns: int
    epochs: int
    by_name: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name, rule in zip(NAMES, (self.generator, self.discriminator), strict=True):
            if rule.takes != "gradients" or rule.full_batch:
                remedy = "Use one such as Adam() or SGD(0.01)."
                raise InvalidParameter(
                    problem(f"optimizer of the {name}", "a rule that updates batch by batch", repr(rule), remedy)
                )

    @property
    def learning_rate(self) -> Any:
        """That of the discriminator."""
        return getattr(self.discriminator, "learning_rate", 1.0)

    def _build(self, params: list[Any], lr: float) -> torch.optim.Optimizer:
        parts = [[(name, p) for name, p in params if name.startswith(f"{player}.")] for player in NAMES]
        return Turns(self, parts)


class Turns(torch.optim.Optimizer):
    """The optimizer of `TwoPlayers`.

    Parameters
    ----------
    rule : what it is built from.
    parts : the named parameters of the generator and of the discriminator.

    Attributes
    ----------
    count : turns so far. players : the optimizer of each player.
    """

    def __init__(self, rule: TwoPlayers, parts: Iterable[list[tuple[str, Any]]]) -> None:
        parts = list(parts)
        super().__init__([{"params": [p for _, p in part]} for part in parts], {"lr": 1.0})
        self.rule, self.count = rule, 0
        self.rules = (rule.generator, rule.discriminator)
        self.players = [
            own.build(part if own.by_name else [p for _, p in part])
            for own, part in zip(self.rules, parts, strict=True)
        ]

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """Move the player whose turn it is.

        Parameters
        ----------
        closure : computes the loss and its gradients, or None where the gradients are there.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        rule, whose = self.rule, whose_turn(self.count, self.rule.critic_steps)
        player, own = self.players[whose], self.rules[whose]
        if hasattr(own, "learning_rate"):
            rate = own.rate(self.count / rule.turns * rule.epochs, rule.epochs)
            for group in player.param_groups:
                group["lr"] = rate
        player.step()
        self.count += 1
        return loss

    def state_dict(self) -> dict[str, Any]:
        """The count, and the state of each player's optimizer."""
        return {"count": self.count, "players": [player.state_dict() for player in self.players]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up what `state_dict` gave.

        Parameters
        ----------
        state_dict : of a game with the same rules.
        """
        self.count = int(state_dict["count"])
        for player, state in zip(self.players, state_dict["players"], strict=True):
            player.load_state_dict(state)
