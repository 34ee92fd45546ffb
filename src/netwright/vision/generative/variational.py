"""`VariationalAutoencoder`: a density of samples, with a code of few numbers behind each.

With a code z ~ N(0, I), a decoder p(x | z), and an encoder q(z | x) = N(mu(x), diag sigma^2(x)), log p(x) is at least

    ELBO(x) = E_q[log p(x | z)] - KL(q(z | x) | N(0, I))          in nats
    KL      = 1/2 sum_j (mu_j^2 + sigma_j^2 - 1 - log sigma_j^2)

and what is maximised is the mean of E_q[log p(x | z)] - beta KL, with one draw z = mu + sigma e, e ~ N(0, I), for each
sample and step. The decoder gives logits l_j or means m_j of each number of x:

    "bernoulli"   log p(x | z) = sum_j x_j log s(l_j) + (1 - x_j) log s(-l_j),   s the logistic function
    "gaussian"    log p(x | z) = sum_j -1/2 ((x_j - m_j) / t)^2 - log t - 1/2 log 2 pi,   one t, learned

Of grey values in (0, 1) the first is no density, though it is what is usually printed; of images of 0 and 1 it is one.
Of rows the Gaussian is that of the standardised row, and `elbo` that of the row itself (less the sum of the logs of the
deviations).

References
----------
Kingma, Welling, *Auto-encoding variational Bayes*, 2014. Rezende, Mohamed, Wierstra, *Stochastic backpropagation and
approximate inference in deep generative models*, 2014. Higgins et al., *beta-VAE*, 2017. Rybkin, Daniilidis, Levine,
*Simple and effective VAE training with calibrated decoders*, 2021 (one learned deviation).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from netwright.core.errors import InvalidData, problem
from netwright.core.seeds import derive, to_seed
from netwright.core.validation import Constraint, check, checks_options, integer, nothing, number, one_of
from netwright.vision.generative import saving
from netwright.vision.generative.coding import CODING, Coder, without_link

WIDEST = 10.0  # log sigma^2 of a code lies between minus and plus this
Parts = tuple[Tensor, Tensor]


class VariationalNetwork(torch.nn.Module):
    """An encoder to means and log variances, and a decoder to logits or means.

    Parameters
    ----------
    encoder : (n, ...) -> (n, 2 latent).
    decoder : (n, latent) -> (n, ...).
    likelihood : "bernoulli" or "gaussian".

    Shapes
    ------
    x (n, ...) -> E_q[log p(x | z)] (n,) by one draw, KL (n,)
    """

    def __init__(self, encoder: torch.nn.Module, decoder: torch.nn.Module, likelihood: str) -> None:
        super().__init__()
        self.encoder, self.decoder, self.likelihood = encoder, decoder, likelihood
        if likelihood == "gaussian":
            self.log_deviation = torch.nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Parts:
        """Both parts of the bound; the draw is a new one in training and always the same in evaluation."""
        mean, log_variance = self.posterior(x)
        if self.training:
            e = torch.randn_like(mean)
        else:
            drawn = torch.Generator(mean.device).manual_seed(0)
            e = torch.randn(mean.shape, generator=drawn, device=mean.device, dtype=mean.dtype)
        return self.parts(x, mean, log_variance, e)

    def parts(self, x: Tensor, mean: Tensor, log_variance: Tensor, e: Tensor) -> Parts:
        """Both parts of the bound for a draw e (n, latent)."""
        given = self.decoder(mean + (log_variance / 2).exp() * e)
        return self.log_likelihood(x, given), normal_divergence(mean, log_variance)

    def posterior(self, x: Tensor) -> Parts:
        """The mean and the log variance of the codes of samples, (n, latent) each."""
        mean, log_variance = self.encoder(x).chunk(2, 1)
        return mean, log_variance.clamp(-WIDEST, WIDEST)

    def log_likelihood(self, x: Tensor, given: Tensor) -> Tensor:
        """log p(x | z), (n,), of what the decoder gives."""
        if self.likelihood == "bernoulli":
            return -binary_cross_entropy_with_logits(given, x, reduction="none").flatten(1).sum(1)
        t = self.log_deviation
        each = -((x - given) / t.exp()).square() / 2 - t - math.log(2 * math.pi) / 2
        return each.flatten(1).sum(1)

    def encode(self, x: Tensor) -> Tensor:
        """The means of the codes of samples."""
        return self.posterior(x)[0]

    def decode(self, codes: Tensor) -> Tensor:
        """The mean of p(x | z) of codes."""
        given: Tensor = self.decoder(codes)
        return given.sigmoid() if self.likelihood == "bernoulli" else given


class VariationalAutoencoder(Coder):
    """A variational autoencoder: samples, codes, and a bound of the log density in nats.

    Parameters
    ----------
    encoder : hidden layers (or their text) on the way to the code, such as ``Flatten() >> ReLU(400)``; the layer to the
        means and log variances is added. None for two hidden layers for rows, strided convolutions for images.
    decoder : layers from the code back; a fully connected layer to the shape of a sample is added unless there is one.
    latent : numbers of a code, >= 1; None for 32 of images, and half the features of rows, 2 to 16.
    likelihood : "bernoulli" (numbers in [0, 1]) or "gaussian"; None for the first of images, the second of rows.
    beta : weight of the divergence in what is learned, > 0; 1 for the bound itself. `elbo` always takes 1.
    optimizer : an update rule of `nw.optim` or its text; None for Adam(1e-3).
    epochs, batch_size, validation, patience, average : as of `Autoencoder`.
    device, checkpoint, resume, random_state, callbacks, verbose : as of `nw.Classifier`.

    Attributes
    ----------
    networks_ : the closed ``encoder`` and ``decoder``. module_ : both, with weights. latent_ : numbers of a code.
    likelihood_ : of samples. form_ : of samples. history_ : its losses are minus the bound (with beta).
    seed_, n_iter_, loss_curve_, best_epoch_, diagnosis_ : as of others.

    Notes
    -----
    X : (n, features), or images as of `GAN`. transform(X) -> (n, latent). sample(m) -> m samples in the form of X.

    Raises
    ------
    InvalidData : X that cannot be. InvalidParameter : options that cannot be. JoinError : layers that do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(5, 2, (300, 2))
    >>> model = VariationalAutoencoder("Tanh(8)", "Tanh(8)", latent=1, epochs=30, random_state=0).fit(X)
    >>> entropy = np.log(2 * 2 * np.pi * np.e)  # of the true density: the bound is at most minus that
    >>> bool(-entropy - 1 < model.score(X) < -entropy + 0.2), model.sample(3, random_state=0).shape
    (True, (3, 2))

    References
    ----------
    Kingma, Welling, *Auto-encoding variational Bayes*, 2014.
    """

    _constraints: ClassVar[Mapping[str, Constraint]] = {
        **CODING,
        "likelihood": nothing | one_of("bernoulli", "gaussian"),
        "beta": number(0, closed="neither"),
    }

    @checks_options
    def __init__(
        self,
        encoder: Any = None,
        decoder: Any = None,
        *,
        latent: int | None = None,
        likelihood: str | None = None,
        beta: float = 1.0,
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
        self.likelihood, self.beta = likelihood, beta
        self.optimizer, self.epochs, self.batch_size = optimizer, epochs, batch_size
        self.validation, self.patience, self.average = validation, patience, average
        self.device, self.checkpoint, self.resume = device, checkpoint, resume
        self.random_state, self.callbacks, self.verbose = random_state, callbacks, verbose

    def elbo(self, X: Any, draws: int = 1, random_state: Any = 0) -> NDArray[np.float64]:
        """The bound of log p(x) of each sample in nats, (n,).

        Parameters
        ----------
        X : in the form of the fit.
        draws : of codes for each sample, over which the mean is taken, >= 1.
        random_state : None, an integer, a RandomState or a Generator.

        Raises
        ------
        InvalidData : samples of another form.
        """
        check(f"{self._name}.elbo(draws)", draws, integer(1))
        x = self._read(X, "elbo")
        generator = torch.Generator().manual_seed(to_seed(random_state))

        def bound(rows: Tensor) -> Tensor:
            mean, log_variance = self.module_.posterior(rows)
            found = mean.new_zeros(len(rows))
            for _ in range(draws):
                e = torch.randn(mean.shape, generator=generator).to(mean.device)
                likely, divergence = self.module_.parts(rows, mean, log_variance, e)
                found = found + (likely - divergence) / draws
            return found

        spreads = self.form_.spread if self.likelihood_ == "gaussian" else ()
        stretched = sum(math.log(spread or 1.0) for spread in spreads)
        nats: NDArray[np.float64] = self._over(x, bound).double().numpy() - stretched
        return nats

    def score(self, X: Any, y: Any = None) -> float:
        """The mean of `elbo`, in nats.

        Parameters
        ----------
        X : in the form of the fit.
        y : not looked at.
        """
        return float(self.elbo(X).mean())

    def sample(self, n: int = 1, random_state: Any = None) -> NDArray[Any]:
        """New samples: the means of p(x | z) of codes z ~ N(0, I), in the form of the data.

        Parameters
        ----------
        n : how many, >= 1.
        random_state : None, an integer, a RandomState or a Generator.
        """
        check_is_fitted(self, "module_")
        check(f"{self._name}.sample(n)", n, integer(1))
        drawn = torch.Generator().manual_seed(to_seed(random_state))
        return self.inverse_transform(torch.randn(n, self.latent_, generator=drawn))

    def _network(self, seed: int) -> VariationalNetwork:
        encoder = self.networks_["encoder"].build(derive(seed, "encoder"))
        decoder = without_link(self.networks_["decoder"].build(derive(seed, "decoder")))
        return VariationalNetwork(encoder, decoder, self.likelihood_)

    def _outputs(self) -> int:
        return 2 * self.latent_

    def _objective(self) -> Any:
        return partial(minus_bound, beta=self.beta)

    def _checked(self, x: Tensor, where: str) -> None:
        images = x.ndim == 4
        self.likelihood_ = self.likelihood or ("bernoulli" if images else "gaussian")
        if self.likelihood_ == "bernoulli" and not images:
            remedy = 'Give images, (n, height, width), or take likelihood="gaussian".'
            raise InvalidData(
                problem(where, "images, of which a pixel is 0 or 1", f"rows of {x.shape[1]} numbers", remedy)
            )

    def _to_state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        return {"latent": self.latent_, "likelihood": self.likelihood_}, {}

    def _from_state(self, state: dict[str, Any], arrays: dict[str, Any]) -> None:
        self.latent_, self.likelihood_ = state["latent"], state["likelihood"]


def normal_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, exp(log_variance)) | N(0, I)) in nats.

    Parameters
    ----------
    mean, log_variance : of independent normal numbers.

    Shapes
    ------
    (n, d), (n, d) -> (n,)

    Examples
    --------
    >>> normal_divergence(torch.tensor([[1.0, 0.0]]), torch.zeros(1, 2)).item()
    0.5
    """
    return (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2


def minus_bound(output: Parts, target: Any, weight: Any = None, beta: float = 1.0) -> Tensor:
    """What is minimised: minus the mean of the likelihood less beta times the divergence.

    Parameters
    ----------
    output : of `VariationalNetwork`.
    target, weight : not looked at.
    beta : weight of the divergence.
    """
    likely, divergence = output
    return (beta * divergence - likely).mean()


def from_content(kind: str, content: dict[str, Any], tensors: dict[str, np.ndarray]) -> VariationalAutoencoder:
    """The autoencoder that a model file holds."""
    restored: VariationalAutoencoder = saving.restore(VariationalAutoencoder, content, tensors)
    return restored
