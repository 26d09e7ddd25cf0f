"""Curvature: the most fragile direction of the gradient map."""
