"""Rates of verification and identification, and how sure they are."""
