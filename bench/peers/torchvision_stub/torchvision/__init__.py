"""Stands in for torchvision where there is no CPU build of it: what Zennit's import asks for."""
