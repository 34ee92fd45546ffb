"""Programs of the benchmark of diagnosis: the seeded ones."""
