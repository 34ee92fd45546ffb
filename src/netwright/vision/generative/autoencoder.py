"""`Autoencoder`: a code of few numbers from which a sample can be made again.

With the encoder f, the decoder g, and a sample x that is spoiled to x~ while training (x~ = x where `noise` is 0):

    L = 1/n sum_i |g(f(x~_i)) - x_i|^2 / numbers of x
    "gaussian"   x~ = x + noise e,   e ~ N(0, 1)
    "mask"       x~ = x m,           m = 0 with probability noise, else 1

Rows are standardised and images in [0, 1], where the decoder ends in a sigmoid. With linear layers alone the codes span
the space of the first principal components (Baldi, Hornik 1989).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from netwright.core.errors import InvalidParameter, problem
from netwright.core.seeds import derive
from netwright.core.validation import Constraint, checks_options, number, one_of
from netwright.vision.generative import saving
from netwright.vision.generative.coding import CODING, Coder, without_link


class AutoencoderNetwork(torch.nn.Module):
    """An encoder and a decoder.

    Parameters
    ----------
    encoder : (n, ...) -> (n, latent).
    decoder : the way back.
    bounded : whether a sigmoid follows.
    noise, corruption : how samples are spoiled in training.
    """

    def __init__(
        self, encoder: torch.nn.Module, decoder: torch.nn.Module, bounded: bool, noise: float, corruption: str
    ) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.bounded, self.noise, self.corruption = bounded, noise, corruption

    def forward(self, x: Tensor) -> Tensor:
        """Samples through their codes and back."""
        if self.training and self.noise:
            x = spoiled(x, self.noise, self.corruption)
        return self.decode(self.encode(x))

    def encode(self, x: Tensor) -> Tensor:
        """The codes of samples."""
        found: Tensor = self.encoder(x)
        return found

    def decode(self, codes: Tensor) -> Tensor:
        """What codes stand for."""
        found: Tensor = self.decoder(codes)
        return found.sigmoid() if self.bounded else found


class Autoencoder(Coder):
    """An autoencoder: plain, denoising, or convolutional, as it is for images where no layers are given.

    Parameters
    ----------
    encoder : layers joined by >> (or their text) from a sample to its code; a fully connected layer to `latent` numbers
        is added unless there is one. None for two hidden layers for rows, strided convolutions for images.
    decoder : layers from the code back; a fully connected layer to the shape of a sample is added unless there is one.
    latent : numbers of a code, >= 1; None for 32 of images, and half the features of rows, 2 to 16.
    noise : how much samples are spoiled while it trains, >= 0: a deviation (rows are standardised, images in [0, 1]),
        or the share of numbers that are set to 0.
    corruption : "gaussian" or "mask".
    optimizer : an update rule of `nw.optim` or its text; None for Adam(1e-3).
    epochs, batch_size : integers >= 1.
    validation : share of the samples in (0, 1) to hold out, or other samples, or None.
    patience : epochs without a better loss of the held-out samples after which it ends; None: never.
    average : decay of a running average of the weights, in (0, 1), that is used and kept; None for none.
    device, checkpoint, resume, random_state, callbacks, verbose : as of `nw.Classifier`.

    Attributes
    ----------
    networks_ : the closed ``encoder`` and ``decoder``. module_ : both, with weights. latent_ : numbers of a code.
    form_ : of samples. history_, seed_, n_iter_, loss_curve_, best_epoch_, diagnosis_ : as of others.

    Notes
    -----
    X : (n, features), or images as of `GAN`. transform(X) -> (n, latent).

    Raises
    ------
    InvalidData : X that cannot be. InvalidParameter : options that cannot be. JoinError : layers that do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.random.default_rng(0).uniform(-1, 1, (200, 1))
    >>> X = np.hstack([t, t**2, t**3])
    >>> model = Autoencoder("Tanh(16)", "Tanh(16)", latent=1, optimizer="Adam(0.01)", random_state=0).fit(X)
    >>> model.transform(X).shape, model.score(X) > 0.9
    ((200, 1), True)

    References
    ----------
    Hinton, Salakhutdinov, *Reducing the dimensionality of data with neural networks*, 2006.
    Vincent, Larochelle, Bengio, Manzagol, *Extracting and composing robust features with denoising autoencoders*, 2008.
    """

    _constraints: ClassVar[Mapping[str, Constraint]] = {
        **CODING,
        "noise": number(0),
        "corruption": one_of("gaussian", "mask"),
    }

    @checks_options
    def __init__(
        self,
        encoder: Any = None,
        decoder: Any = None,
        *,
        latent: int | None = None,
        noise: float = 0.0,
        corruption: str = "gaussian",
        optimizer: Any = None,
        epochs: int = 50,
        batch_size: int = 64,
        validation: Any = None,
        patience: int | None = None,
        average: float | None = None,
        device: str = "auto",
        checkpoint: Any = None,
        resume: bool = True,
        random_state: Any = None,
        callbacks: Any = None,
        verbose: int = 0,
    ) -> None:
        self.encoder, self.decoder, self.latent = encoder, decoder, latent
        self.noise, self.corruption = noise, corruption
        self.optimizer, self.epochs, self.batch_size = optimizer, epochs, batch_size
        self.validation, self.patience, self.average = validation, patience, average
        self.device, self.checkpoint, self.resume = device, checkpoint, resume
        self.random_state, self.callbacks, self.verbose = random_state, callbacks, verbose

    def score(self, X: Any, y: Any = None) -> float:
        """The share of the variance of X that what is made again explains, at most 1; of PCA the same figure.

        It is NaN, with a warning, of samples that do not vary, such as a single one.

        Parameters
        ----------
        X : in the form of the fit.
        y : not looked at.
        """
        x = self._read(X, "score")
        scaled = self.form_.scaled(x).flatten(1).double()
        again = self._over(x, self.module_).flatten(1).double()
        spread = (scaled - scaled.mean(0)).square().sum()
        if not spread > 0:
            where, remedy = f"{self._name}.score(X)", "Look at reconstruct(X) instead."
            text = problem(where, "samples that vary", f"{len(scaled)} without any variance", remedy)
            warnings.warn(text, UserWarning, stacklevel=2)
            return math.nan
        return float(1 - (again - scaled).square().sum() / spread)

    def _network(self, seed: int) -> AutoencoderNetwork:
        if self.corruption == "mask" and self.noise >= 1:
            remedy = "Give the share of numbers that are set to 0."
            raise InvalidParameter(
                problem(f"{self._name}(noise)", "a number in [0, 1) of a mask", f"{self.noise}", remedy)
            )
        encoder = self.networks_["encoder"].build(derive(seed, "encoder"))
        decoder = without_link(self.networks_["decoder"].build(derive(seed, "decoder")))
        return AutoencoderNetwork(encoder, decoder, len(self.form_.shape) == 3, self.noise, self.corruption)

    def _outputs(self) -> int:
        return self.latent_

    def _objective(self) -> Any:
        return squared_error

    def _checked(self, x: Tensor, where: str) -> None:
        """Any samples will do."""

    def _to_state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        return {"latent": self.latent_}, {}

    def _from_state(self, state: dict[str, Any], arrays: dict[str, Any]) -> None:
        self.latent_ = state["latent"]


def spoiled(x: Tensor, noise: float, corruption: str) -> Tensor:
    """Samples with noise, drawn from torch's random state.

    Parameters
    ----------
    x : samples.
    noise : a deviation, or the share of numbers that become 0.
    corruption : "gaussian" or "mask".

    Examples
    --------
    >>> spoiled(torch.ones(2, 3), 0.0, "mask").tolist()
    [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """
    if corruption == "mask":
        return x * (torch.rand_like(x) >= noise)
    return x + noise * torch.randn_like(x)


def squared_error(output: Tensor, target: Tensor, weight: Any = None) -> Tensor:
    """The mean squared difference.

    Parameters
    ----------
    output, target : of one shape.
    weight : not looked at.
    """
    return (output - target).square().mean()


def from_content(kind: str, content: dict[str, Any], tensors: dict[str, np.ndarray]) -> Autoencoder:
    """The autoencoder that a model file holds."""
    restored: Autoencoder = saving.restore(Autoencoder, content, tensors)
    return restored
