"""A generated portfolio whose true default probabilities are known."""
