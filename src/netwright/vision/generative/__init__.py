"""Networks that make new samples: two players, autoencoders, and how far samples are from the real thing."""
