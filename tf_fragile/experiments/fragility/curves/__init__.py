"""Curves against the radius, beside the published ones."""
