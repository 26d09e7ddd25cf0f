"""The table of figures: all that a paper's room has, and what the user's own files add."""

from __future__ import annotations

from tf_fragile.experiments.fragility.contests import entries as contests
from tf_fragile.experiments.fragility.curves import entries as curves
from tf_fragile.experiments.fragility.geometry import entries as geometry
from tf_fragile.experiments.fragility.images import entries as images
from tf_fragile.experiments.fragility.ranking import entries as ranking
from tf_fragile.experiments.frame.figure import Figure
from tf_fragile.registry import Registry

FIGURES: Registry[Figure] = Registry("figure", Figure)

FIGURES.register("imagenet_curves", curves.IMAGENET_CURVES)
FIGURES.register("center_shift", curves.CENTER_SHIFT)
FIGURES.register("cifar_curves", curves.CIFAR_CURVES)
FIGURES.register("dtd_curves", curves.DTD_CURVES)
FIGURES.register("attack_examples", images.ATTACK_EXAMPLES)
FIGURES.register("attack_gallery", images.ATTACK_GALLERY)
FIGURES.register("dtd_examples", images.DTD_EXAMPLES)
FIGURES.register("objective_vs_subjective", images.OBJECTIVE_VS_SUBJECTIVE)
FIGURES.register("targeted", images.TARGETED)
FIGURES.register("explainer_ranking", ranking.EXPLAINER_RANKING)
FIGURES.register("budget_curve", contests.BUDGET_CURVE)
FIGURES.register("orthogonality", geometry.ORTHOGONALITY)
FIGURES.register("demo_dimension", geometry.DEMO_DIMENSION)
FIGURES.register("demo_two_layer", geometry.DEMO_TWO_LAYER)
FIGURES.register("demo_lipschitz", geometry.DEMO_LIPSCHITZ)
FIGURES.register("intuition", geometry.INTUITION)
FIGURES.register("tab_cifar_net", geometry.TAB_CIFAR_NET)
