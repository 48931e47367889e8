"""The only code that turns a model into an answer."""
