"""What all figures share: a figure as data, its flags, and the one runner that makes it."""
