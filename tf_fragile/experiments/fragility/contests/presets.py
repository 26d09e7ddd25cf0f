"""How much work each contest is, by data and preset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tf_fragile.errors import unknown_name
from tf_fragile.experiments.fragility.contests.contest import Contest, Entry
from tf_fragile.experiments.frame.presets import preset_of
from tf_fragile.registry import Registry
from tf_fragile.settings import described

# Propagation rules follow the input without a surrogate; the paper attacked them that way.
_RULES = ("deeplift_rescale", "lrp_epsilon", "deep_taylor", "grad_cam")


def _entries(
    images: int, most: int, sign: int, path: Mapping[str, Any], path_sign: int
) -> dict[str, Entry]:
    """The methods of the equal-budget table; only how far `sign` is followed differs.

    Args:
      images: of every method.
      most: steps of `sign` on the gradient.
      sign: on the other methods.
      path: settings of integrated gradients.
      path_sign: steps of `sign` on integrated gradients, each as dear as `steps` of the others.
    """
    entries = {
        "gradient": Entry(images, most, secant=(10,)),
        "integrated_gradients": Entry(
            images, path_sign, annealed=(5, 10), secant=(10,), settings=path
        ),
        "guided_backprop": Entry(images, sign, annealed=(10,)),
    }
    return entries | {
        name: Entry(images, sign, annealed=(10,), surrogate="none") for name in _RULES
    }


_SIX_POINTS = {"steps": 6, "rule": "gauss_legendre"}
_PAPER = {"steps": 100, "rule": "right"}


CONTESTS: Registry[Mapping[str, Contest]] = Registry("contest")
CONTESTS.register(
    "imagenet",
    {
        "quick": Contest(_entries(1, 4, 2, _SIX_POINTS, 1), rows=1, shard_size=1),
        "cpu": Contest(_entries(32, 300, 100, _SIX_POINTS, 30)),
        "paper": Contest(_entries(512, 300, 300, _PAPER, 300), rows=64),
    },
)
CONTESTS.register(
    "cifar",
    {
        "quick": Contest(_entries(8, 12, 4, _SIX_POINTS, 2), k=100, epsilon=4.0),
        "cpu": Contest(
            _entries(64, 300, 100, _SIX_POINTS, 50), k=100, epsilon=4.0, rows=32, shard_size=32
        ),
        "paper": Contest(
            _entries(512, 300, 300, _PAPER, 300), k=100, epsilon=4.0, rows=64, shard_size=64
        ),
    },
)


def contest(
    data: str,
    preset: str,
    methods: tuple[str, ...] = (),
    num_images: int | None = None,
    sign_steps: int | None = None,
    epsilon: float | None = None,
    sign_surrogate: str | None = None,
) -> Contest:
    """A contest with some of its fields replaced.

    Args:
      data: a key of `CONTESTS`.
      preset: `"quick"`, `"cpu"` or `"paper"`.
      methods: which of its methods; all where empty.
      num_images: for all methods.
      sign_steps: for all methods.
      epsilon: radius in grey levels.
      sign_surrogate: of `sign`, for all methods.

    Raises:
      InputError: an unknown name, or a value out of range.
    """
    chosen = preset_of(CONTESTS[data], preset)
    entries = dict(chosen.entries)
    for name in methods:
        if name not in entries:
            raise unknown_name("method of this contest", name, entries)
    given: dict[str, Any] = {"num_images": num_images, "sign_steps": sign_steps}
    if sign_surrogate is not None:
        described(Entry)["surrogate"].checked(sign_surrogate, "--sign_surrogate")
    given["surrogate"] = sign_surrogate
    changes = {key: value for key, value in given.items() if value is not None}
    kept = {name: replace(entries[name], **changes) for name in methods or entries}
    radius = chosen.epsilon if epsilon is None else epsilon
    return replace(chosen, entries=kept, epsilon=radius)
