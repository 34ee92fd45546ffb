"""Named architectures, written with ``>>``: functions that return open networks."""

# small
from netwright.models.lenet5 import lenet5, lenet5_body
from netwright.models.choice import choose_body, hidden_width

__all__ = ["choose_body", "hidden_width", "lenet5", "lenet5_body"]
