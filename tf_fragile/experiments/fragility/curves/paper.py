"""The curves of Ghorbani et al. 2019 on ImageNet, digitised from the authors' released figures.

Methods have the names of the registered explainers that stand for them.
Means over 512 images on SqueezeNet v1.1. Read off the figures to about 0.01 (shares and
correlations) and 0.5 pixels (centre shifts); `APPROXIMATE` marks points half hidden behind
another marker. The random-sign rank correlations of DeepLIFT are identical to those of the
gradient at every radius in the published figure, so one of the two is probably not its own.
"""

from __future__ import annotations

import pandas as pd

EPSILON = (1.0, 2.0, 4.0, 8.0)

METRICS = ("top_k_intersection", "spearman", "center_shift")
ATTACKS = ("top_k", "mass_center", "random_sign")

# Metric -> method -> one row of radii for each of ATTACKS.
CURVES: dict[str, dict[str, tuple[tuple[float, ...], ...]]] = {
    "top_k_intersection": {
        "gradient": (
            (0.06, 0.005, 0.006, 0.005),
            (0.154, 0.068, 0.036, 0.031),
            (0.56, 0.425, 0.30, 0.21),
        ),
        "deeplift_rescale": (
            (0.168, 0.041, 0.010, 0.012),
            (0.224, 0.103, 0.054, 0.042),
            (0.575, 0.44, 0.32, 0.22),
        ),
        "integrated_gradients": (
            (0.295, 0.215, 0.19, 0.183),
            (0.273, 0.219, 0.211, 0.214),
            (0.605, 0.475, 0.35, 0.256),
        ),
        "deep_taylor": (
            (0.367, 0.199, 0.176, 0.175),
            (0.49, 0.41, 0.392, 0.393),
            (0.91, 0.866, 0.81, 0.757),
        ),
    },
    "spearman": {
        "gradient": (
            (0.54, 0.379, 0.302, 0.286),
            (0.549, 0.41, 0.326, 0.288),
            (0.784, 0.70, 0.622, 0.552),
        ),
        "deeplift_rescale": (
            (0.612, 0.458, 0.321, 0.273),
            (0.616, 0.475, 0.372, 0.317),
            (0.784, 0.70, 0.622, 0.552),
        ),
        "integrated_gradients": (
            (0.695, 0.634, 0.612, 0.60),
            (0.674, 0.615, 0.59, 0.588),
            (0.83, 0.76, 0.695, 0.63),
        ),
        "deep_taylor": (
            (0.842, 0.694, 0.624, 0.605),
            (0.83, 0.749, 0.71, 0.711),
            (0.944, 0.916, 0.887, 0.864),
        ),
    },
    "center_shift": {
        "gradient": (
            (15.4, 21.0, 22.6, 22.6),
            (34.2, 51.9, 65.9, 74.3),
            (1.4, 2.2, 3.6, 5.1),
        ),
        "deeplift_rescale": (
            (11.3, 17.6, 22.6, 23.3),
            (24.6, 40.5, 54.7, 63.5),
            (1.5, 2.2, 3.3, 4.9),
        ),
        "integrated_gradients": (
            (9.9, 11.8, 12.5, 12.5),
            (12.5, 17.9, 20.6, 20.7),
            (1.3, 2.1, 3.4, 5.3),
        ),
        "deep_taylor": (
            (21.7, 32.8, 36.4, 37.2),
            (35.0, 44.4, 47.2, 47.1),
            (0.4, 0.7, 1.8, 2.5),
        ),
    },
}

# (metric, method, attack, epsilon)
APPROXIMATE = frozenset(
    {
        ("top_k_intersection", "integrated_gradients", "top_k", 1.0),
        ("top_k_intersection", "integrated_gradients", "top_k", 2.0),
        ("top_k_intersection", "deep_taylor", "mass_center", 2.0),
        ("spearman", "gradient", "top_k", 8.0),
        ("spearman", "deeplift_rescale", "top_k", 1.0),
        ("spearman", "integrated_gradients", "top_k", 1.0),
        ("spearman", "deep_taylor", "top_k", 1.0),
    }
)


def paper_curves() -> pd.DataFrame:
    """The digitised curves as a table.

    Returns:
      Columns method, attack, epsilon (grey levels), metric, paper (the value; shares and
      correlations in [-1, 1], centre shifts in pixels of a 227 x 227 image), approximate (bool).
    """
    rows = [
        (method, attack, epsilon, metric, value, (metric, method, attack, epsilon) in APPROXIMATE)
        for metric, methods in CURVES.items()
        for method, lines in methods.items()
        for attack, line in zip(ATTACKS, lines, strict=True)
        for epsilon, value in zip(EPSILON, line, strict=True)
    ]
    columns = ["method", "attack", "epsilon", "metric", "paper", "approximate"]
    return pd.DataFrame(rows, columns=columns)
