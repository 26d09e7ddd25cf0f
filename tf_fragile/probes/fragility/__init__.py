"""Fragility: how far perturbations that keep the label move a map."""
