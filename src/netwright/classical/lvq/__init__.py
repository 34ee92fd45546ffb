"""Learning vector quantization: prototypes with labels, and the label of the nearest one."""
