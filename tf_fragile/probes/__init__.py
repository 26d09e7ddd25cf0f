"""Probes: each turns explainers and data into records."""
