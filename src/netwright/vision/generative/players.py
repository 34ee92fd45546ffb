"""The two players as one torch module, whose forward pass gives the loss of the one whose turn it is.

The loop that trains every other network trains this one: a batch says whose turn it is, the loss is that player's, and
the rule (`netwright.vision.generative.turns`) moves that player only. In a turn of the discriminator the generator
computes without gradients; in one of the generator the discriminator's weights get none.

With labels, each class is a number k, and both players see its unit vector e_k: the generator beside the noise, the
discriminator beside the features, or as constant planes beside the channels (Mirza, Osindero, *Conditional generative
adversarial nets*, 2014).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot
from torch.nn.utils import parametrizations, parametrize

from netwright.vision.generative.losses import accuracy, discriminator_loss, generator_loss
from netwright.vision.generative.penalty import gradient_penalty, r1_penalty
from netwright.vision.generative.reading import Form
from netwright.vision.generative.turns import DISCRIMINATOR

NOT_MEASURED = -1.0  # accuracy in a turn of the generator
COLUMNS = ("generator_loss", "discriminator_loss", "discriminator_accuracy", "gradient_penalty")
_LAYERS = (torch.nn.Linear, torch.nn.modules.conv._ConvNd)


@dataclass(frozen=True)
class Game:
    """What is played.

    Parameters
    ----------
    loss : its kind, see `netwright.vision.generative.losses`.
    smoothing : of the label of real samples.
    penalty : "gradient", "r1" or "none".
    weight : of the penalty.
    latent : numbers of noise.
    classes : of a conditional game, 0 for none.
    """

    loss: str
    smoothing: float
    penalty: str
    weight: float
    latent: int
    classes: int = 0


class Players(torch.nn.Module):
    """A generator and a discriminator.

    Parameters
    ----------
    generator : (n, latent + classes) -> (n, ...).
    discriminator : (n, ...) -> n scores.
    game : what is played.
    epochs : for how many of them sums of losses are kept.
    frames : (moments, m, ...) zeros, where made samples are put during the fit; None for none.

    Attributes
    ----------
    sums : (epochs, 6), of the losses of the generator and its turns, of those of the discriminator and its turns, of
    its accuracy, and of the penalty. form : of the data, for who looks at samples; None where it is not told.

    Shapes
    ------
    x (n, ...), codes (n,), turn (n, 2) of the player and the epoch -> (1, 2): loss, accuracy
    """

    sums: Tensor
    frames: Tensor
    noise: Tensor
    form: Form | None = None

    def __init__(
        self,
        generator: torch.nn.Module,
        discriminator: torch.nn.Module,
        game: Game,
        epochs: int = 1,
        frames: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.generator, self.discriminator, self.game = generator, discriminator, game
        drawn = torch.randn(64, game.latent, generator=torch.Generator().manual_seed(0))
        self.register_buffer("noise", drawn, persistent=False)  # of evaluation, which draws nothing
        self.register_buffer("sums", torch.zeros(epochs, 6), persistent=False)
        self.register_buffer("frames", torch.zeros(0) if frames is None else frames, persistent=False)

    def forward(self, x: Tensor, codes: Tensor, turn: Tensor) -> Tensor:
        """The loss of the player whose turn it is; to be lessened."""
        player, epoch = turn[0].tolist()
        if player == DISCRIMINATOR:
            return self._discriminated(x, codes, epoch)
        with _resting(self.discriminator):
            loss = generator_loss(self.game.loss, self.judge(self.make(self._noise(x), codes), codes))
        self._count(epoch, {0: loss, 1: 1.0})
        return torch.stack([loss, loss.new_tensor(NOT_MEASURED)])[None]

    def make(self, noise: Tensor, codes: Tensor) -> Tensor:
        """Samples of noise (n, latent), and of the numbers of classes (n,) where there are some."""
        if self.game.classes:
            noise = torch.cat([noise, one_hot(codes, self.game.classes).to(noise.dtype)], 1)
        made: Tensor = self.generator(noise)
        return made

    def judge(self, x: Tensor, codes: Tensor) -> Tensor:
        """Scores (n,) of samples, greater for those that seem real."""
        if self.game.classes:
            planes = one_hot(codes, self.game.classes).to(x.dtype)
            if x.ndim > 2:
                planes = planes[(...,) + (None,) * (x.ndim - 2)].expand(-1, -1, *x.shape[2:])
            x = torch.cat([x, planes], 1)
        scores: Tensor = self.discriminator(x)
        return scores.flatten()

    def _discriminated(self, x: Tensor, codes: Tensor, epoch: int) -> Tensor:
        game = self.game
        with torch.no_grad():
            made = self.make(self._noise(x), codes)
        real, fake = self.judge(x, codes), self.judge(made, codes)
        loss, right = discriminator_loss(game.loss, real, fake, game.smoothing), accuracy(game.loss, real, fake)
        penalty = loss.new_zeros(())
        if self.training and game.penalty != "none":

            def critic(points: Tensor) -> Tensor:
                return self.judge(points, codes)

            if game.penalty == "gradient":
                penalty = gradient_penalty(critic, x, made, game.weight)
            else:
                penalty = r1_penalty(critic, x, game.weight)
        self._count(epoch, {2: loss, 3: 1.0, 4: right, 5: penalty})
        return torch.stack([loss + penalty, right])[None]

    def _noise(self, x: Tensor) -> Tensor:
        """Noise for as many samples: drawn in training, always the same in evaluation."""
        if self.training:
            return torch.randn(len(x), self.game.latent, dtype=x.dtype, device=x.device)
        rows = torch.arange(len(x), device=x.device) % len(self.noise)
        return self.noise.to(x.dtype)[rows]

    def _count(self, epoch: int, items: dict[int, Tensor | float]) -> None:
        if self.training:
            for place, item in items.items():
                self.sums[epoch, place] += item.detach() if isinstance(item, Tensor) else item


def columns_of(sums: Tensor, epoch: int) -> dict[str, float]:
    """What a game adds to the record of an epoch.

    Parameters
    ----------
    sums : of `Players`.
    epoch : from 0.

    Examples
    --------
    >>> columns_of(torch.tensor([[3.0, 2.0, 8.0, 4.0, 2.0, 0.0]]), 0)["discriminator_loss"]
    2.0
    """
    own, turns, other, rounds, right, penalty = sums[epoch].double().tolist()
    found = (own / max(turns, 1), other / max(rounds, 1), right / max(rounds, 1), penalty / max(rounds, 1))
    return dict(zip(COLUMNS, found, strict=True))


@contextmanager
def _resting(module: torch.nn.Module) -> Iterator[None]:
    """The parameters of a module are constants inside."""
    moving = [p for p in module.parameters() if p.requires_grad]
    for p in moving:
        p.requires_grad_(False)
    try:
        yield
    finally:
        for p in moving:
            p.requires_grad_(True)


def spectrally_normalized(module: torch.nn.Module) -> torch.nn.Module:
    """The module with the weights of its dense and convolutional layers divided by their largest singular value.

    Parameters
    ----------
    module : it is changed.
    """
    for part in list(module.modules()):
        if isinstance(part, _LAYERS):
            parametrizations.spectral_norm(part)
    return module


def plain(module: torch.nn.Module) -> torch.nn.Module:
    """The module with what its parametrizations give as its weights; it is changed.

    Parameters
    ----------
    module : with or without spectral normalisation.
    """
    for part in list(module.modules()):
        if parametrize.is_parametrized(part, "weight"):
            parametrize.remove_parametrizations(part, "weight", leave_parametrized=True)  # type: ignore[arg-type]
    return module
