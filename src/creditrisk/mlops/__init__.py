"""What a model is on disk, in MLflow and in the registry."""
