"""`GAN`: a generator that learns to make samples, from a discriminator that learns to tell them from real ones.

With noise z ~ N(0, 1) of `latent` numbers, a generator G and a discriminator D take turns: k turns in which D lessens
its loss on x and G(z), and one in which G lessens its own on D(G(z)). The losses stand in `losses`, the penalties in
`penalty`, who moves when in `turns`; the rest is the loop that trains all networks. Where nothing is said:

=============== =========== ================ ================ =========================================
``loss``        penalty     spectral norm    critic_steps     rule of both, for images
=============== =========== ================ ================ =========================================
"original"      none        no               1                Adam(2e-4, betas=(0.5, 0.999))
"minimax"       none        no               1                the same
"least-squares" none        no               1                the same
"wasserstein"   gradient    no               5                Adam(1e-4, betas=(0.0, 0.9))
"hinge"         none        yes              1                Adam(2e-4, betas=(0.0, 0.9))
=============== =========== ================ ================ =========================================
"""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from netwright.checks.codes import CODES
from netwright.core.errors import InvalidData, InvalidParameter, problem, shown
from netwright.core.seeds import alone, derive, to_seed
from netwright.core.validation import (
    Constraint,
    boolean,
    check,
    checks_options,
    integer,
    nothing,
    number,
    one_of,
    satisfies,
)
from netwright.estimators.networks import macs_of, split_heads
from netwright.estimators.parameters import CONSTRAINTS
from netwright.estimators.together import seed_of
from netwright.estimators.trained import LOOKED_AT as ROWS
from netwright.estimators.trained import RunEstimator
from netwright.optim import Adam
from netwright.train import Batches, Precision, Run
from netwright.train.averaging import Averaging
from netwright.vision.columns import feature_names_in, n_features_in
from netwright.vision.detection.saving import labels_array
from netwright.vision.embeddings.labelling import coded
from netwright.vision.embeddings.saving import plain_label, restored_label
from netwright.vision.generative import saving
from netwright.vision.generative.base import NETWORK, OPTIONS, placed, require_alone
from netwright.vision.generative.collapse import LOOKED_AT, Ending, ending_of, warn_of_ending
from netwright.vision.generative.exporting import graph_of_samples
from netwright.vision.generative.losses import KINDS
from netwright.vision.generative.making import first_column, made_by, mean_accuracy, refresh
from netwright.vision.generative.players import Players, columns_of, plain, spectrally_normalized
from netwright.vision.generative.reading import Form
from netwright.vision.generative.rejecting import believed, quantile_of
from netwright.vision.generative.rounds import Rounds, epochs_of
from netwright.vision.generative.settling import chosen, networks_of, range_of, warn_of_mixing
from netwright.vision.generative.turns import TwoPlayers
from netwright.vision.metrics.reading import class_order
from netwright.vision.single.labels import read_labels

MOMENTS = 8  # at which samples are kept, where nothing is said
KEPT = {1: 512, 3: 36}  # samples of each moment: rows, images
_PAIR = satisfies(
    "a pair of them, of the generator and of the discriminator",
    lambda item: (
        isinstance(item, (tuple, list)) and len(item) == 2 and all(map(CONSTRAINTS["optimizer"].accepts, item))
    ),
)
MEANT = frozenset(CODES) - {"non-finite-data"}  # all else supposes a loss that falls, and here two players pull at it


class GAN(RunEstimator):
    """A generative adversarial network, of any two networks.

    Parameters
    ----------
    generator : layers joined by >> (or their text) from noise (latent,) to a sample; None for a small one by the shape
        of X: three hidden layers for rows, the generator of DCGAN for images of any size. Images are learned in
        [-1, 1], or in [0, 1] where it ends in Sigmoid. With labels it takes (latent + classes,).
    discriminator : layers from a sample to one number, the logit; a last Sigmoid is left out. With labels it takes the
        classes beside the features or channels. None for the counterpart of the generator's.
    loss : "original" (non-saturating), "minimax", "least-squares", "wasserstein" or "hinge".
    steps : updates of the generator, >= 1.
    latent : numbers of noise, >= 1; None for what the generator's Input says, else 100 for images, and as many as
        there are features, 2 to 16, for rows.
    batch_size : samples in a turn, >= 1.
    optimizer : the update rule of both players, or a pair (of the generator, of the discriminator); None by the table
        above, and Adam(cosine(2e-3), betas=(0.5, 0.999)) for rows.
    critic_steps : turns of the discriminator for each of the generator, >= 1; None by the table.
    penalty : "gradient" (WGAN-GP), "r1" or "none"; None by the table.
    penalty_weight : its factor, > 0.
    spectral_norm : whether the discriminator's weights are divided by their largest singular value; None by the table.
    label_smoothing : how much less than 1 the label of real samples is, in [0, 1); of the first three losses.
    average : decay in (0, 1) of a running average of the weights, which then makes the samples; None for none.
    every : updates of the generator between two looks at samples, which are kept in ``samples_``; None for eight looks.
    device, checkpoint, resume, random_state, callbacks, verbose : as of `nw.Classifier`.

    Attributes
    ----------
    networks_ : the closed ``generator`` and ``discriminator``. module_ : both, with weights; its ``generator`` and
    ``discriminator`` are torch modules. classes_ : labels, sorted, where there are some. form_ : of samples.
    history_ : a record about every 100 steps, with ``generator_loss``, ``discriminator_loss`` (without the penalty),
    ``gradient_penalty`` and ``discriminator_accuracy``, which is ``train_score`` while it trains: 0.5 where it cannot
    tell. samples_ : (moments, m, ...) of the same noise at ``samples_steps_``. ending_ : how much the last ones vary.
    seed_, n_iter_, loss_curve_, best_epoch_, diagnosis_ : as of others.

    Notes
    -----
    X : (n, features), or images (n, h, w), (n, h, w, c), (n, c, h, w) of bytes or numbers in [0, 1]. y : (n,) labels,
    or None. sample(m) -> m samples in the form of X.

    Raises
    ------
    InvalidData : X or y that cannot be. InvalidParameter : options that cannot be. JoinError : layers that do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal((3, -1), 0.1, (500, 2))
    >>> gan = GAN("ReLU(32) >> Linear(2)", "ReLU(32) >> Linear(1)", steps=300, latent=4, random_state=0).fit(X)
    >>> made = gan.sample(500, random_state=0)
    >>> made.shape, bool(np.abs(made.mean(0) - (3, -1)).max() < 0.3)
    ((500, 2), True)

    References
    ----------
    Goodfellow et al., *Generative adversarial nets*, 2014. Radford, Metz, Chintala, 2016 (DCGAN). Gulrajani et al.,
    2017 (WGAN-GP). Miyato et al., 2018 (spectral normalisation). Mirza, Osindero, 2014 (labels). Yazici et al., *The
    unusual effectiveness of averaging in GAN training*, 2019.
    """

    n_features_in_, feature_names_in_ = n_features_in, feature_names_in
    _constraints: ClassVar[Mapping[str, Constraint]] = {
        **OPTIONS,
        "generator": NETWORK,
        "discriminator": NETWORK,
        "loss": one_of(*KINDS),
        "steps": integer(1),
        "latent": nothing | integer(1),
        "optimizer": CONSTRAINTS["optimizer"] | _PAIR,
        "critic_steps": nothing | integer(1),
        "penalty": nothing | one_of("gradient", "r1", "none"),
        "penalty_weight": number(0, closed="neither"),
        "spectral_norm": nothing | boolean,
        "label_smoothing": number(0, 1, closed="left"),
        "every": nothing | integer(1),
    }
    patience = None
    module_: Players
    form_: Form
    samples_: NDArray[Any]
    _precision: Precision

    @checks_options
    def __init__(
        self,
        generator: Any = None,
        discriminator: Any = None,
        *,
        loss: str = "original",
        steps: int = 5000,
        latent: int | None = None,
        batch_size: int = 64,
        optimizer: Any = None,
        critic_steps: int | None = None,
        penalty: str | None = None,
        penalty_weight: float = 10.0,
        spectral_norm: bool | None = None,
        label_smoothing: float = 0.0,
        average: float | None = None,
        every: int | None = None,
        device: str = "auto",
        checkpoint: Any = None,
        resume: bool = True,
        random_state: Any = None,
        callbacks: Any = None,
        verbose: int = 0,
    ) -> None:
        self.generator, self.discriminator = generator, discriminator
        self.loss, self.steps, self.latent, self.batch_size = loss, steps, latent, batch_size
        self.optimizer, self.critic_steps = optimizer, critic_steps
        self.penalty, self.penalty_weight, self.spectral_norm = penalty, penalty_weight, spectral_norm
        self.label_smoothing, self.average, self.every = label_smoothing, average, every
        self.device, self.checkpoint, self.resume = device, checkpoint, resume
        self.random_state, self.callbacks, self.verbose = random_state, callbacks, verbose

    @property
    def epochs(self) -> int:  # type: ignore[override]
        """The lines of the history, one about every 100 steps."""
        return epochs_of(self.steps)

    def sample(
        self, n: int = 1, labels: Any = None, random_state: Any = None, rejection: float | None = None
    ) -> NDArray[Any]:
        """New samples, in the form of the data: bytes where images came as bytes.

        Parameters
        ----------
        n : how many, >= 1.
        labels : the label of all, or (n,) labels, of a GAN that was fitted with y; None for the classes in turn.
        random_state : None, an integer, a RandomState or a Generator.
        rejection : None, or a number in (0, 1) such as 0.8, greater is stricter: only samples that the discriminator
            believes are kept, see `netwright.vision.generative.rejecting`. Of "original" and "minimax", not smoothed.

        Raises
        ------
        InvalidParameter : labels where there were none, or that there were not; another number of them.
        """
        check_is_fitted(self, "module_")
        check(f"{self._name}.sample(n)", n, integer(1))
        codes = self._codes(n, labels)
        generator = torch.Generator().manual_seed(to_seed(random_state))
        if rejection is not None:
            return self.form_.restored(believed(self.module_, codes, quantile_of(self, rejection), generator))
        noise = torch.randn(n, self.latent_, generator=generator)
        return self.form_.restored(made_by(self.module_, noise, codes))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator to one file, never pickle; `netwright.load` reads it.

        Parameters
        ----------
        path : of the file; an existing one is replaced only when the new one is complete.
        """
        check_is_fitted(self, "module_")
        saving.save(self, path)

    _graph = graph_of_samples

    def _codes(self, n: int, labels: Any) -> Tensor:
        """The numbers of the classes that are asked for."""
        where = f"{self._name}.sample(labels)"
        classes = self.classes_.tolist() if hasattr(self, "classes_") else []
        if not classes:
            if labels is not None:
                remedy = "Fit with labels: fit(X, y)."
                raise InvalidParameter(problem(where, "None, as it was fitted without y", shown(labels), remedy))
            return torch.zeros(n, dtype=torch.long)
        if labels is None:
            return torch.arange(n) % len(classes)
        labels = labels.item() if isinstance(labels, (np.ndarray, Tensor)) and not labels.ndim else labels
        several = isinstance(labels, (list, tuple, np.ndarray, Tensor)) or hasattr(labels, "to_numpy")
        given = read_labels(labels, len(labels), where) if several else [labels] * n
        if len(given) != n:
            raise InvalidParameter(problem(where, f"one label, or {n}", f"{len(given)}"))
        unknown = next((label for label in given if label not in classes), None)
        if unknown is not None:
            raise InvalidParameter(problem(where, f"one of {shown(classes)}", shown(unknown)))
        return torch.from_numpy(coded(given, classes, where))

    # the steps of a fit

    def _start(self, X: Any, y: Any) -> Run:
        require_alone(self)
        self.seed_ = seed_of(self)
        self.form_, x = Form.first(X, f"{self._name}.fit(X)")
        codes = self._labelled(y, len(x))
        classes = len(self.classes_) if hasattr(self, "classes_") else 0
        self._option = option = chosen(self, self.form_.shape, classes)
        self.latent_ = option.game.latent
        self.networks_ = networks_of(self, self.form_.shape, option)
        net = self._players(derive(self.seed_, "network"), option.spectral, self.epochs)
        self.form_ = net.form = self.form_.within(*range_of(net.generator))
        warn_of_mixing(self._name, option.game.penalty, net.discriminator)
        self._precision = placed(self, net)
        turns = self.steps * (option.critic_steps + 1)
        rule = TwoPlayers(*option.rules, option.critic_steps, turns, self.epochs)
        seed = derive(self.seed_, "training")
        cost = macs_of(net.generator, self.networks_["generator"].plan().input_shapes)
        run = Run(net, first_column, rule, self._precision, mean_accuracy, (), self.average, seed, macs=cost)
        device, size = self._precision.device, self.batch_size
        before = self._looking(run)
        rounds: Any = Rounds(x, codes, self.form_.scaled, size, option.critic_steps, self.steps, seed, device, before)
        run.load(rounds)
        return run

    def _labelled(self, y: Any, n: int) -> Tensor:
        """The number of each row's class, 0 where there are none."""
        self.__dict__.pop("classes_", None)
        if y is None:
            return torch.zeros(n, dtype=torch.long)
        where = f"{self._name}.fit(y)"
        labels = read_labels(y, n, where)
        classes = sorted(set(labels), key=class_order)
        if len(classes) < 2:
            raise InvalidData(problem(where, "at least two classes", f"only {shown(classes[0])}", "Leave y out."))
        self.classes_ = labels_array(classes)
        return torch.from_numpy(coded(labels, classes, where))

    def _players(self, seed: int, spectral: bool, epochs: int) -> Players:
        made = self.networks_["generator"].build(derive(seed, "generator"))
        judge, _ = split_heads(self.networks_["discriminator"].build(derive(seed, "discriminator")))
        if spectral:
            with alone(), torch.random.fork_rng(devices=[]):
                torch.manual_seed(derive(seed, "spectral"))
                judge = spectrally_normalized(judge)
        self.module_ = Players(made, judge, self._option.game, epochs)
        return self.module_

    def _looking(self, run: Run) -> Callable[[int], None]:
        """What keeps samples of the same noise from time to time."""
        net, every = self.module_, self.every or math.ceil(self.steps / MOMENTS)
        self.samples_steps_ = np.array([*range(0, self.steps, every), self.steps])
        count = KEPT[len(self.form_.shape)]
        net.frames = torch.zeros(len(self.samples_steps_), count, *self.form_.shape, device=self._precision.device)

        def look(step: int) -> None:
            if step % every == 0:
                with Averaging(run).swapped_in():
                    net.frames[step // every] = self._shown(net)

        return look

    def _shown(self, net: Players) -> Tensor:
        """What the generator makes of the noise that is always the same."""
        count = len(net.frames[0])
        drawn = torch.Generator().manual_seed(derive(self.seed_, "shown"))
        noise = torch.randn(count, self.latent_, generator=drawn)
        return made_by(net, noise, torch.arange(count) % max(net.game.classes, 1))

    def _each_epoch(self, run: Run) -> None:
        """Write the losses of both players into the history."""
        run.history.records[-1].update(columns_of(self.module_.sums, run.epoch - 1))

    def _finish(self, run: Run) -> None:
        """Keep the samples; look whether the generator has collapsed."""
        net, rounds = self.module_, run.batches
        if run.averaged is not None:
            refresh(net, self.latent_, derive(self.seed_, "refresh"))
        net.frames[-1] = self._shown(net)
        self.samples_ = np.stack([self.form_.restored(frame) for frame in net.frames])
        if run.diverged is None and not run.interrupted:
            self.ending_ = self._ending(net, rounds)
            warn_of_ending(self._name, self.loss, self.ending_, run.history["discriminator_accuracy"])
        self.module_ = copy.deepcopy(net)  # the run's own stays as it was, for who asks it for a diagnosis
        self.module_.frames, self.module_.sums = torch.zeros(0), net.sums[:0].clone()
        plain(self.module_).eval()

    def _ending(self, net: Players, rounds: Any) -> Ending:
        """How much as many made samples vary as there are real ones to compare them with."""
        count = max(2, min(LOOKED_AT, len(rounds.x) // 2))  # of two or three, both sets have some in common
        drawn = torch.Generator().manual_seed(derive(self.seed_, "ending"))
        rows = torch.randperm(len(rounds.x), generator=drawn)[: 2 * count]
        real = self.form_.scaled(rounds.x[rows])
        codes = rounds.codes[rows[:count]]
        made = made_by(net, torch.randn(count, self.latent_, generator=drawn), codes)
        return ending_of(made, real[:count], real[-count:])

    def _looked_at(self, parts: list[Any]) -> list[Batches]:
        return [part.some(ROWS) for part in parts]

    def _rule(self) -> Any:
        return Adam(2e-4, betas=(0.5, 0.999))

    def _meant(self) -> frozenset[str]:
        return MEANT

    def _network(self, seed: int) -> torch.nn.Module:
        return self._players(seed, spectral=False, epochs=0)  # of a file, without the sums of a fit

    def _to_state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        classes = [plain_label(label) for label in self.classes_.tolist()] if hasattr(self, "classes_") else None
        ending = list(self.ending_) if hasattr(self, "ending_") else None
        state = {"classes": classes, "latent": self.latent_, "ending": ending}
        return state, {"samples": self.samples_, "samples_steps": self.samples_steps_}

    def _from_state(self, state: dict[str, Any], arrays: dict[str, Any]) -> None:
        if state["classes"] is not None:
            self.classes_ = labels_array([restored_label(item) for item in state["classes"]])
        if state["ending"] is not None:
            self.ending_ = Ending(*state["ending"])
        self.latent_, self.samples_, self.samples_steps_ = state["latent"], arrays["samples"], arrays["samples_steps"]
        classes = len(self.classes_) if hasattr(self, "classes_") else 0
        self._option = chosen(self, self.form_.shape, classes)


def from_content(kind: str, content: dict[str, Any], tensors: dict[str, np.ndarray]) -> GAN:
    """The game that a model file holds."""
    restored: GAN = saving.restore(GAN, content, tensors)
    return restored
