"""The figures of Ghorbani et al. 2019, "Interpretation of Neural Networks Is Fragile"."""
