"""Associative learning: weights grow where two things happen together."""
