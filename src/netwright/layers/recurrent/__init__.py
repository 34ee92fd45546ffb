"""Recurrent layers, one a file: they read a sequence (steps, features) step by step and remember."""
