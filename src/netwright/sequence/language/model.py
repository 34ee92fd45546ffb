"""`LanguageModel`: how probable texts are, symbol by symbol, and how they go on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from netwright.core.errors import InvalidData, problem, shown
from netwright.core.seeds import derive, to_seed
from netwright.core.validation import Constraint, check, checks_options, integer, nothing, number, one_of
from netwright.data.text.vocabulary import Vocabulary
from netwright.estimators.networks import macs_of
from netwright.estimators.parameters import value_of
from netwright.estimators.together import devices_for, seed_of
from netwright.estimators.trained import LOOKED_AT, RunEstimator
from netwright.graph import Expression
from netwright.optim import Adam, Clip, polynomial_decay
from netwright.sequence import saving
from netwright.sequence.base import SHARED
from netwright.sequence.language import saving as files
from netwright.sequence.language.activity import activity
from netwright.sequence.language.corpus import VALIDATION, Symbols, numbered, read_prompt, read_texts, split_end
from netwright.sequence.language.exporting import graph_of_steps
from netwright.sequence.language.generation import Completion, beam_search, log_probs, opened, sampled
from netwright.sequence.language.reader import HEADS, NETWORK, NOMINAL, carried, reader
from netwright.sequence.language.streams import Streams, run_of
from netwright.train import Batches, Run, choose_device, placed

HELD = 1000  # symbols that a stream of held-out text has at least


class LanguageModel(RunEstimator):
    """A recurrent language model of characters or words: p(x_1 ... x_n) = prod_t p(x_t | x_1 ... x_{t-1}).

    It is trained by truncated backpropagation: a text is cut into `batch_size` streams that are read side by side,
    `steps` symbols a batch, and the state is carried from batch to batch; of several texts each is a stream. Every
    text begins with a marker. Probabilities are exact: each symbol is predicted once, from all before it in its text.

    Parameters
    ----------
    network : layers between the vectors of the symbols and the head, or up to the head: ``GRU(128) >> Dropout(0.2)``,
        or their text. Each is recurrent and looks back, or sees one step at a time. None: `layers` times
        ``LSTM(units) >> Dropout(dropout)``.
    level : "characters" or "words": what a text is cut into. Lists of symbols are taken as they are.
    head : "softmax"; or for many symbols "hierarchical" (Huffman's tree) or "adaptive", which train faster.
    units, layers : of the default network, >= 1.
    width : length of the vectors of symbols, >= 1.
    dropout : share of what goes up into and out of the layers of the default network that is dropped, in [0, 1).
    optimizer : an update rule of `netwright.optim`; None for ``Clip(Adam(polynomial_decay(0.003)), 5.0)``.
    epochs : passes over the training texts, >= 1.
    batch_size : streams side by side, >= 1; of one text fewer where they would be shorter than `steps`.
    steps : symbols of each stream in an update, through which the gradient goes back, >= 1.
    validation : share in (0, 1) to hold out, the end of one text or the last of several texts; or texts; or None.
    patience : epochs without a better validation loss after which training stops and the best weights are put back.
    average : decay in (0, 1) of a running average of the weights, which is then kept; None for none.
    least : how often a symbol has to come to have a number of its own, >= 1; others are unknown. With 1 there is
        no unknown, and a symbol that the fit has not seen is an error.
    device : "auto", "cpu", "cuda", ...
    devices, checkpoint, resume : processes that train it together, and a folder from which a fit that was killed goes
        on; as of `Classifier`.
    random_state : None, an integer, a RandomState or a Generator.
    callbacks : objects with methods named after events, or functions of the run called after each epoch.
    verbose : 0 is silent, 1 shows progress.

    Attributes
    ----------
    vocabulary_ : the symbols and their numbers. network_ : the closed network; it reads one symbol more, the marker.
    module_ : its torch module. history_ : a record an epoch; losses are nats per symbol. loss_curve_ : training losses.
    n_iter_ : epochs trained. best_epoch_ : the epoch with the lowest monitored loss. seed_ : the seed of random_state.
    diagnosis_ : what the run's own checks found.

    Examples
    --------
    >>> import netwright as nw
    >>> model = nw.sequence.LanguageModel("GRU(16)", width=8, epochs=30, batch_size=4, steps=10, random_state=0)
    >>> model.fit("to be or not " * 40).perplexity("to be or not to be") < 4
    True
    >>> len(model.sample(20, prompt="to be", random_state=0))
    20

    References
    ----------
    Mikolov, Karafiat, Burget, Cernocky, Khudanpur, *Recurrent neural network based language model*, 2010.
    Sutskever, Martens, Hinton, *Generating text with recurrent neural networks*, 2011.
    Zaremba, Sutskever, Vinyals, *Recurrent neural network regularization*, 2014.
    """

    _constraints: ClassVar[Mapping[str, Constraint]] = {
        **{name: constraint for name, constraint in SHARED.items() if name != "regularizer"},
        "network": NETWORK,
        "level": one_of("characters", "words"),
        "head": one_of(*HEADS),
        **dict.fromkeys(("units", "layers", "width", "steps", "least"), integer(1)),
        "dropout": number(0, 1, closed="left"),
        "validation": VALIDATION,
    }

    _graph = graph_of_steps
    vocabulary_: Vocabulary
    network_: Expression

    @checks_options
    def __init__(
        self,
        network: Any = None,
        *,
        level: str = "characters",
        head: str = "softmax",
        units: int = 256,
        layers: int = 2,
        width: int = 64,
        dropout: float = 0.2,
        optimizer: Any = None,
        epochs: int = 10,
        batch_size: int = 64,
        steps: int = 100,
        validation: Any = 0.1,
        patience: int | None = None,
        average: float | None = None,
        least: int = 1,
        device: str = "auto",
        devices: Any = "auto",
        checkpoint: Any = None,
        resume: bool = True,
        random_state: Any = None,
        callbacks: Any = None,
        verbose: int = 0,
    ) -> None:
        self.network = network
        self.level, self.head = level, head
        self.units, self.layers, self.width = units, layers, width
        self.dropout = dropout
        self.optimizer = optimizer
        self.epochs, self.batch_size = epochs, batch_size
        self.steps = steps
        self.validation, self.patience = validation, patience
        self.average = average
        self.least = least
        self.device, self.devices = device, devices
        self.checkpoint, self.resume = checkpoint, resume
        self.random_state = random_state
        self.callbacks, self.verbose = callbacks, verbose

    def log_prob(self, X: Any) -> Any:
        """The natural logarithm of the probability of a text, or of each of several, (n,).

        Parameters
        ----------
        X : a text, or a list of texts or of lists of symbols.
        """
        found = self._log_probs(X, "log_prob(X)")[0]
        return float(found[0]) if isinstance(X, str) else found

    def nats(self, X: Any) -> float:
        """The mean of -log p(x_t | x_1 ... x_{t-1}) over all symbols, in nats; divided by ln 2 it is in bits.

        Parameters
        ----------
        X : a text, or a list of texts or of lists of symbols.

        Raises
        ------
        InvalidData : no symbols, or one that the fit has not seen where there is no unknown.
        """
        found, symbols = self._log_probs(X, "nats(X)")
        if not symbols:
            raise InvalidData(problem("LanguageModel.nats(X)", "at least one symbol", f"{shown(X)}"))
        return float(-found.sum() / symbols)

    def perplexity(self, X: Any) -> float:
        """exp of `nats`: between how many equally probable symbols the model would have to choose.

        Parameters
        ----------
        X : a text, or a list of texts or of lists of symbols.
        """
        return float(np.exp(self.nats(X)))

    def score(self, X: Any, y: Any = None) -> float:
        """-nats per symbol: higher is better.

        Parameters
        ----------
        X : a text, or a list of texts or of lists of symbols. y : not looked at.
        """
        return -self.nats(X)

    def next_symbols(self, prompt: Any = "") -> dict[str, float]:
        """The probability of each symbol behind a prompt, the most probable first; ``<unk>`` is any unknown one.

        Parameters
        ----------
        prompt : a text or a list of symbols; empty for the beginning of a text.
        """
        log_prob, _ = self._opened(prompt, "next_symbols(prompt)")
        ranked = np.argsort(-log_prob, kind="stable")
        return dict(zip(self.vocabulary_.decode(ranked), np.exp(log_prob[ranked]).tolist(), strict=True))

    def sample(
        self,
        length: int,
        prompt: Any = "",
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        random_state: Any = None,
    ) -> str | list[str]:
        """A continuation that is drawn symbol by symbol; a text, of words a list.

        Parameters
        ----------
        length : how many symbols, >= 0.
        prompt : what is continued, a text or a list of symbols; empty for the beginning of a text.
        temperature : >= 0; the probabilities are raised to 1 / temperature, and 0 takes the most probable symbol.
        top_k : how many of the most probable symbols are drawn from, >= 1; None for all.
        top_p : the fewest of the most probable symbols are drawn from whose probabilities reach it, in (0, 1]; or None.
        random_state : None, an integer, a RandomState or a Generator.

        Raises
        ------
        InvalidData : a prompt with a symbol that the fit has not seen, where there is no unknown; its place is named.
        InvalidParameter : an option out of its range.
        """
        check("sample(length)", length, integer(0))
        check("sample(temperature)", temperature, number(0))
        check("sample(top_k)", top_k, nothing | integer(1))
        check("sample(top_p)", top_p, nothing | number(0, 1, closed="right"))
        generator = np.random.default_rng(to_seed(random_state))
        start = self._opened(prompt, "sample(prompt)")
        shape = (float(temperature), top_k, top_p)
        return self._text(sampled(self._net, start, length, self._never, shape, generator))

    def complete(self, prompt: Any, length: int, beams: int = 5) -> list[Completion]:
        """The most probable continuations of a length that beam search finds, the best first.

        With as many beams as there are beginnings it finds the best ones that there are.

        Parameters
        ----------
        prompt : what is continued, a text or a list of symbols. length : how many symbols, >= 0.
        beams : how many beginnings are kept at each step, >= 1; 1 takes the most probable symbol each time.

        Raises
        ------
        InvalidData, InvalidParameter : as `sample`.
        """
        check("complete(length)", length, integer(0))
        check("complete(beams)", beams, integer(1))
        start = self._opened(prompt, "complete(prompt)")
        found, scores = beam_search(self._net, start, length, beams, self._never)
        return [Completion(self._text(row), float(score)) for row, score in zip(found, scores, strict=True)]

    def states(self, X: Any, layer: int = -1, part: str = "h") -> NDArray[np.float32]:
        """What the units of one recurrent layer do after each symbol of a text: (symbols, units).

        Parameters
        ----------
        X : one text, or a list of symbols.
        layer : which recurrent layer, from below; -1 is the highest.
        part : "h", what the layer gives; of an LSTM also "C", its memory, "i", "f", "o", its gates, and "g"; of a GRU
            also "r", "z", "n" (see `netwright.sequence.language.activity`).

        Raises
        ------
        InvalidData : no symbols. InvalidParameter : a layer or a part that there is not.
        """
        ids = self._prompt(X, "states(X)")
        if not len(ids):
            raise InvalidData(problem("LanguageModel.states(X)", "at least one symbol", shown(X)))
        symbols = torch.from_numpy(np.concatenate(([self._net.marker], ids)))[None].to(self._precision.device)
        parts = activity(self._net, symbols, layer)
        check("states(part)", part, one_of(*parts))
        return parts[part][1:]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted model to one file, never pickle; `netwright.load` reads it.

        Parameters
        ----------
        path : of the file; an existing one is replaced only when the new one is complete.
        """
        check_is_fitted(self, "module_")
        files.save(self, path)

    # the steps of a fit

    def _start(self, X: Any, y: Any) -> Run:
        """A run with its streams that has not begun."""
        where = "LanguageModel.fit(X)"
        self.seed_ = self._group.same(seed_of(self))
        texts = read_texts(X, self.level, where)
        held: list[Symbols] | None = None
        self.vocabulary_ = self._counted(texts, where)
        if isinstance(self.validation, (str, list, tuple)):
            held = read_texts(self.validation, self.level, "validation")
        elif self.validation is not None:
            texts, held = split_end(texts, float(self.validation), "LanguageModel")
        rows = numbered(texts, self.vocabulary_, where)
        rows_held = None if held is None else numbered(held, self.vocabulary_, "validation")
        for name, part in (("fit(X)", rows), ("validation", rows_held)):
            if part is not None and not sum(map(len, part)):
                raise InvalidData(problem(f"LanguageModel, {name}", "at least one symbol", f"{len(part)} empty texts"))
        counts = np.bincount(np.concatenate(rows), minlength=len(self.vocabulary_))
        self.network_ = reader(self.get_params(deep=False), counts)
        self.module_ = self.network_.build(derive(self.seed_, "network"))
        self._precision = placed(self._group, choose_device(str(self.device)), devices_for(self).compile)
        self._precision.place(self.module_)
        self._net = carried(self.module_, len(self.vocabulary_))
        seed, device = derive(self.seed_, "training"), self._precision.device
        own = Streams(rows, self._net.marker, self.batch_size, self.steps, seed, device)
        others = None
        if rows_held is not None:
            others = Streams(rows_held, self._net.marker, self.batch_size, max(self.steps, HELD), None, device)
        rule = value_of(self.optimizer, "optimizer") or self._rule()
        macs = macs_of(self.module_, self.network_.plan().input_shapes) // NOMINAL
        run = run_of(self._net, rule, self._precision, self.average, seed, macs)
        run.load(own, others)  # type: ignore[arg-type]
        return run

    def _rule(self) -> Any:
        return Clip(Adam(polynomial_decay(0.003)), 5.0)

    def _looked_at(self, parts: list[Any]) -> list[Batches]:
        """The beginnings of streams, cut to one length."""
        return [part.some(min(LOOKED_AT, part.n)) for part in parts]

    def _meant(self) -> frozenset[str]:
        """Streams are not few because they are long; a head that makes log-probabilities is not in the output."""
        codes = {"small-validation"} | (set() if self._net.head is None else {"detached", "unregistered"})
        return frozenset(codes)

    def _counted(self, texts: list[Symbols], where: str) -> Vocabulary:
        """The vocabulary of all texts that a fit is given."""
        if not any(map(len, texts)):
            raise InvalidData(problem(where, "at least one symbol", f"{len(texts)} empty texts"))
        found = Vocabulary.count(texts, least=self.least, unknown=self.least > 1, padding=False)
        if len(found) < 2:
            raise InvalidData(problem(where, "at least 2 different symbols", f"{found.symbols[0]!r} alone"))
        return found

    # the steps of an answer

    @property
    def _never(self) -> list[int]:
        """The symbols that no continuation has."""
        return [] if self.vocabulary_.unknown_index is None else [self.vocabulary_.unknown_index]

    def _log_probs(self, X: Any, where: str) -> tuple[NDArray[np.float64], int]:
        check_is_fitted(self, "module_")
        where = f"LanguageModel.{where}"
        rows = numbered(read_texts(X, self.level, where), self.vocabulary_, where)
        return log_probs(self._net, rows, self._precision.device), sum(map(len, rows))

    def _prompt(self, prompt: Any, where: str) -> NDArray[np.int64]:
        check_is_fitted(self, "module_")
        where = f"LanguageModel.{where}"
        return self.vocabulary_.encode(read_prompt(prompt, self.level, where), where=where)

    def _opened(self, prompt: Any, where: str) -> Any:
        return opened(self._net, self._prompt(prompt, where), self._precision.device)

    def _text(self, ids: NDArray[np.int64]) -> str | list[str]:
        symbols = self.vocabulary_.decode(ids)
        return "".join(symbols) if self.level == "characters" else symbols


def from_content(kind: str, content: dict[str, Any], tensors: dict[str, Any]) -> LanguageModel:
    """The model that a file holds."""
    made = LanguageModel(**saving.params_of(content))
    restored: LanguageModel = files.restore(made, content, tensors)
    return restored
