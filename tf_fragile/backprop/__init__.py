"""The recorded graph of a model, its score function, and walks over it."""
