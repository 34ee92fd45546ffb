"""What the names in a state dict say: whose names they are, of which architecture, and in which order its modules run.

A file knows its tensors by name, and safetensors has no other order than the names'. `recognise` finds the family whose
patterns the names of all modules follow, and puts the modules into the order in which that family defines them: stem,
stages, branches from first to last, a convolution before its normalisation, a block before its shortcut, auxiliary
classifiers where they branch off or before the head, the head last.

================ ===================================== ====================================================
whose            architectures                         names
================ ===================================== ====================================================
torchvision      AlexNet, VGG, SqueezeNet              ``features.3.squeeze``, ``classifier.6``
                 ResNet, also of others for CIFAR      ``layer1.0.conv1``, ``layer1.0.downsample.0``, ``fc``
                 GoogLeNet                             ``inception3a.branch2.0.conv``, ``aux1.fc1``
                 Inception-v3                          ``Mixed_5b.branch5x5_1.bn``, ``AuxLogits.conv0.conv``
timm             as torchvision; VGG's head differs    ``pre_logits.fc1``, ``head.fc``
keras            VGG                                   ``block1_conv1``, ``fc1``, ``predictions``
                 ResNet, new and old names             ``conv2_block1_0_conv``; ``res2a_branch1``
                 Inception-v3                          ``conv2d_93``, ``batch_normalization_93``
torch.nn         any chain                             ``0``, ``3.1``: the indices of ``Sequential``
================ ===================================== ====================================================
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from netwright.core.errors import InvalidParameter, problem, shown

Key = tuple[tuple[int, int | str], ...]

_KERAS_ROLES = {
    "kernel": "weight",
    "gamma": "weight",
    "W": "weight",
    "bias": "bias",
    "beta": "bias",
    "b": "bias",
    "moving_mean": "running_mean",
    "running_mean": "running_mean",
    "moving_variance": "running_var",
    "running_std": "running_var",  # so called by Keras 1; it is the variance
}
_ONLY_KERAS = re.compile(r"(?:.*[./])?(?:kernel|gamma|moving_mean|vars[./]\d+|\w+_W_\d+)(?::\d+)?")
_KERAS_1 = re.compile(r"(\w+?)_(W|b|gamma|beta|running_mean|running_std)(?:_\d+)?")


_PLAIN = {"torch.nn": "a torch.nn.Sequential", "netwright": "netwright's networks"}
LONGEST = 100  # letters in the name of a module
HEAD = 3  # modules behind a trunk, at most
LAST = -1  # in the place of a pattern's number: the last module, whatever its name


@dataclass(frozen=True)
class Naming:
    """What names were recognised.

    Attributes
    ----------
    source : whose names they are: "torchvision", "timm", "keras", "torch.nn", "netwright".
    family : of the architecture.
    architecture : as it is published, such as "resnet50"; "" where the family has none of this depth.
    modules : all modules that have tensors, in the order in which they are defined.
    top : those of the classifier at the end, of which the last is the head; none in a file without head.
    aux : those of the auxiliary classifiers.
    top_size : number of modules in a whole classifier of the family.
    """

    source: str
    family: str
    architecture: str
    modules: tuple[str, ...]
    top: tuple[str, ...] = ()
    aux: tuple[str, ...] = ()
    top_size: int = 1

    @property
    def is_published(self) -> bool:
        """Whether the names belong to a known family, so that its head and its classifier are known."""
        return self.source not in _PLAIN

    @property
    def knows_head(self) -> bool:
        """Whether `top` is a classifier, and not only the last module, which may be any other."""
        return self.source != "torch.nn"

    @property
    def heads(self) -> frozenset[str]:
        """The modules whose outputs are the classes: the head, and the last of each auxiliary classifier."""
        last = {name.partition(".")[0]: name for name in self.aux}
        return frozenset({*self.top[-1:], *last.values()})

    def __str__(self) -> str:
        if self.source in _PLAIN:
            return _PLAIN[self.source]
        whose = self.source.capitalize() if self.source == "keras" else self.source
        return f"{whose}'s {self.architecture or f'{self.family} networks, but of another depth or form'}"


@dataclass(frozen=True)
class Family:
    """The names of one family of architectures.

    Attributes
    ----------
    source, name : whose names, of what.
    mark : at least one module is so called, and in no other family.
    patterns : of the names of its modules, in the order in which they run. Groups sort within a pattern: numbers by
        value, words by their place in `words`; groups named a, b, c in that order, whatever their order in the name.
    words : words in groups, in the order in which they run.
    architecture : the name of the function for these modules.
    top, aux : numbers of the patterns of the classifier and of the auxiliary classifiers.
    top_size : number of modules in a whole classifier.
    paired : whether convolutions and normalisations are numbered each by themselves, in the order in which they were
        made, and not always from the same number: the n-th of the one goes with the n-th of the other.
    """

    source: str
    name: str
    mark: str
    patterns: tuple[str, ...]
    words: tuple[str, ...]
    architecture: Callable[[Sequence[str]], str]
    top: tuple[int, ...] = ()
    aux: tuple[int, ...] = ()
    top_size: int = 1
    paired: bool = False

    def key(self, module: str) -> Key | None:
        """What sorts the module; None where the family has no such name."""
        if len(module) > LONGEST:
            return None
        for number, pattern in enumerate(self.patterns):
            match = re.fullmatch(pattern, module)
            if match:
                named = sorted(match.groupdict().items())
                groups = [text for _, text in named] if named else list(match.groups())
                return ((0, number), *(self._rank(text) for text in groups))
        return None

    def _rank(self, text: str | None) -> tuple[int, int | str]:
        if not text:
            return (-1, 0)
        if text not in self.words and re.fullmatch(r"\d+", text):
            return (0, int(text))
        return (0, self.words.index(text)) if text in self.words else (1, text)


def is_keras(names: Iterable[str]) -> bool:
    """Whether names of tensors are those that Keras gives."""
    return any(_ONLY_KERAS.fullmatch(name) for name in names)


def split(name: str, keras: bool) -> tuple[str, str]:
    """The module and the role of a tensor: weight, bias, running_mean..., or vars.0, vars.1... without a meaning.

    Parameters
    ----------
    name : of the tensor.
    keras : whether the names are Keras's, where folders before the layer's own name say nothing.

    Examples
    --------
    >>> split("layer1.0.bn1.running_var", keras=False), split("conv1_bn/conv1_bn/gamma:0", keras=True)
    (('layer1.0.bn1', 'running_var'), ('conv1_bn', 'weight'))
    """
    if not keras:
        module, _, role = name.rpartition(".")
        return module, role
    words = re.sub(r":\d+$", "", name).replace("/", ".").split(".")
    if len(words) > 2 and words[-2] == "vars":
        return words[-3], f"vars.{words[-1]}"
    if len(words) > 1 and words[-1] in _KERAS_ROLES:
        return words[-2], _KERAS_ROLES[words[-1]]
    old = _KERAS_1.fullmatch(words[-1])
    return (old[1], _KERAS_ROLES[old[2]]) if old else (".".join(words[:-1]), words[-1])


def recognise(names: Iterable[str], families: Sequence[Family], where: str = "the state dict") -> Naming:
    """Whose names these are, and the modules in their order.

    Parameters
    ----------
    names : of the tensors, in any order.
    families : those that may be meant.
    where : the file, for messages.

    Raises
    ------
    InvalidParameter : names of no family, or of a family but for some, which are named.
    """
    names = list(names)
    keras = is_keras(names)
    modules = list(dict.fromkeys(split(name, keras)[0] for name in names))
    family = next((f for f in families if any(re.fullmatch(f.mark, module) for module in modules)), None)
    if family is None:
        expected = "names of torchvision, timm, Keras's applications, numbers, or those of the network itself"
        remedy = "Rename them to those of the network's state_dict()."
        if prefix := shared_prefix(names):
            renamed = f"{{name.removeprefix({prefix!r}): tensor for name, tensor in state.items()}}"
            remedy += f" They share the prefix {prefix!r}; if such names follow it, load {renamed}."
        raise InvalidParameter(problem(where, expected, f"{shown(names[0])} and {len(names) - 1} more", remedy))
    keys = {module: family.key(module) for module in modules}
    strange = [module for module in modules if keys[module] is None]
    if strange:
        expected = f"the names of {family.source}'s {family.name} networks"
        remedy = "It is a variant of that family that netwright.models does not have."
        raise InvalidParameter(problem(where, expected, f"{shown(strange[0])} ({len(strange)} such)", remedy))
    if family.paired:
        keys |= _paired(keys)
    ordered = tuple(sorted(modules, key=lambda module: keys[module] or ()))
    numbers = {module: key[0][1] for module, key in keys.items() if key}
    return Naming(
        family.source,
        family.name,
        family.architecture(ordered),
        ordered,
        ordered[-1:] if LAST in family.top else tuple(m for m in ordered if numbers[m] in family.top),
        tuple(module for module in ordered if numbers[module] in family.aux),
        family.top_size,
    )


def shared_prefix(names: Collection[str]) -> str:
    """The longest prefix up to a dot of all names but those of a head; "" without one.

    Parameters
    ----------
    names : of the tensors.

    Examples
    --------
    >>> shared_prefix(["a.student.conv1.weight", "a.student.bn1.weight", "a.student.fc.bias"])
    'a.student.'
    """
    found = ""
    while True:
        words = Counter(name[len(found) :].partition(".")[0] for name in names if name.startswith(found))
        word, _ = words.most_common(1)[0]
        longer = f"{found}{word}."
        outside = {name.rpartition(".")[0] for name in names if not name.startswith(longer)}
        inside = {name.rpartition(".")[0] for name in names if name.startswith(longer)}
        if len(outside) > HEAD or len(inside) <= max(1, len(outside)):
            return found
        found = longer


def _paired(keys: dict[str, Key | None]) -> dict[str, Key]:
    """Keys (pattern, number, word) of the first pattern with the rank among those of one word as the number."""
    found: dict[str, Key] = {}
    body = [(module, key) for module, key in keys.items() if key and key[0][1] == 0]
    for word in {key[2] for _, key in body}:
        numbered = sorted((key[1], module) for module, key in body if key[2] == word)
        found |= {module: ((0, 0), (0, rank), word) for rank, (_, module) in enumerate(numbered)}
    return found
