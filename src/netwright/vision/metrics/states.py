"""What matching says of a detection, and the verdicts on it, as the numbers that the loops and tables share."""

from __future__ import annotations

WRONG, RIGHT, IGNORED = 0, 1, 2
CORRECT, LOCALISATION, CLASS, BOTH, DUPLICATE, BACKGROUND, LEFT_OUT = range(7)
