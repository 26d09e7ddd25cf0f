"""Optimisers against each other at equal images, radius and cost."""
