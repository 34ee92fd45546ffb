"""Energy models: machines that learn the probability of what they see."""
