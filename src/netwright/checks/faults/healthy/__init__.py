"""Programs of the benchmark of diagnosis: the healthy ones."""
