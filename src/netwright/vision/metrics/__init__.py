"""How right a detector is: average precision over overlaps, classes and sizes, and why it is wrong where it is."""
