"""Heads over many classes, such as the words of a language, one a file; `netwright.layers` exports them."""
