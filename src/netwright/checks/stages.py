"""The checks in the order in which they are asked: root causes before what follows from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from netwright.checks.after import batches, certainty, filters, repeats, score, suspects
from netwright.checks.before import (
    columns,
    data,
    gradient,
    graph,
    inputs,
    labels,
    loss,
    memory,
    optimizer,
    order,
    output,
    pairing,
    sequences,
    split,
    structure,
    weighing,
)
from netwright.checks.before.backward import singular
from netwright.checks.before.layout import regrouped
from netwright.checks.before.steps import draws, length, penalty, rate, recurrence, start, terms, together
from netwright.checks.before.tables import encoding, near, shares, units
from netwright.checks.before.targets import places, spread
from netwright.checks.finding import Finding

Check = Callable[[Any], Iterable[Finding]]

# The stage of a finding, and the checks that make it, root causes first.
STAGES: tuple[tuple[str, tuple[Check, ...]], ...] = (
    ("data", (data.finite, labels.in_range)),
    (
        "data",
        (
            data.varying,
            data.one_symbol,
            split.shared_rows,
            near.near_copies,
            split.leaking_column,
            encoding.encoded_target,
        ),
    ),
    ("data", (split.scales_alike, split.enough_rows)),
    ("data", (order.shuffled, order.sorted_targets, order.rows_for_statistics)),
    ("data", (labels.even, weighing.weights_in_order, labels.agreeing)),
    ("start", (graph.owned, optimizer.own_parameters, optimizer.movable, loss.slope)),
    ("start", (graph.reached, graph.steps_have_slopes, singular.slopes_are_numbers, draws.drawn)),
    ("start", (optimizer.in_name, optimizer.declared, optimizer.complete, memory.repeatable, graph.rows_apart)),
    ("start", (inputs.depends, inputs.each_input, columns.used, data.axes)),
    ("start", (sequences.future, sequences.padding, graph.statistics_in_two_places, gradient.gradients_agree)),
    ("start", (places.compared, places.unshifted, regrouped.regrouped)),
    ("start", (output.applied_twice, loss.suits, loss.shapes, pairing.paired, pairing.narrow, spread.spread_inside)),
    ("start", (pairing.silent_labels, loss.sign, pairing.floor, output.reaches)),
    ("start", (start.units_differ,)),
    ("steps", (singular.slopes_stay_numbers,)),
    ("steps", (units.mixed_units, data.scale_of_inputs, data.scale_of_targets, shares.columns_of_targets)),
    ("steps", (start.scale_of_weights, structure.bends, start.units_alive, start.slopes, start.gradients_arrive)),
    ("steps", (recurrence.through_time, recurrence.faded_through_time, structure.dropped)),
    ("steps", (rate.epsilon, penalty.weight_decay, penalty.in_the_loss, terms.drowned)),
    ("steps", (loss.summed, rate.too_high, rate.too_low)),
    ("steps", (structure.holds_a_few, structure.one_line, length.enough)),
    ("steps", (labels.related,)),
    ("steps", (together.several,)),
)
# Of a program that is trained: the questions to its data, and what its answers show.
AFTER: tuple[tuple[str, tuple[Check, ...]], ...] = (
    *(each for each in STAGES if each[0] == "data"),
    ("data", (labels.related,)),
    ("after", (score.one_answer, score.held_down, certainty.frequencies, suspects.wrong_labels)),
    ("after", (filters.like_noise, batches.extreme, repeats.repeatable)),
)
ENDS = {"non-finite-data", "label-range"}  # after a stage with one of these nothing else can be asked
