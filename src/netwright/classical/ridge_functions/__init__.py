"""Ridge functions g(w^T x): their splines, how smooth they are, their directions, and several of them together."""
