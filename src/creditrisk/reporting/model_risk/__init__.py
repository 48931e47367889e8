"""The model risk report: the whole case for or against a model, read from its evidence."""
