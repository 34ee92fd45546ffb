"""`launch`: a function in several processes of this machine that form a group, without ``torchrun``."""

from __future__ import annotations

import os
import pickle
import sys
import tempfile
from collections.abc import Callable
from datetime import timedelta
from multiprocessing import process
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException, start_processes

from netwright.core.errors import ProcessLost, problem

UNGUARDED = 86  # with this exit code ends a process that is asked to start others while it imports the program
GUARD = 'Put what the program does under `if __name__ == "__main__":`, since every process imports it.'


def launch(function: Callable[..., Any], processes: int, *arguments: Any, timeout: float = 1800.0) -> Any:
    """What the first of several processes gets, each of which calls a function with the same arguments.

    They are a group of torch.distributed (nccl where there is a GPU for each, else gloo); each computes on its share of
    the threads. The function and its arguments have to be picklable, and a program that calls this has to begin its
    work under ``if __name__ == "__main__":``, since every process imports it.

    Parameters
    ----------
    function : of a module that can be imported.
    processes : how many, >= 1.
    arguments : what it is called with.
    timeout : seconds after which a process that does not answer is given up.

    Raises
    ------
    ProcessLost : a process was killed, or did not answer, or could not import the program. An error that the function
        raises is raised here.
    """
    _expect_importable(processes)
    with tempfile.TemporaryDirectory() as folder:
        threads = max(1, torch.get_num_threads() // processes)
        try:
            start_processes(  # type: ignore[no-untyped-call]
                _work, (processes, folder, threads, timeout, function, arguments), processes, start_method="spawn"
            )
        except ProcessRaisedException as error:
            raise _first_error(Path(folder)) or ProcessLost(str(error)) from error
        except ProcessExitedException as error:
            raise ProcessLost(_reason(processes, error)) from error
        return pickle.loads((Path(folder) / "result").read_bytes())


def _expect_importable(processes: int) -> None:
    """Every process imports the program: one that comes from standard input cannot be, and of one that starts processes
    as it is imported each would start others.

    Raises
    ------
    ProcessLost : a program from standard input. SystemExit : this process is importing the program.
    """
    if getattr(process.current_process(), "_inheriting", False):  # by which multiprocessing knows it too
        raise SystemExit(UNGUARDED)
    main = sys.modules["__main__"]
    if getattr(main, "__spec__", None) is None and getattr(main, "__file__", None) == "<stdin>":
        expected, got = f"a program in a file, for {processes} processes that import it", "one from standard input"
        raise ProcessLost(problem("launch", expected, got, "Write it to a file and run that. " + GUARD))


def _reason(processes: int, error: ProcessExitedException) -> str:
    """Why a process has gone, and what to do."""
    if error.exit_code == UNGUARDED:
        expected, got = "a program that can be imported", "one that starts processes as it is imported"
        return problem("launch", expected, got, GUARD)
    found = f"process {error.error_index} ended with {error.signal_name or f'exit code {error.exit_code}'}"
    remedy = "It may have been killed for memory." if error.signal_name else "Its own message stands above."
    remedy += " Nothing of this fit is kept; what was fitted before is."
    return problem("launch", f"{processes} processes that work", found, remedy)


def _work(rank: int, size: int, folder: str, threads: int, timeout: float, function: Any, arguments: Any) -> None:
    """What one process does."""
    torch.set_num_threads(threads)
    os.environ["LOCAL_RANK"] = str(rank)
    backend = "nccl" if torch.cuda.device_count() >= size else "gloo"
    place = Path(folder)
    dist.init_process_group(
        backend, f"file://{place / 'meeting'}", timedelta(seconds=timeout), world_size=size, rank=rank
    )
    try:
        result = function(*arguments)
        if rank == 0:
            (place / "result").write_bytes(pickle.dumps(result))
        dist.barrier()
    except Exception as error:
        _keep(error, place / f"error{rank}")
        raise
    finally:
        dist.destroy_process_group()


def _keep(error: Exception, path: Path) -> None:
    """Write an error down for the process that waits; of one that cannot be pickled its words."""
    try:
        content = pickle.dumps(error)
        pickle.loads(content)
    except Exception:  # an error of someone else's class may refuse
        content = pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))
    path.with_suffix(".part").write_bytes(content)
    path.with_suffix(".part").rename(path)


def _first_error(folder: Path) -> Exception | None:
    """The error that was raised first; one of the group only tells that another process has gone."""
    found = sorted(folder.glob("error*[0-9]"), key=lambda path: path.stat().st_mtime_ns)
    error: Exception | None = pickle.loads(found[0].read_bytes()) if found else None
    return error
