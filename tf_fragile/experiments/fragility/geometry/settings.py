"""How much work each figure of the geometry is, by name: quick, cpu, or the paper's own protocol.

Figures that the paper argues by formulas alone have no published sizes; their `paper` preset has
the dimension of CIFAR-10 or ImageNet inputs and enough draws for smooth curves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from tf_fragile.errors import InputError
from tf_fragile.registry import Registry
from tf_fragile.settings import LARGE, MOST, MOST_ROWS, SMALL, WHOLE, check, setting


def _check(settings: Any) -> None:
    check(settings, "--{}")
    for f in fields(settings):
        value = getattr(settings, f.name)
        if isinstance(value, tuple) and list(value) != sorted(set(value)):
            raise InputError(f"--{f.name} is {','.join(map(str, value))}; it must increase.")


@dataclass(frozen=True)
class Orthogonality:
    """Angles between the most fragile direction and the gradient, image by image."""

    num_images: int = setting(low=1, high=WHOLE, help="Correctly classified images.")
    max_iterations: int = setting(low=1, high=MOST, help="Most power iterations an image.")
    tolerance: float = setting(
        low=1e-15, below=1, help="Change of |cos| at which a power iteration stops."
    )
    beta: float = setting(
        low=1e-6, high=1e6, help="Sharpness of the softplus in place of ReLU, where not fine-tuned."
    )
    finetune_steps: int = setting(
        low=0,
        high=10 * MOST,
        help="Most updates of cifar10_fragility with softplus from its ReLU weights; 0 for none.",
    )
    rows: int = setting(low=1, high=MOST_ROWS, help="Images in memory, and written, together.")

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True)
class Dimension:
    """Relative change of the map of one softplus unit against the dimension of its input."""

    dims: tuple[int, ...] = setting(
        low=1, high=10_000_000, help="Dimensions of the input, increasing."
    )
    epsilon: tuple[float, ...] = setting(
        low=SMALL, high=LARGE, help="L∞ radii, in units of 1 / ‖w‖₂."
    )
    draws: int = setting(low=1, high=MOST, help="Random units at each dimension.")

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True)
class TwoLayer:
    """The angle in random two-layer networks against their width."""

    dim: int = setting(low=1, high=MOST, help="Dimension of the input.")
    widths: tuple[int, ...] = setting(low=1, high=MOST, help="Hidden units, each at most --dim.")
    draws: int = setting(low=1, high=MOST, help="Random networks of each width and kind.")
    max_iterations: int = setting(low=1, high=MOST, help="Most power iterations a network.")
    tolerance: float = setting(
        low=1e-15, below=1, help="Change of |cos| at which a power iteration stops."
    )

    def __post_init__(self) -> None:
        _check(self)
        if max(self.widths) > self.dim:
            raise InputError(
                f"{max(self.widths)} hidden units can't have orthogonal weights in "
                f"{self.dim} dimensions; raise --dim or lower --widths."
            )


@dataclass(frozen=True)
class Lipschitz:
    """Bounds on the Lipschitz constant of the gradient beside the largest one found."""

    depths: tuple[int, ...] = setting(low=1, high=MOST, help="Layers, the last with one unit.")
    norms: tuple[float, ...] = setting(
        low=1e-6, high=1e6, help="Operator norm of every layer, increasing."
    )
    width: int = setting(low=1, high=MOST, help="Inputs and hidden units.")
    nets: int = setting(low=1, high=MOST, help="Random networks of each depth.")
    starts: int = setting(low=1, high=MOST, help="Random inputs from which each search starts.")
    ascent_steps: int = setting(low=1, high=MOST, help="Steps of each search.")

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True)
class Intuition:
    """A network of two inputs whose gradient turns within a small box."""

    hidden: int = setting(low=1, high=MOST, help="Hidden units.")
    train_steps: int = setting(low=1, high=MOST, help="Full-batch updates.")
    grid: int = setting(low=2, high=10_000, help="Points a side on which the pair is searched.")
    epsilon: float = setting(low=SMALL, high=LARGE, help="L∞ radius; the inputs span [-1, 1].")

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True)
class NetTable:
    """The layers of the CIFAR-10 network, and accuracies where there are weights."""

    num_images: int = setting(
        low=1, high=WHOLE, help="Test images on which trained weights are measured."
    )

    def __post_init__(self) -> None:
        _check(self)


PRESETS: Registry[Mapping[str, Any]] = Registry("figure of the geometry")
"""Figure -> preset name -> settings."""

PRESETS.register(
    "orthogonality",
    {
        "quick": Orthogonality(8, 50, 1e-3, beta=1.0, finetune_steps=0, rows=8),
        "cpu": Orthogonality(256, 300, 1e-4, beta=1.0, finetune_steps=1000, rows=16),
        "paper": Orthogonality(1000, 300, 1e-4, beta=1.0, finetune_steps=9000, rows=20),
    },
)
PRESETS.register(
    "demo_dimension",
    {
        "quick": Dimension((10, 100, 1000), (0.001, 0.01, 0.1), 4),
        "cpu": Dimension(
            (10, 30, 100, 300, 1000, 3072, 10_000, 50_000, 154_587), (0.001, 0.01, 0.1), 16
        ),
        "paper": Dimension(
            (10, 30, 100, 300, 1000, 3072, 10_000, 50_000, 154_587), (0.001, 0.01, 0.1), 100
        ),
    },
)
PRESETS.register(
    "demo_two_layer",
    {
        "quick": TwoLayer(64, (1, 4, 16, 64), 20, max_iterations=200, tolerance=1e-6),
        "cpu": TwoLayer(
            512, (1, 2, 4, 8, 16, 32, 64, 128, 256), 100, max_iterations=300, tolerance=1e-8
        ),
        "paper": TwoLayer(
            3072, (1, 2, 4, 8, 16, 32, 64, 128, 256), 1000, max_iterations=1000, tolerance=1e-8
        ),
    },
)
PRESETS.register(
    "demo_lipschitz",
    {
        "quick": Lipschitz((1, 2), (0.5, 1.0, 2.0), 8, nets=2, starts=4, ascent_steps=5),
        "cpu": Lipschitz(
            (1, 2, 3, 4), (0.25, 0.5, 1.0, 2.0, 4.0), 32, nets=5, starts=16, ascent_steps=60
        ),
        "paper": Lipschitz(
            (1, 2, 3, 4), (0.25, 0.5, 1.0, 2.0, 4.0), 128, nets=10, starts=32, ascent_steps=200
        ),
    },
)
PRESETS.register(
    "intuition",
    {
        "quick": Intuition(8, 200, 41, 0.15),
        "cpu": Intuition(16, 1000, 121, 0.15),
        "paper": Intuition(16, 4000, 201, 0.15),
    },
)
PRESETS.register(
    "tab_cifar_net",
    {"quick": NetTable(200), "cpu": NetTable(2000), "paper": NetTable(10_000)},
)
