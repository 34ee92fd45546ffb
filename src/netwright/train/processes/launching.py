"""`launch`: a function in several processes of this machine that form a group, without ``torchrun``."""

from __future__ import annotations

import os
import pickle
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException, start_processes

from netwright.core.errors import ProcessLost, problem


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
    ProcessLost : a process was killed, or did not answer. An error that the function raises is raised here.
    """
    with tempfile.TemporaryDirectory() as folder:
        threads = max(1, torch.get_num_threads() // processes)
        try:
            start_processes(  # type: ignore[no-untyped-call]
                _work, (processes, folder, threads, timeout, function, arguments), processes, start_method="spawn"
            )
        except ProcessRaisedException as error:
            raise _first_error(Path(folder)) or ProcessLost(str(error)) from error
        except ProcessExitedException as error:
            found = f"process {error.error_index} ended with {error.signal_name or f'exit code {error.exit_code}'}"
            remedy = "It may have been killed for memory. Nothing of this fit is kept; what was fitted before is."
            raise ProcessLost(problem("launch", f"{processes} processes that work", found, remedy)) from error
        return pickle.loads((Path(folder) / "result").read_bytes())


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
