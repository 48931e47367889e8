"""How old the data are that the model was made of, at their sources."""
