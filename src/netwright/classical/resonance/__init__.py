"""Adaptive resonance: a row changes the template that it matches, or makes a new one."""
