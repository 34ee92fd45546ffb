"""Programs of the benchmark of diagnosis: the public ones."""
