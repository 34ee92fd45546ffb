"""How the members of an ensemble come to be: each trained by itself, all as one network, or kept from a single run."""

from __future__ import annotations

from typing import Any

from sklearn.base import clone

from netwright.core.errors import InvalidParameter, problem
from netwright.core.seeds import derive
from netwright.estimators.ensemble import one_run
from netwright.estimators.ensemble.adversarial import FastGradientSign
from netwright.estimators.ensemble.choices import KEPT
from netwright.estimators.ensemble.members import drawn, fit_apart, fitted, network_of, seeded
from netwright.estimators.ensemble.vectorising import fit_together, prepared


def trained_apart(
    ensemble: Any, templates: list[Any], X: Any, y: Any, weight: Any, classes: bool
) -> tuple[list[Any], bool]:
    """Members that differ by their seeds, by their options, or by their rows; and whether they were trained as one.

    Parameters
    ----------
    ensemble : with its options and its ``seed_``. templates : what members are copies of.
    X, y, weight : all rows. classes : whether y has labels.

    Raises
    ------
    InvalidParameter : members that cannot be one network, where that is asked for.
    """
    places = range(ensemble.n_estimators if ensemble.how == "seeds" else len(templates))
    chosen = templates * ensemble.n_estimators if ensemble.how == "seeds" else templates
    members = [seeded(chosen[place], ensemble.seed_, place, ensemble.how == "top") for place in places]
    data = [(X, y, weight)] * len(members)
    if ensemble.bootstrap:
        seeds = [derive(ensemble.seed_, "bootstrap", place) for place in places]
        data = [drawn(X, y, weight, seed, classes) for seed in seeds]
    rows, targets, weights = map(list, zip(*data, strict=True))
    if ensemble.vectorised is not False:
        reason = prepared(members, rows, targets, weights, ensemble.vectorised == "auto")
        if not reason:
            fit_together(members, None if ensemble.adversarial is None else FastGradientSign(ensemble.adversarial))
            return members, True
        if ensemble.vectorised is True:
            remedy = 'Take vectorised="auto" or False.'
            expected = "False for these members, which cannot be trained as one network"
            raise InvalidParameter(problem("Ensemble(vectorised)", expected, f"True: {reason}", remedy))
        members = [clone(member) for member in members]
    return fit_apart(members, rows, targets, weights, ensemble.n_jobs, ensemble.adversarial), False


def trained_once(ensemble: Any, template: Any, X: Any, y: Any, weight: Any) -> list[Any]:
    """Members, or one averaged network, from a single run.

    Parameters
    ----------
    ensemble : with its options and its ``seed_``. template : what is trained. X, y, weight : all rows.
    """
    member = seeded(template, ensemble.seed_, 0)
    network, keep = network_of(member), ensemble.keep or KEPT[ensemble.how]
    epochs = one_run.epochs_of(keep, ensemble.n_estimators, network.epochs)
    snapshots = one_run.Snapshots(epochs, mean=ensemble.how == "average")
    rule = one_run.scheduled(network, ensemble.how, keep, ensemble.n_estimators, ensemble.rate)
    attack = None if ensemble.adversarial is None else FastGradientSign(ensemble.adversarial)
    with one_run.also_told(network, attack):
        fitted(member, X, y, weight, snapshots, rule)
    return one_run.members_of(member, network_of, snapshots) if snapshots.kept else [member]
