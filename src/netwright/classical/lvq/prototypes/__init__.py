"""What the rules of learning vector quantization share: rows with labels, starts, searches, windows, costs."""
