"""What is written about architectures, beside what `netwright.models` says of them on the meta device.

Accuracies are those that torchvision publishes with its first weights for each network (``IMAGENET1K_V1``), one
central crop, which `load_weights` reads; errors on small images are those of the papers.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from netwright import models

ALEX = "Krizhevsky et al. 2012"
VGG = "Simonyan, Zisserman 2015"
RESNET = "He et al. 2016"
SQUEEZE = "Iandola et al. 2016"


@dataclass(frozen=True)
class Architecture:
    """A network, and what is written about it."""

    name: str
    paper: str
    options: dict[str, Any] = field(default_factory=dict)
    shape: tuple[int, ...] | None = None  # where its card has none
    original: str = "same"  # parameters of the paper's form: "same", "paper" (an option makes it), or "" (none)
    top1: float | None = None  # per cent
    top5: float | None = None
    error: str = ""

    @property
    def label(self) -> str:
        """As it is called: the function and its options."""
        given = ", ".join(
            f'"{v}"' if isinstance(v, str) else f"{k}={v}" for k, v in self.options.items()
        )
        return f"{self.name}({given})" if given else self.name


def vgg(
    depth: int, plain: tuple[float, float], normed: tuple[float, float]
) -> tuple[Architecture, ...]:
    """A VGG without and with batch normalisation."""
    name = f"vgg{depth}"
    return (
        Architecture(name, VGG, top1=plain[0], top5=plain[1]),
        Architecture(
            name, VGG, {"batch_norm": True}, original="", top1=normed[0], top5=normed[1]
        ),
    )


PHOTOGRAPHS = (
    Architecture("alexnet", ALEX, original="paper", top1=56.522, top5=79.066),
    *vgg(11, (69.020, 88.628), (70.370, 89.810)),
    *vgg(13, (69.928, 89.246), (71.586, 90.374)),
    *vgg(16, (71.592, 90.382), (73.360, 91.516)),
    *vgg(19, (72.376, 90.876), (74.218, 91.842)),
    Architecture("googlenet", "Szegedy et al. 2015", original="paper", top1=69.778, top5=89.530),
    Architecture("inception_v3", "Szegedy et al. 2016", original="", top1=77.294, top5=93.450),
    Architecture("resnet18", RESNET, top1=69.758, top5=89.078),
    Architecture("resnet34", RESNET, top1=73.314, top5=91.420),
    Architecture("resnet50", RESNET, top1=76.130, top5=92.862),
    Architecture("resnet101", RESNET, top1=77.374, top5=93.546),
    Architecture("resnet152", RESNET, top1=78.312, top5=94.046),
    Architecture("squeezenet", SQUEEZE, {"version": "1.0"}, top1=58.092, top5=80.420),
    Architecture(
        "squeezenet", SQUEEZE, {"version": "1.1"}, original="", top1=58.178, top5=80.624
    ),
)
SMALL = (
    Architecture("lenet5", "LeCun et al. 1998", original="paper", error="0.95 % on MNIST"),
    Architecture("resnet20", RESNET, error="8.75 % on CIFAR-10"),
    Architecture("resnet32", RESNET, error="7.51 %"),
    Architecture("resnet44", RESNET, error="7.17 %"),
    Architecture("resnet56", RESNET, error="6.97 %"),
    Architecture("resnet110", RESNET, error="6.43 %"),
)
OTHERS = (
    Architecture("unet", "Ronneberger et al. 2015", original="paper"),
    Architecture("highway", "Srivastava et al. 2015", shape=(1, 28, 28)),
    Architecture("mixture_of_experts", "Jacobs et al. 1991", shape=(1, 28, 28), original=""),
    Architecture("mlp", "Rumelhart et al. 1986", shape=(1, 28, 28), original=""),
)
TABLES = {"photographs": PHOTOGRAPHS, "small": SMALL, "others": OTHERS}


@dataclass(frozen=True)
class Figures:
    """What a network's summary says."""

    shape: tuple[int, ...]
    parameters: int
    macs: int
    features: (
        tuple[int, int] | None
    )  # receptive field and stride of the last layer that keeps places
    original: int | None


@functools.cache
def figures(index: tuple[str, int]) -> Figures:
    """The figures of a row of a table."""
    row = TABLES[index[0]][index[1]]
    make = getattr(models, row.name)
    network = make(**row.options)
    shape = row.shape or network.card.input_shape
    summary = network.summary(input_shape=row.shape)
    spatial = [r for r in summary.rows if r.stride is not None and r.layer[:5] != "Input"]
    features = (spatial[-1].receptive_field[0], spatial[-1].stride[0]) if spatial else None
    original = {"same": summary.parameters, "": None}.get(row.original)
    if row.original == "paper":
        paper = {"in_channels": 1} if row.name == "unet" else {}
        original = make(paper=True, **paper).summary().parameters
    return Figures(shape, summary.parameters, summary.macs, features, original)


def table(name: str) -> Iterator[str]:
    """A table as Markdown."""
    last = {"photographs": "top\u20111", "small": "published error", "others": ""}[name]
    more = ["top\u20115"] if name == "photographs" else []
    heads = [
        "network",
        "paper",
        "input",
        "parameters",
        "in the paper",
        "MACs",
        "field / stride",
        last,
        *more,
    ]
    heads = [head for head in heads if head]
    yield "| " + " | ".join(heads) + " |"
    yield "|---|---|---|" + "--:|" * (len(heads) - 3)
    for i, row in enumerate(TABLES[name]):
        yield "| " + " | ".join(cells(row, figures((name, i)))) + " |"


def cells(row: Architecture, seen: Figures) -> list[str]:
    """The texts of a row."""
    options = row.label.removeprefix(row.name).strip("()")
    link = f"{{obj}}`{row.name} <netwright.models.{row.name}>`" + (
        f" `{options}`" if options else ""
    )
    original = {seen.parameters: "the same", None: "–"}.get(
        seen.original, f"{seen.original or 0:,}"
    )
    features = "{} / {}".format(*seen.features) if seen.features else "all"
    texts = [link, row.paper, " × ".join(map(str, seen.shape)), f"{seen.parameters:,}", original]
    texts += [macs(seen.macs), features]
    if row.top1 is not None:
        texts += [f"{row.top1:.2f}", f"{row.top5:.2f}"]
    texts += [row.error] if row.error else []
    return [texts[0], *(text.replace(" ", "\u00a0") for text in texts[1:])]


def macs(count: int) -> str:
    """Multiply-accumulates with three digits."""
    for factor, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= factor:
            return f"{float(f'{count / factor:.3g}'):g} {unit}"
    return str(count)
