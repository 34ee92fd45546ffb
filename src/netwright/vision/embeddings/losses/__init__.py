"""The losses of a batch of embeddings."""
