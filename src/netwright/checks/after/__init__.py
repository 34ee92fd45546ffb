"""Questions to a program after its training, one family a file."""
