"""Reports of what works on sequences: taggers, and classifiers of texts and of other sequences."""
