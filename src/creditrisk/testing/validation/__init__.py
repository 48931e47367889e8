"""The families of checks that a trained model must pass, and the evidence they read."""
