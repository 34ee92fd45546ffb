"""A model over HTTP: what it is asked and answers as JSON, and a page to try it on."""
