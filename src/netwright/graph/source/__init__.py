"""Networks as Python: a module of torch written out, for those who go on without netwright."""
