"""Detectors: estimators that find objects in images."""
