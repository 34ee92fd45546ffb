"""Reports of detectors: what they found in images that they were not trained on, and the worst errors as pictures."""
