"""`Coder`: what the autoencoders share: the rows, the networks to a code and back, fitting by epochs.

The encoder is closed for the data and ends in a fully connected layer; the decoder is closed for the code, and ends in
the shape of the data: a network that gives another shape gets a fully connected layer at its end.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Mapping
from math import prod
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from netwright.core.errors import InvalidData, problem
from netwright.core.seeds import derive
from netwright.core.validation import Constraint, integer, nothing, number, satisfies
from netwright.estimators.networks import macs_of, split_heads
from netwright.estimators.parameters import CONSTRAINTS
from netwright.estimators.together import seed_of
from netwright.estimators.trained import LOOKED_AT, RunEstimator
from netwright.graph import Expression, Input, join
from netwright.layers import ReLU, Reshape
from netwright.optim import Adam
from netwright.train import Batches, Precision, Run
from netwright.vision.columns import feature_names_in, n_features_in, without_dtype
from netwright.vision.generative import networks, saving
from netwright.vision.generative.base import NETWORK, OPTIONS, PIECE, batchwise, placed, require_alone
from netwright.vision.generative.exporting import graph_of_codes
from netwright.vision.generative.networks import Shape
from netwright.vision.generative.reading import Form

CHANNELS = 16  # of the first convolution
HIDDEN = 128  # units of the hidden layers for rows
CODING: Mapping[str, Constraint] = {
    **OPTIONS,
    "encoder": NETWORK,
    "decoder": NETWORK,
    "epochs": CONSTRAINTS["epochs"],
    "patience": CONSTRAINTS["patience"],
    "optimizer": CONSTRAINTS["optimizer"],
    "latent": nothing | integer(1),
    "validation": nothing
    | number(0, 1, closed="neither")
    | satisfies("an array like X", lambda item: hasattr(item, "__len__")),
}


class Coder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, RunEstimator):
    """The abstract base of autoencoders."""

    n_features_in_, feature_names_in_ = n_features_in, feature_names_in
    _constraints: ClassVar[Mapping[str, Constraint]] = CODING

    encoder: Any
    decoder: Any
    latent: int | None
    batch_size: int
    validation: Any
    latent_: int
    module_: Any
    optimizer: Any
    average: float | None
    device: Any
    form_: Form
    seed_: int
    networks_: dict[str, Expression]
    _precision: Precision

    @property
    def _n_features_out(self) -> int:
        """The columns of `transform`, which scikit-learn gives names."""
        return self.latent_

    @abstractmethod
    def _outputs(self) -> int:
        """The numbers that the encoder gives."""

    @abstractmethod
    def _objective(self) -> Any:
        """The loss of a batch: (output, target, weight) -> scalar."""

    @abstractmethod
    def _network(self, seed: int) -> torch.nn.Module:
        """The module of ``networks_``, with fresh weights."""

    @abstractmethod
    def _checked(self, x: Tensor, where: str) -> None:
        """Refuse samples that the decoder cannot mean."""

    def transform(self, X: Any) -> NDArray[np.float32]:
        """The code of each sample, (n, latent).

        Parameters
        ----------
        X : in the form of the fit.

        Raises
        ------
        InvalidData : samples of another form.
        """
        x = self._read(X, "transform")
        found: NDArray[np.float32] = self._over(x, self.module_.encode).numpy()
        return found

    def inverse_transform(self, codes: Any) -> NDArray[Any]:
        """What the decoder makes of codes, in the form of the data.

        Parameters
        ----------
        codes : (n, latent).

        Raises
        ------
        InvalidData : codes of another length.
        """
        check_is_fitted(self, "module_")
        where = f"{self._name}.inverse_transform(codes)"
        try:
            given = torch.as_tensor(np.asarray(codes, dtype=np.float32))
        except (TypeError, ValueError) as error:
            raise InvalidData(problem(where, f"numbers (n, {self.latent_})", str(error))) from error
        if given.ndim != 2 or given.shape[1] != self.latent_ or not bool(torch.isfinite(given).all()):
            got = (
                f"shape {tuple(given.shape)}"
                if given.ndim != 2 or given.shape[1] != self.latent_
                else "NaN or infinity"
            )
            raise InvalidData(problem(where, f"finite numbers (n, {self.latent_})", got, "Give what transform gives."))
        return self.form_.restored(self._over(given, self.module_.decode, scale=False))

    def reconstruct(self, X: Any) -> NDArray[Any]:
        """Each sample through its code and back, in the form of the data.

        Parameters
        ----------
        X : in the form of the fit.
        """
        x = self._read(X, "reconstruct")
        return self.form_.restored(self._over(x, lambda rows: self.module_.decode(self.module_.encode(rows))))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator to one file, never pickle; `netwright.load` reads it.

        Parameters
        ----------
        path : of the file; an existing one is replaced only when the new one is complete.
        """
        check_is_fitted(self, "module_")
        saving.save(self, path)

    _graph = graph_of_codes

    # the steps of a fit

    def _start(self, X: Any, y: Any) -> Run:
        require_alone(self)
        self.seed_ = seed_of(self)
        where = f"{self._name}.fit(X)"
        self.form_, x = Form.first(X, where)
        self._checked(x, where)
        own, held = self._split(x)
        self._settle()
        net: Any = self._network(derive(self.seed_, "network"))
        self.module_ = net
        self._precision = placed(self, net)
        rule = self._rule() if self.optimizer is None else batchwise(self, self.optimizer)
        cost = 2 * macs_of(net.encoder, (self.form_.shape,))
        seed = derive(self.seed_, "training")
        run = Run(net, self._objective(), rule, self._precision, None, (), self.average, seed, macs=cost)
        run.load(self._rows(own, self.batch_size), None if held is None else self._rows(held, len(held)))
        return run

    def _split(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """The rows that are trained on, and those held out."""
        if self.validation is None:
            return x, None
        if not isinstance(self.validation, (int, float)):
            where = f"{self._name}(validation)"
            held = self.form_.again(self.validation, where)
            self._checked(held, where)
            return x, held
        count = max(1, round(float(self.validation) * len(x)))
        if len(x) - count < 2:
            got = f"{len(x) - count} of {len(x)}"
            remedy = "Leave validation out."
            raise InvalidData(problem(f"{self._name}(validation)", "two rows to train on", got, remedy))
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(derive(self.seed_, "validation")))
        return x[order[count:]], x[order[:count]]

    def _rows(self, x: Tensor, size: int) -> Batches:
        scaled = self.form_.scaled(x).to(self._precision.device)
        return Batches(
            (scaled,), scaled, None, size, derive(self.seed_, "training"), channels_last=self._precision.channels_last
        )

    def _settle(self) -> None:
        """The closed networks."""
        shape, where = self.form_.shape, self._name
        usual = 32 if len(shape) == 3 else max(2, min(16, shape[0] // 2))
        self.latent_ = latent = usual if self.latent is None else int(self.latent)
        if self.encoder is not None:
            encoder = networks.closed(self.encoder, shape, f"{where}(encoder)")
        elif len(shape) == 3:
            encoder = networks.image_encoder(shape, CHANNELS)
        else:
            encoder = Input(*shape) >> ReLU(HIDDEN) >> ReLU(HIDDEN)
        if self.decoder is not None:
            decoder = networks.closed(self.decoder, (latent,), f"{where}(decoder)")
        elif len(shape) == 3:
            decoder = networks.image_decoder(shape, latent, CHANNELS)
        else:
            decoder = Input(latent) >> ReLU(HIDDEN) >> ReLU(HIDDEN)
        self.networks_ = {"encoder": networks.ended(encoder, self._outputs()), "decoder": _closed_end(decoder, shape)}

    def _read(self, X: Any, method: str) -> Tensor:
        check_is_fitted(self, "module_")
        where = f"{self._name}.{method}(X)"
        x = self.form_.again(X, where)
        self._checked(x, where)
        return x

    def _over(self, x: Tensor, function: Any, scale: bool = True) -> Tensor:
        """What a function of the network gives for all rows, in evaluation."""
        self.module_.eval()
        device = self._precision.device
        with torch.inference_mode():
            parts = [
                function(self.form_.scaled(some.to(device)) if scale else some.to(device)) for some in x.split(PIECE)
            ]
        return torch.cat([part.float().cpu() for part in parts])

    def _looked_at(self, parts: list[Any]) -> list[Batches]:
        return [part.some(LOOKED_AT) for part in parts]

    def _rule(self) -> Any:
        return Adam(1e-3)

    def _meant(self) -> frozenset[str]:
        return MEANT

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        return without_dtype(tags)


# The target is the input itself, which questions about targets take for a leak.
MEANT = frozenset(
    {
        "target-leak",
        "labels-unrelated",
        "noisy-labels",
        "duplicate-rows",
        "small-validation",
        "wrong-loss",
        "output-range",
    }
    | {"output-width", "unscaled-input", "unscaled-target", "capacity", "batch-mixing", "constant-input"}
)


def _closed_end(decoder: Expression, shape: Shape) -> Expression:
    """A decoder that ends in the shape of the data."""
    if decoder.output_shape == shape and len(shape) == 3:
        return decoder
    ended = networks.ended(decoder, prod(shape))
    return ended if len(shape) == 1 else join(ended, Reshape(*shape))


def without_link(module: torch.nn.Module) -> torch.nn.Module:
    """A decoder without a sigmoid at its end, which the estimator puts there itself.

    Parameters
    ----------
    module : the built decoder.
    """
    body, link = split_heads(module)
    return body if link == "sigmoid" else module
