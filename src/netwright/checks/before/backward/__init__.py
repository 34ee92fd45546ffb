"""What the checks ask of a backward pass: in double precision, of functions written by hand, and through time."""
