"""The store that DVC's objects and the labelled snapshots travel through, named by the environment."""
