"""Models out of files that Keras wrote, with the code they need."""

from tf_fragile.models.saved.loading import load_file

__all__ = ["load_file"]
