"""Whether what the model sees still is what it was trained on."""
