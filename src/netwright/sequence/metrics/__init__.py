"""How right a tagger is: tokens, spans under a strict scheme, reports per class."""
