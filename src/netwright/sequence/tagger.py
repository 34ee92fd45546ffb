"""`SequenceTagger`: a tag for each token of a sentence, or for each step of a series."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netwright.core.errors import InvalidData, InvalidParameter, problem, shown
from netwright.core.seeds import derive
from netwright.core.validation import Constraint, boolean, checks_options, instance, integer, nothing, one_of
from netwright.estimators.networks import split_heads
from netwright.graph import Expression
from netwright.layers import CRF, LSTM, Bidirectional, Dropout, forbidden_transitions
from netwright.optim import Adam, Clip, polynomial_decay
from netwright.sequence import saving
from netwright.sequence.base import SHARED, SequenceEstimator, expect_outputs
from netwright.sequence.batches import LEFT_OUT
from netwright.sequence.encoding import Scaled, Spelled, Words, counted
from netwright.sequence.reading import kind_of, read_sequences
from netwright.sequence.targets import Tags, steps_left, targets_of


class SequenceTagger(SequenceEstimator):
    """A tagger: parts of speech, names, segments, states; for tokens or for numbers.

    Tokens are seen as words, characters and affixes (see `netwright.layers.WordFeatures`), so that a word that never
    came in training has a sense. With ``head="crf"`` whole sequences of tags are compared and not each tag by itself;
    `scheme` then forbids sequences that cannot be, such as I-PER behind B-LOC.

    Parameters
    ----------
    network : layers between the tokens and the head, which give something for each step:
        ``Bidirectional(LSTM(100))``, or their text. None: dropout of 0.5, a bidirectional LSTM of 200 units each way,
        dropout of 0.5.
    head : "softmax", each tag by itself; or "crf", a conditional random field over the tags.
    scheme : "BIO", "IOB1", "BIOES", "BILOU" or "BMES": sequences of tags that it does not allow get the probability 0;
        only with the CRF. None: all are allowed.
    characters : whether tokens are seen as characters and affixes too, not as words alone.
    optimizer : an update rule of `netwright.optim`; None for Adam from 0.002 down to 0, betas (0.9, 0.9),
        its gradients clipped at a norm of 5.
    regularizer : ``nw.l2(b)``, ``nw.maxnorm(c)`` or a sum of such; None for none.
    epochs : passes over the training sequences, >= 1.
    batch_size : sequences in an update, >= 1.
    validation : share of the sequences in (0, 1) to hold out, or (X, y), or None.
    patience : epochs without a better validation loss after which training stops and the best weights are put back.
    average : decay in (0, 1) of a running average of the weights, which is then kept; None for none.
    width : length of the vectors of words, where `characters` is False, >= 1.
    least : how often a word has to come in training to have a vector of its own, >= 1.
    device : "auto", "cpu", "cuda", ...
    devices, checkpoint, resume : processes that train it together, and a folder from which a fit that was killed goes
        on; as of `Classifier`.
    random_state : None, an integer, a RandomState or a Generator.
    callbacks : objects with methods named after events, or functions of the run called after each epoch.
    verbose : 0 is silent, 1 shows progress.

    Attributes
    ----------
    classes_ : the tags, sorted. network_ : the closed network. module_ : its torch module.
    history_ : a record an epoch. loss_curve_ : training losses. n_iter_ : epochs trained. best_epoch_ : the epoch with
    the lowest monitored loss. diagnosis_ : what the run's own checks found. seed_ : the seed that random_state gave.
    chain_ : the CRF's module, where the head is one.

    Examples
    --------
    >>> import netwright as nw
    >>> X = [["the", "dog", "runs"], ["a", "cat", "sleeps"], ["dogs", "run"]] * 5
    >>> y = [["DET", "NOUN", "VERB"], ["DET", "NOUN", "VERB"], ["NOUN", "VERB"]] * 5
    >>> tagger = nw.sequence.SequenceTagger("Bidirectional(LSTM(16))", epochs=20, random_state=0).fit(X, y)
    >>> tagger.predict([["the", "cat", "runs"]])
    [['DET', 'NOUN', 'VERB']]

    References
    ----------
    Huang, Xu, Yu, *Bidirectional LSTM-CRF models for sequence tagging*, 2015.
    Ma, Hovy, *End-to-end sequence labeling via bi-directional LSTM-CNNs-CRF*, 2016.
    """

    _constraints: ClassVar[Mapping[str, Constraint]] = {
        **SHARED,
        "network": nothing | instance(Expression, text="layers joined by >>") | instance(str, text="their text"),
        "head": one_of("softmax", "crf"),
        "scheme": nothing | one_of("BIO", "IOB1", "BIOES", "BILOU", "BMES"),
        "characters": boolean,
        "width": integer(1),
        "least": integer(1),
    }

    @checks_options
    def __init__(
        self,
        network: Any = None,
        *,
        head: str = "softmax",
        scheme: str | None = None,
        characters: bool = True,
        optimizer: Any = None,
        regularizer: Any = None,
        epochs: int = 10,
        batch_size: int = 32,
        validation: Any = None,
        patience: int | None = None,
        average: float | None = 0.999,
        width: int = 100,
        least: int = 2,
        device: str = "auto",
        devices: Any = "auto",
        checkpoint: Any = None,
        resume: bool = True,
        random_state: Any = None,
        callbacks: Any = None,
        verbose: int = 0,
    ) -> None:
        self.network = network
        self.head = head
        self.scheme = scheme
        self.characters = characters
        self.optimizer = optimizer
        self.regularizer = regularizer
        self.epochs, self.batch_size = epochs, batch_size
        self.validation, self.patience = validation, patience
        self.average = average
        self.width = width
        self.least = least
        self.device, self.devices = device, devices
        self.checkpoint, self.resume = checkpoint, resume
        self.random_state = random_state
        self.callbacks, self.verbose = callbacks, verbose

    def predict(self, X: Any) -> list[list[Any]]:
        """The most probable tags of each sequence: of each step by itself, with a CRF of the sequence as a whole.

        Parameters
        ----------
        X : sequences as in `fit`; an empty one gets no tags.
        """
        rows = self._each(X, self._decoded)
        labels = self._target.labels
        return [[labels[number] for number in row] for row in rows]

    def predict_proba(self, X: Any) -> list[NDArray[np.float32]]:
        """The probability of each tag at each step: a list of arrays (steps_i, k), in the order of ``classes_``.

        Parameters
        ----------
        X : sequences as in `fit`.
        """

        def probabilities(output: Tensor, mask: Tensor) -> Tensor:
            if self.chain_ is None:
                return torch.softmax(output, -1)
            return self.chain_.marginals(output, mask)

        return [row.numpy() for row in self._each(X, probabilities)]

    def score(self, X: Any, y: Any) -> float:
        """The share of steps that are right; those without a tag (None) do not count, a tag never seen is wrong.

        Parameters
        ----------
        X : sequences as in `fit`. y : their tags, a list of lists; None or -100 where there is none.
        """
        found = self.predict(X)
        wanted = _tag_lists(y, found, "score(y)")
        pairs = [(f, w) for fs, ws in zip(found, wanted, strict=True) for f, w in zip(fs, ws, strict=True)]
        counting = [f == w for f, w in pairs if w is not None]
        if not counting:
            raise InvalidData(problem("SequenceTagger.score(y)", "at least one tag", "none"))
        return sum(counting) / len(counting)

    def _read(self, X: Any, where: str) -> list[Any]:
        if hasattr(self, "_input"):
            return list(self._input.read(X, where))
        return read_sequences(X, where)

    def _encoder(self, sequences: list[Any]) -> Any:
        if kind_of(sequences) == "numbers":
            return Scaled.fit(sequences)
        if self.characters:
            return Spelled.fit(sequences, self.least)
        return Words(counted(sequences, self.least, lower=True), self.width)

    def _examples(self, X: Any, y: Any) -> tuple[list[Any], Any]:
        if self.scheme is not None and self.head != "crf":
            raise InvalidParameter(problem("SequenceTagger(scheme)", 'head="crf" to go with it', f"head={self.head!r}"))
        sequences = self._read(X, "SequenceTagger.fit(X)")
        return sequences, y

    def _read_target(self, y: Any, sequences: list[Any], known: Any) -> Any:
        listed = _tag_lists(y, sequences, "SequenceTagger.fit(y)")
        target = known if known is not None else Tags.read(listed, "SequenceTagger.fit(y)")
        self.classes_ = np.array(target.labels)
        if self.scheme is not None:
            _expect_scheme(listed, target.labels, self.scheme)
        return target, listed

    def _rule(self) -> Any:
        return Clip(Adam(polynomial_decay(0.002), betas=(0.9, 0.9)), 5.0)

    def _body(self) -> Expression:
        return Dropout(0.5) >> Bidirectional(LSTM(200)) >> Dropout(0.5)

    def _task(self, module: torch.nn.Module) -> Any:
        body, link = split_heads(module)
        labels = self._target.labels
        expect_outputs(self.network_, True, len(labels))
        if link not in ("identity", "softmax"):
            raise InvalidParameter(problem("network", "an end in Softmax or Linear, or no head", f"{link} as its last"))
        self.chain_: Any = None
        if self.head == "crf":
            taken = () if self.scheme is None else forbidden_transitions(labels, self.scheme)
            self.chain_ = CRF(len(labels), tuple(taken)).build(derive(self.seed_, "chain"))
            self._precision.place(self.chain_)
        chain = self.chain_

        def objective(output: Tensor, target: Tensor, weight: Any) -> Tensor:
            left = steps_left(target)
            if chain is None:
                return torch.nn.functional.cross_entropy(output[left], target[left])
            return -chain.log_likelihood(output, target, left).sum() / left.sum()

        def score(output: Tensor, target: Tensor, weight: Any) -> float:
            left = steps_left(target)
            rows = self._decoded(output, left)
            found = torch.cat([torch.as_tensor(row, dtype=torch.int64) for row in rows])
            return float((found == target[left].cpu()).double().mean())

        return Tagging(body, chain), objective, score

    def _decoded(self, output: Tensor, mask: Tensor) -> list[list[int]]:
        """The numbers of the tags of each sequence."""
        if self.chain_ is not None:
            found: list[list[int]] = self.chain_.decode(output, mask)
            return found
        best = output.argmax(-1)
        return [row[kept].tolist() for row, kept in zip(best, mask, strict=True)]


class Tagging(torch.nn.Module):
    """What scores each tag at each step, and the chain that is trained with it.

    Parameters
    ----------
    body : gives the scores. chain : the CRF's module, or None.
    """

    def __init__(self, body: torch.nn.Module, chain: torch.nn.Module | None) -> None:
        super().__init__()
        self.body = body
        self.chain = chain

    def forward(self, *inputs: Tensor) -> Tensor:
        """Sequences and lengths -> (batch, steps, tags)"""
        scores: Tensor = self.body(*inputs)
        return scores


def _expect_scheme(y: list[list[Any]], labels: list[Any], scheme: str) -> None:
    """Refuse tags in an order that a scheme of spans does not have."""
    number, k = {label: place for place, label in enumerate(labels)}, len(labels)
    taken = set(forbidden_transitions(labels, scheme))
    for index, tags in enumerate(y):
        known = [(step, tag) for step, tag in enumerate(tags) if tag in number]
        path = [k, *(number[tag] for _, tag in known), k + 1]
        wrong = next((place for place, pair in enumerate(pairwise(path)) if known and pair in taken), None)
        if wrong is not None:
            first = "the start" if wrong == 0 else repr(known[wrong - 1][1])
            then = "the end" if wrong == len(known) else repr(known[wrong][1])
            step = known[min(wrong, len(known) - 1)][0]
            where = f"SequenceTagger.fit(y), sequence {index}, step {step}"
            got, remedy = f"{then} behind {first}", "Mend the tags, or leave scheme out."
            raise InvalidData(problem(where, f"tags in an order that {scheme} allows", got, remedy))


def _tag_lists(y: Any, sequences: list[Any], where: str) -> list[list[Any]]:
    """Tags as lists as long as their sequences."""
    made = []
    for index, (tags, sequence) in enumerate(zip(targets_of(y, sequences, where), sequences, strict=True)):
        if isinstance(tags, str) or not hasattr(tags, "__len__"):
            raise InvalidData(problem(f"{where}, sequence {index}", "a list of tags", shown(tags)))
        if len(tags) != len(sequence):
            got = f"{len(tags)}"
            raise InvalidData(problem(f"{where}, sequence {index}", f"{len(sequence)} tags, one a step", got))
        plain = [tag.item() if isinstance(tag, (np.generic, Tensor)) else tag for tag in tags]
        made.append([None if isinstance(tag, int) and tag == LEFT_OUT else tag for tag in plain])
    return made


def from_content(kind: str, content: dict[str, Any], tensors: dict[str, Any]) -> SequenceTagger:
    """The tagger that a model file holds."""
    made = SequenceTagger(**saving.params_of(content))
    target = Tags.from_state(content["target"])
    made.classes_ = np.array(target.labels)
    restored: SequenceTagger = saving.restore(made, target, content, tensors)
    return restored
