"""Detectors of regions: candidates first, then what each of them is."""
