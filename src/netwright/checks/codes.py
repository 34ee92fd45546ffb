"""The table of codes: what a finding can be, from the root cause to the symptom, and what follows from what.

A code is the stable name of one cause. They stand in the order in which causes are looked for: the data, the graph, the
start, output and loss, the loop, the steps, and what is only seen in a run. What a cause alone brings about is named in
its last column; where both are found, the second is told as a consequence of the first. ``steps`` stands for all codes
of first steps and ``run`` for all that are only seen in a run.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """One cause.

    Attributes
    ----------
    name : stable, in kebab case.
    title : the cause in a few words.
    why : what it does to a run.
    reference : who described it.
    hides : codes that follow from it.
    rank : its place in the order, 0 is the root.
    """

    name: str
    title: str
    why: str
    reference: str
    hides: frozenset[str]
    rank: int


_GROUPS = {
    "steps": "lr-too-high lr-too-low saturation dead-units vanishing-gradient exploding-gradient capacity init-scale "
    "over-regularised loss-sum batch-size",
    "run": "underfitting overfitting too-few-epochs schedule-dead over-clipping wrong-metric stale-batch-norm "
    "class-imbalance noisy-labels collapse miscalibrated filters-noise",
}

# Blocks of lines: name and title, why it matters, the reference, and what follows from it after "hides".
_TABLE = """
non-finite-data: NaN or infinity in the data
one such number makes the loss NaN and, one step later, every weight
Humbatova et al. 2020
hides steps run unscaled-input unscaled-target scaler-mismatch constant-input label-range wrong-
gradient stateful-eval

label-range: labels that the loss cannot mean
a label outside what the output can say pulls every step towards something that does not exist
Humbatova et al. 2020
hides steps run output-width wrong-loss output-range

constant-input: inputs that do not vary
rows that are the same cannot be told apart, so the best answer left is the average
Ben Braiek and Khomh 2022
hides steps run input-ignored target-leak labels-unrelated duplicate-rows unscaled-input scaler-
mismatch

wrong-axes: axes of the input mixed up
what is near in the picture or in time is no longer near in the tensor, and layers that look at neighbours see noise
Schoop et al. 2021
hides steps run labels-unrelated

labels-unrelated: labels that have nothing to do with the inputs
what is memorised does not carry over to a new row
Zhang et al. 2017
hides noisy-labels overfitting underfitting class-imbalance

target-leak: a feature that holds the target
the score says nothing about rows whose target is not known yet
Kaufman et al. 2012
hides run

duplicate-rows: held-out rows that are in training too
the held-out score measures memory and not generalisation
Kaufman et al. 2012
hides run

scaler-mismatch: held-out rows on another scale than training
the network is asked about numbers that it never learned from
Humbatova et al. 2020
hides overfitting no-eval-mode stale-batch-norm wrong-metric

unregistered: weights that the module does not own
they are missing from parameters(), from the optimizer, from state_dict() and from .to()
PyTorch documentation of nn.Module
hides steps run missing-parameters not-repeatable

not-differentiable: no slope from the loss to the output
without a gradient that is a number and not 0 no weight learns, whatever the optimizer
PyTorch documentation of autograd
hides steps run missing-step detached vanishing-gradient

all-frozen: nothing that the optimizer holds can move
the network stays what it was at the start
Jiang et al. 2025
hides steps run missing-step missing-parameters detached

foreign-optimizer: the optimizer steers another network
gradients are computed here and steps are made there
Jiang et al. 2025
hides steps run missing-step missing-parameters

detached: the graph is cut
layers before the cut get no gradient and stay as they were drawn
Karpathy 2019
hides steps run missing-step

missing-parameters: trainable parameters that no optimizer holds
they stay as they were drawn, and the rest learns to live with random features
Jiang et al. 2025
hides steps run

batch-mixing: rows of a batch influence each other
the answer for a row depends on its company, in training and in use
Karpathy 2019
hides steps run shared-stateful-layer labels-unrelated future-leak padding-leak

input-ignored: the output does not depend on the input
every row gets the same answer, so the best one left is the average
Karpathy 2019
hides steps run labels-unrelated

future-leak: a step sees the step that it must predict
the loss is low in training and means nothing when the future is not there
Karpathy 2019
hides run

stateful-eval: the same input gives another answer
something random or remembered stays on in eval mode, so no answer can be trusted or repeated
Jiang et al. 2025
hides no-eval-mode run batch-mixing

shared-stateful-layer: one layer with statistics in two places
its running mean is of two different things and fits neither
PyTorch documentation of BatchNorm
hides stale-batch-norm overfitting

padding-leak: the answer depends on the padding
the same sequence gets another answer in another batch
Sutskever et al. 2014
hides run

tiny-batch-norm: batch normalisation over a handful of rows
mean and variance of so few rows are mostly noise
Wu and He 2018
hides run lr-too-high stale-batch-norm

symmetric-init: units that are all the same
units with equal weights get equal gradients and stay equal: the layer is one unit wide
Goodfellow et al. 2016, section 8.4
hides steps run dead-units init-scale no-nonlinearity input-ignored vanishing-gradient

wrong-gradient: a hand-written gradient that is wrong
every step of that layer goes elsewhere than downhill
Karpathy, CS231n notes
hides steps run

double-softmax: softmax or sigmoid applied twice
the loss applies it again, so even a perfect answer has a high loss and gradients fade
Karpathy 2019
hides steps run output-activation output-range wrong-loss

output-activation: the last activation does not suit the loss
the network cannot say what the loss asks for
Nikanjam et al. 2021
hides steps run output-range no-nonlinearity

wrong-loss: a loss for another task
what is minimised is not what is wanted
Humbatova et al. 2020
hides steps run output-range output-width

broadcast: shapes that spread in the loss
every output is compared with every target, so the best answer is the mean of all
PyTorch documentation of broadcasting
hides steps run unscaled-target no-nonlinearity

output-range: targets that the output cannot reach
the last activation ends before the targets do
Schoop et al. 2021
hides steps run unscaled-target

loss-sign: the loss goes up
each step makes the network worse
Ben Braiek and Khomh 2022
hides steps run

output-width: more outputs than classes
the spare outputs only learn to be silent
Nikanjam et al. 2021

unscaled-input: inputs on large or very different scales
a rate that suits one column is far too large or too small for another
LeCun et al. 1998
hides steps run scaler-mismatch no-nonlinearity

unscaled-target: a target far from the scale of the output
the first steps are as large as the target squared, and the rest of them learns its mean
Ben Braiek and Khomh 2022
hides steps run

init-scale: initial weights too large or too small
the first outputs are far too confident, or the signal dies on its way
He et al. 2015
hides saturation dead-units vanishing-gradient exploding-gradient lr-too-high lr-too-low capacity
run

no-nonlinearity: layers without an activation between them
any number of them is one linear layer
Goodfellow et al. 2016, section 6.1
hides run capacity

dead-units: units that are off for every row
a ReLU that is never on has no gradient and never comes back
Lu et al. 2020
hides vanishing-gradient capacity lr-too-low run

saturation: activations at their flat ends
the slope there is almost zero, so what lies before hardly learns
Glorot and Bengio 2010
hides vanishing-gradient lr-too-low capacity run

vanishing-gradient: the first layers get next to no gradient
they stay as they were drawn while the last ones learn
Hochreiter 1991
hides lr-too-low capacity run

exploding-gradient: gradients that grow on their way back
a single batch can throw the weights far away
Pascanu et al. 2013
hides lr-too-high run

unshuffled: batches of one class after the other
each batch makes the network forget the one before
Bengio 2012
hides run lr-too-high

missing-zero-grad: gradients pile up from step to step
each step follows the sum of all gradients since the start
PyTorch documentation of zero_grad
hides steps run

missing-step: gradients without steps
the backward pass runs, but no weight changes
PyTorch documentation of torch.optim
hides steps run

no-train-mode: training in eval mode
dropout is off and batch statistics stand still while weights move
Karpathy 2019
hides stale-batch-norm overfitting

no-eval-mode: validation in train mode
dropout and batch statistics disturb the score, and validation rows leak into the statistics
Karpathy 2019
hides stale-batch-norm overfitting

over-clipping: clipping that leaves nothing
only the direction of the gradient is left, and the step is a thousandth of what was meant
Godbole et al. 2023
hides lr-too-low run

loss-sum: a loss that is summed
the step grows with the batch, so the rate is many times what it says
Ben Braiek and Khomh 2022
hides lr-too-high exploding-gradient dead-units run

dropout-too-strong: too many units dropped
what is left of the signal is too little to learn from
Srivastava et al. 2014
hides run capacity

over-regularised: the penalty outweighs the data
weights or answers shrink to one value faster than the data can build them
Krogh and Hertz 1992
hides lr-too-low vanishing-gradient dead-units run

lr-too-high: a learning rate that is too high
steps jump over what they look for
Godbole et al. 2023
hides dead-units saturation exploding-gradient vanishing-gradient run

lr-too-low: a learning rate that is too low
the run ends long before the weights have arrived
Godbole et al. 2023
hides run

schedule-dead: a schedule that ends the learning early
the rate is almost zero while there is still much to learn
Karpathy 2019
hides lr-too-low too-few-epochs underfitting

batch-size: a batch size at an extreme
very small batches make noisy steps, very large ones few
Bengio 2012

capacity: a network too small
it cannot even hold a handful of rows
Zhang et al. 2017
hides underfitting

class-imbalance: classes of very different size
a network that always says the largest class has a high accuracy and knows nothing
He and Garcia 2009
hides underfitting

noisy-labels: labels that disagree with their neighbours
wrong labels are learned by heart and spoil both training and score
Northcutt et al. 2021
hides overfitting

stale-batch-norm: running statistics that lag behind
in eval mode the network divides by a variance that it does not have
Ioffe and Szegedy 2015
hides overfitting

overfitting: it learns the rows and not the rule
the held-out loss rises while the training loss goes on falling
Prechelt 1998

underfitting: no better than a straight line
what the network adds to a linear model is not used
Karpathy 2019

too-few-epochs: stopped while it was still learning
the score is that of an unfinished network
Godbole et al. 2023

wrong-metric: a score that is computed wrongly
decisions follow a number that does not say what it seems to
Humbatova et al. 2020

small-validation: too few held-out rows
the score has an error as large as the differences that one looks for
Dietterich 1998

not-repeatable: two runs of one seed differ
no comparison of two settings can be trusted
Pham et al. 2020

filters-noise: first-layer filters that look like noise
a network that has converged on images has smooth filters
Karpathy, CS231n notes

collapse: one answer for almost every row
the score is that of always saying the same
Karpathy 2019

miscalibrated: probabilities that are too sure
a probability of 0.9 should be right nine times of ten
Guo et al. 2017

not-examined: something that could not be looked at
a check that cannot run says nothing, neither good nor bad
-
"""


def _codes(table: str) -> dict[str, Code]:
    codes: dict[str, Code] = {}
    for rank, block in enumerate(table.strip().split("\n\n")):
        head, why, reference, *rest = block.splitlines()
        name, title = head.split(": ", 1)
        follows = " ".join(rest).replace("- ", "-").removeprefix("hides ").split()
        hides = {word for part in follows for word in _GROUPS.get(part, part).split()}
        codes[name] = Code(name, title, why, "" if reference == "-" else reference, frozenset(hides - {name}), rank)
    return codes


CODES: dict[str, Code] = _codes(_TABLE)
