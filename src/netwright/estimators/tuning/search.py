"""`search`: trials of an estimator over a space, on Optuna.

Parameters are drawn at random unless TPE is asked for: of d parameters few matter, and a grid of n^d points tries each
of them at n values only, where as many random trials try n^d (Bergstra and Bengio, 2012).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

from netwright.core.errors import InvalidData, InvalidParameter, problem
from netwright.core.seeds import to_seed
from netwright.core.validation import boolean, check, integer, nothing, one_of
from netwright.estimators.tuning.conductor import Conductor, Way
from netwright.estimators.tuning.engine import METHODS, optuna
from netwright.estimators.tuning.fingerprint import options_of, text_of, texts_of_data
from netwright.estimators.tuning.ledger import Ledger
from netwright.estimators.tuning.owner import Heartbeat
from netwright.estimators.tuning.pruning import check_pruning
from netwright.estimators.tuning.records import KILLED, Outcome, Record
from netwright.estimators.tuning.result import Done, Search, short
from netwright.estimators.tuning.space import Space
from netwright.estimators.tuning.splits import read_rows, scorer_of
from netwright.estimators.tuning.stages import Stage, narrowed, plan
from netwright.estimators.tuning.subject import prunable, require_estimator, require_prunable
from netwright.estimators.tuning.trial import Task
from netwright.estimators.tuning.workers import Inline, Pool, processors


def search(
    estimator: Any,
    space: Any,
    X: Any,
    y: Any = None,
    *,
    trials: int = 40,
    stages: str = "coarse-fine",
    method: str = "random",
    pruning: str | None = None,
    validation: Any = 0.2,
    scoring: Any = None,
    coarse_epochs: int = 5,
    workers: int = 1,
    synchronous: int | None = None,
    storage: Any = None,
    random_state: Any = None,
    refit: bool = True,
    verbose: int = 0,
) -> Search:
    """Search the parameters of an estimator: netwright's, or any that follows scikit-learn.

    A trial is a copy of the estimator with drawn parameters, trained, and scored on rows that it has not seen. One
    that fails (an error, a loss or score that is not finite) is written down with its reason, and the search goes on.

    Parameters
    ----------
    estimator : what is searched; it is not changed. Its random states that are None get a seed of each trial's own.
    space : {parameter: range or list of choices}; parameters of values inside as ``optimizer__lr``, ranges by
        ``nw.uniform``, ``nw.log_uniform``, ``nw.integers``, networks of several drawn numbers by ``nw.varied``.
    X, y : as the estimator's `fit` takes them.
    trials : how many there are in all stages and all processes together, >= 1.
    stages : "coarse-fine" (six in ten trials with few epochs over the whole space, then the others with all epochs
        over the space narrowed round the best quarter), or "one".
    method : how parameters are drawn: "random", or "tpe", which models what was good so far.
    pruning : None, "successive halving" or "median": which trials of networks end before their last epoch.
    validation : share of the rows that judge (of classifiers each class in its share), a number of folds, a splitter
        of scikit-learn's, a list of (rows to learn from, rows that judge), or (X, y) of their own.
    scoring : None (the estimator's own score), the name of a score of scikit-learn's, or (estimator, X, y) -> number;
        more is better.
    coarse_epochs : epochs of a coarse trial, at most; estimators without epochs are trained to their end.
    workers : processes that run trials at once; -1 for one each processor.
    synchronous : k to draw k trials together and write them in their order: with it TPE and pruning, too, give the same
        for any number of workers. Random draws without pruning are the same anyhow.
    storage : None (memory), the path of a journal file, or the URL of a database. The same call with the same storage
        goes on where the last one ended, however it ended, and shares the trials with others that run.
    random_state : None, an integer, a RandomState or a Generator; of draws, trials and the split.
    refit : whether the best is fitted on all rows at the end.
    verbose : 0 is silent, 1 writes a line a trial.

    Returns
    -------
    Search, with ``best_estimator_``, ``best_params_``, ``best_score_``, ``trials_``, ``top(n)`` and `predict`.

    Raises
    ------
    InvalidParameter : a name that the estimator does not have, an empty range, options that cannot be, no Optuna.
    InvalidData : data that cannot be split; a storage that cannot be used or has another search; no trial that
        succeeded.

    Examples
    --------
    >>> import netwright as nw
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = nw.Classifier("ReLU(8) >> Softmax(3)", epochs=20)
    >>> space = {"optimizer__lr": nw.log_uniform(1e-4, 1e-1), "batch_size": [16, 64]}
    >>> found = nw.search(clf, space, X, y, trials=8, random_state=0)
    >>> found.score(X, y) > 0.9, len(found.trials_)
    (True, 8)

    References
    ----------
    Bergstra, Bengio, *Random search for hyper-parameter optimization*, 2012.
    Akiba et al., *Optuna: a next-generation hyperparameter optimization framework*, 2019.
    """
    require_estimator(estimator)
    optuna()
    space = Space.read(space)
    staged = plan(stages, trials, coarse_epochs)
    _check_options(estimator, method, pruning, (workers, synchronous), refit, verbose)
    space.check_against(estimator)
    score = scorer_of(estimator, scoring)
    size = {"stages": stages, "trials": trials, "coarse_epochs": coarse_epochs}
    identity = _identity(estimator, space, size, (X, y, validation), (method, pruning, scoring), random_state)
    ledger = Ledger(storage, identity, tuple(stage.name for stage in staged))
    try:
        rows = read_rows(estimator, X, y, validation, ledger.seed)
        task = Task(estimator, rows, score, pruning if prunable(estimator) else None)
        way = _way(method, task, ledger.seed, workers, synchronous)
        done = _run(ledger, task, way, staged, space, _teller(staged, space, verbose))
    finally:
        ledger.close()
    result = Search(estimator, done, ledger.seed)
    return result.refit(rows.X, rows.y) if refit else result


def _run(
    ledger: Ledger,
    task: Task,
    way: Way,
    staged: tuple[Stage, ...],
    space: Space,
    told: Callable[[Stage, Record, Outcome], object],
) -> tuple[Done, ...]:
    """Run the stages one after the other."""
    crew = Inline(task) if way.workers == 1 else Pool(task, way.workers, way.threads or 1)
    done: list[Done] = []
    whole = False
    try:
        with Heartbeat(ledger.beat) if ledger.lasting else nullcontext():
            conductor = Conductor(ledger, crew, way, told)
            first: Mapping[str, Any] | None = None
            for stage in staged:
                if done:
                    space, first = narrowed(space, done[-1].records)
                done.append(Done(stage, space, conductor.run(stage, space, first)))
                _require_some(stage, done[-1].records, any(_completed(each.records) for each in done))
        whole = True
    finally:
        crew.close(kill=not whole)
    return tuple(done)


def _check_options(
    estimator: Any, method: Any, pruning: Any, at_once: tuple[Any, Any], refit: Any, verbose: Any
) -> None:
    workers, synchronous = at_once
    check("search(method)", method, one_of(*METHODS))
    check_pruning(pruning)
    if pruning is not None:
        require_prunable(estimator)
    if workers != -1 or isinstance(workers, bool):
        check("search(workers)", workers, integer(1), "Or -1 for one each processor.")
    check("search(synchronous)", synchronous, nothing | integer(1))
    check("search(refit)", refit, boolean)
    check("search(verbose)", verbose, boolean | integer(0))


def _way(method: str, task: Task, seed: int, workers: int, synchronous: int | None) -> Way:
    """How trials are drawn and run; the processors are shared out among those that are under way together."""
    if task.pruning is not None and task.rows.count > 1:
        remedy = "Give validation a share such as 0.2, or pruning=None."
        raise InvalidParameter(problem("search(pruning)", "one validation set", f"{task.rows.count} folds", remedy))
    count = processors() if workers == -1 else workers
    width = synchronous or count
    threads = None if width == 1 else max(1, processors() // width)
    return Way(method, seed, task.pruning is not None, count, synchronous, threads)


def _identity(
    estimator: Any,
    space: Space,
    size: Mapping[str, Any],
    data: tuple[Any, Any, Any],
    manner: tuple[str, str | None, Any],
    random_state: Any,
) -> dict[str, Any]:
    """What tells this search from others; of one stage the number of trials may grow."""
    method, pruning, scoring = manner
    seed = to_seed(random_state)
    whole = size["stages"] == "one"
    return {
        "estimator": options_of(estimator),
        "space": space.describe(),
        "trials": None if whole else size["trials"],
        "stages": {"names": size["stages"], "coarse_epochs": "none" if whole else str(size["coarse_epochs"])},
        "method": method,
        "pruning": str(pruning),
        "scoring": text_of(scoring, marked=True) if callable(scoring) else str(scoring),
        "data": _digests(*data),
        "seed": None if random_state is None else seed,
        "entropy": seed if random_state is None else None,
    }


def _completed(records: list[Record]) -> bool:
    return any(record.outcome is not None and record.outcome.state == "complete" for record in records)


def _require_some(stage: Stage, records: list[Record], known: bool) -> None:
    """Raise where no trial has a score, with the reason of the first."""
    if known:
        return
    outcome = records[0].outcome
    reason = outcome.reason if outcome is not None else ""
    if outcome is not None and outcome.state == KILLED:
        reason += ". Look at the memory that a trial takes"
    got = f"{len(records)} {stage.name if stage.name != 'one' else ''} trials without any".replace("  ", " ")
    raise InvalidData(problem("search", "a trial that gives a score", got, f"The first: {reason.rstrip('.')}."))


def _digests(X: Any, y: Any, validation: Any) -> dict[str, str]:
    own = isinstance(validation, tuple) and len(validation) == 2
    held = " ".join(texts_of_data(*validation).values()) if own else text_of(validation)
    return {**texts_of_data(X, y), "validation": held}


def _teller(staged: tuple[Stage, ...], space: Space, verbose: int) -> Callable[[Stage, Record, Outcome], None]:
    """Writes a line a trial."""
    total = sum(stage.count for stage in staged)

    def tell(stage: Stage, record: Record, outcome: Outcome) -> None:
        if not verbose:
            return
        number = f"{stage.offset + record.slot:>{len(str(total))}} of {total}"
        score = "      " if outcome.score is None else f"{outcome.score:.4f}"
        state = "" if outcome.state == "complete" else f"  {outcome.state}: {outcome.reason}"
        values = ", ".join(f"{k}={short(v)}" for k, v in space.values(record.drawn).items())
        print(f"trial {number}  {stage.name}  {score}  {outcome.seconds:.1f} s  {values}{state}", file=sys.stderr)

    return tell
