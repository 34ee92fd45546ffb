"""Objects in images at the command line: read, trained on, scored, found, drawn."""
