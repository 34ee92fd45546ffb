"""What a `GAN` does where its user has said nothing: by the loss and the shape of the data."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import torch

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.graph import Expression, begins_with_input, parse
from netwright.optim import Adam, Optimizer, cosine
from netwright.vision.generative import networks
from netwright.vision.generative.base import batchwise
from netwright.vision.generative.losses import LABELLED
from netwright.vision.generative.networks import Shape
from netwright.vision.generative.players import Game

NOISE = 100  # numbers of it for images
SHAPING = (torch.nn.Flatten, torch.nn.Unflatten, torch.nn.Identity)
MOST = 16  # and for rows, which get as many as they have features


@dataclass(frozen=True)
class Chosen:
    """The options of a game, all of them said.

    Parameters
    ----------
    game : what is played.
    spectral : whether the discriminator's weights are normalised.
    critic_steps : turns of the discriminator in a round.
    rules : of the generator and of the discriminator.
    """

    game: Game
    spectral: bool
    critic_steps: int
    rules: tuple[Optimizer, Optimizer]


def chosen(gan: Any, shape: Shape, classes: int) -> Chosen:
    """The options of a GAN for samples of a shape.

    Parameters
    ----------
    gan : the estimator.
    shape : of a sample.
    classes : how many, 0 for none.

    Raises
    ------
    InvalidParameter : label smoothing without labels, or a Wasserstein loss that nothing keeps smooth.
    """
    loss, name = gan.loss, gan._name
    if gan.label_smoothing and loss not in LABELLED:
        remedy = "Leave label_smoothing out."
        raise InvalidParameter(problem(f"{name}(label_smoothing)", f"0 for {loss!r}", f"{gan.label_smoothing}", remedy))
    spectral = loss == "hinge" if gan.spectral_norm is None else gan.spectral_norm
    wanted = "gradient" if loss == "wasserstein" and not spectral else "none"
    penalty = gan.penalty or wanted
    if loss == "wasserstein" and penalty == "none" and not spectral:
        remedy = 'Use penalty="gradient" or spectral_norm=True.'
        expected = "something that keeps the critic smooth"
        raise InvalidParameter(problem(f'{name}(loss="wasserstein", penalty)', expected, "'none'", remedy))
    usual = 5 if loss == "wasserstein" else 1
    game = Game(loss, gan.label_smoothing, penalty, gan.penalty_weight, latent_of(gan, shape, classes), classes)
    return Chosen(game, spectral, gan.critic_steps or usual, rules_of(gan, len(shape) == 3))


def latent_of(gan: Any, shape: Shape, classes: int) -> int:
    """The numbers of noise: what was said, what the generator's Input says, or the usual.

    Parameters
    ----------
    gan, shape, classes : as of `chosen`.
    """
    if gan.latent is not None:
        return int(gan.latent)
    given = parse(gan.generator) if isinstance(gan.generator, str) else gan.generator
    if given is not None and begins_with_input(given):
        wanted = given.plan().input_shapes
        if len(wanted) != 1 or len(wanted[0]) != 1 or wanted[0][0] <= classes:
            expected = "a network that takes a vector of noise" + (f" and {classes} classes" if classes else "")
            got = f"one for {shown(wanted[0] if len(wanted) == 1 else wanted)}"
            remedy = f"Begin it with Input({NOISE + classes}), numbers of noise and classes, or leave Input out."
            raise InvalidParameter(problem(f"{gan._name}(generator)", expected, got, remedy))
        return int(wanted[0][0]) - classes
    return NOISE if len(shape) == 3 else max(2, min(shape[0], MOST))


def rules_of(gan: Any, images: bool) -> tuple[Optimizer, Optimizer]:
    """The rules of both players.

    Parameters
    ----------
    gan : the estimator.
    images : whether it learns from images.
    """
    given = gan.optimizer
    if given is None:
        first = 0.0 if gan.loss in ("wasserstein", "hinge") else 0.5
        last = 0.9 if gan.loss in ("wasserstein", "hinge") else 0.999
        rate = 1e-4 if gan.loss == "wasserstein" else 2e-4
        given = Adam(rate, betas=(first, last)) if images else Adam(cosine(2e-3), betas=(0.5, 0.999))
    pair = given if isinstance(given, (tuple, list)) else (given, given)
    own, other = (batchwise(gan, rule if rule is not None else Adam()) for rule in pair)
    return own, other


def networks_of(gan: Any, shape: Shape, option: Chosen) -> dict[str, Expression]:
    """The closed networks of both players.

    Parameters
    ----------
    gan : the estimator.
    shape : of a sample.
    option : what was chosen.

    Raises
    ------
    InvalidParameter, JoinError : networks that do not fit the data or each other.
    """
    game, images, name = option.game, len(shape) == 3, gan._name
    noise, seen = (game.latent + game.classes,), (shape[0] + game.classes, *shape[1:])
    mixing = game.penalty == "none" and not option.spectral
    if gan.generator is not None:
        made = networks.closed(gan.generator, noise, f"{name}(generator)")
    elif images:
        made = networks.dcgan_generator(shape, noise[0])
    else:
        made = networks.rows_generator(shape[0], noise[0])
    if gan.discriminator is not None:
        judge = networks.closed(gan.discriminator, seen, f"{name}(discriminator)")
    elif images:
        judge = networks.dcgan_discriminator(seen, normalized=mixing)
    else:
        judge = networks.rows_discriminator(seen[0])
    made = networks.expect_output(made, shape, f"{name}(generator)")
    return {"generator": made, "discriminator": networks.expect_output(judge, (1,), f"{name}(discriminator)")}


def range_of(generator: torch.nn.Module) -> tuple[float, float]:
    """The range of images that a generator learns in: [0, 1] where it ends in a sigmoid, else [-1, 1].

    Parameters
    ----------
    generator : the built network.

    Examples
    --------
    >>> range_of(torch.nn.Sequential(torch.nn.Sigmoid(), torch.nn.Flatten())), range_of(torch.nn.Tanh())
    ((0.0, 1.0), (-1.0, 1.0))
    """
    leaves = [part for part in generator.modules() if not list(part.children()) and not isinstance(part, SHAPING)]
    return (0.0, 1.0) if leaves and isinstance(leaves[-1], torch.nn.Sigmoid | torch.nn.Hardsigmoid) else (-1.0, 1.0)


def warn_of_mixing(name: str, penalty: str, discriminator: torch.nn.Module) -> None:
    """Warn of batch normalisation where a penalty asks for the gradient of each sample.

    Parameters
    ----------
    name : of the estimator.
    penalty : its kind.
    discriminator : the built network.
    """
    if penalty == "gradient" and networks.mixes_samples(discriminator):
        expected = "a critic without batch normalisation: its gradient penalty is that of each sample"
        remedy = "Use LayerNorm() or GroupNorm(8) instead, or leave it out."
        warnings.warn(problem(f"{name}(discriminator)", expected, "BatchNorm", remedy), UserWarning, stacklevel=2)
