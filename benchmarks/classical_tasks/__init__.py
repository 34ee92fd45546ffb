"""The tasks of ``benchmarks/classical.py``: a file a family, each with ``TASKS``, a list of `Task`."""
