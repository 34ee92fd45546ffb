"""scikit-learn's own callback protocol (``estimator.set_callbacks(...)``), where the installed version has it.

The fit is the root task and every epoch a subtask of it, so that scikit-learn's ProgressBar and ScoringMonitor, and
those that a meta-estimator hands down, work on netwright's estimators as on its own.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

__all__ = ["Bridge", "CallbackSupport"]

try:
    from sklearn.callback import CallbackSupportMixin as CallbackSupport
    from sklearn.callback._callback_support import callback_management_context
except ImportError:  # scikit-learn before 1.9

    class CallbackSupport:  # type: ignore[no-redef]
        """Stands in for scikit-learn's mixin where there is none."""

    callback_management_context = None


class Bridge:
    """Tells scikit-learn's callbacks of one fit and of its epochs; does nothing when there are none."""

    def __init__(self, estimator: Any, epochs: int) -> None:
        self.estimator = estimator
        self.epochs = epochs
        self.active = callback_management_context is not None and bool(getattr(estimator, "_skl_callbacks", ()))
        self._manager: AbstractContextManager[Any] = nullcontext()
        self._context: Any = None
        self._task: Any = None
        self._data: dict[str, Any] = {}

    def __enter__(self) -> Bridge:
        if self.active:
            self._manager = callback_management_context(self.estimator)
            self._manager.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._manager.__exit__(*error)

    @property
    def listeners(self) -> tuple[Any, ...]:
        """Callbacks for netwright's own loop."""
        return (self,) if self.active else ()

    def begin(self, X: Any, y: Any) -> None:
        """The fit begins."""
        if self.active:
            self._data = {"X": X, "y": y}
            self._context = self.estimator._init_callback_context(max_subtasks=self.epochs)
            self._context.call_on_fit_task_begin(estimator=self.estimator, **self._data)

    def end(self) -> None:
        """The fit is over."""
        if self.active:
            self._context.call_on_fit_task_end(
                estimator=self.estimator, reconstruction_attributes=self._attributes, **self._data
            )

    def on_epoch_start(self, run: Any) -> None:
        """An epoch begins."""
        self._task = self._context.subcontext(task_name="epoch")
        self._task.call_on_fit_task_begin(estimator=self.estimator, **self._data)

    def on_epoch_end(self, run: Any) -> None:
        """An epoch is over; a callback may ask to stop."""
        stop = self._task.call_on_fit_task_end(
            estimator=self.estimator, reconstruction_attributes=self._attributes, **self._data
        )
        run.stop = run.stop or bool(stop)

    def _attributes(self) -> dict[str, Any]:
        """What a predicting estimator needs at this moment."""
        parameters = self.estimator.get_params(deep=False)
        private = ("_skl_callbacks", "_callback_fit_ctx", "_parent_callback_ctx", "_skl_callbacks_to_teardown", "_run")
        return {k: v for k, v in vars(self.estimator).items() if k not in parameters and k not in private}
