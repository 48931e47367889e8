"""A generated portfolio whose true default probabilities are known.

Figures obtained on generated data say nothing about any real portfolio: they show that the code
works, how fast it is, and how close a model comes to a truth that somebody wrote down.
"""

from creditrisk.data.synthetic.portfolio import generate_month, generate_portfolio

__all__ = ["generate_month", "generate_portfolio"]
