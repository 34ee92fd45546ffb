"""Embeddings: networks that tell whether two things are the same, and what is built on them."""
