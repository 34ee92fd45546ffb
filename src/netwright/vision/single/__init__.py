"""One answer an image: its class, its one object, or its points."""
