"""Several networks that answer together, how sure they are, and one network that learns from them."""
