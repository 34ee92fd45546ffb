"""Models of language: the next character or word from all before it."""
