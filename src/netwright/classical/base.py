"""What every classical network is: an estimator of scikit-learn whose mathematics are functions on arrays.

The author of a network writes a class with a table ``constraints`` beside its ``__init__`` (which only stores), and its
own ``fit``, ``partial_fit``, ``predict``... Methods that learn carry the decorator `learns`. Everything that is learned
ends in an underscore and is an array, a number, a text, None, a nesting of these, or another network, so that `save`
(here, for all) can write it; nothing is pickled.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar, cast

from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from netwright.classical.rows import read_rows as read_rows
from netwright.classical.saving import save_network
from netwright.core import registry
from netwright.core.generations import folder_of_checkpoints
from netwright.core.validation import Constraint, boolean, check_all

GOING_ON: Mapping[str, Constraint] = {"checkpoint": folder_of_checkpoints, "resume": boolean}  # of a fit in epochs
F = TypeVar("F", bound=Callable[..., Any])


class ClassicalNetwork(BaseEstimator):
    """The base of all classical networks: a table of what options may be, a name in files, and `save`.

    Examples
    --------
    >>> class Center(ClassicalNetwork):
    ...     @learns
    ...     def fit(self, X, y=None):
    ...         self.center_ = read_rows(self, X, reset=True).mean(axis=0)
    ...         return self
    >>> Center().fit([[1, 2], [3, 6]]).center_
    array([2., 4.])
    """

    constraints: ClassVar[Mapping[str, Constraint]] = {}

    def __init_subclass__(cls, shared: bool = False, **kwargs: Any) -> None:
        """Enter a network under its name; ``shared=True`` says that a class is a base of others and not a network."""
        super().__init_subclass__(**kwargs)
        if "checkpoint" in inspect.signature(cls.__init__).parameters:
            cls.constraints = {**cls.constraints, **GOING_ON}
        if not shared:
            registry.enter("classical", cls.__name__, cls)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted network to one file, never pickle; `netwright.load` reads it.

        Parameters
        ----------
        path : of the file; an existing one is replaced only when the new one is complete.

        Raises
        ------
        InvalidParameter : an option that a file cannot hold, such as a function without a name in the registry.
        """
        check_is_fitted(self)
        save_network(self, path)


def learns(method: F) -> F:
    """A method that learns: options are checked before it, and if it fails, what was learned before stays.

    Only names are put back: a method that changes an array in place must have checked all its data before.
    """

    @functools.wraps(method)
    def whole(self: Any, *args: Any, **kwargs: Any) -> Any:
        check_all(type(self).__name__, self.get_params(deep=False), self.constraints)
        before = dict(vars(self))
        try:
            return method(self, *args, **kwargs)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    whole.__signature__ = inspect.signature(method)  # type: ignore[attr-defined]
    return cast(F, whole)
