"""Evidence about a trained model."""
