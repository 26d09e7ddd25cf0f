"""Everything an audit is asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from tf_fragile.attacks.problem import radii as checked_radii
from tf_fragile.backprop.head import SAID
from tf_fragile.data.preprocessing import in_words
from tf_fragile.errors import InputError, unknown_name
from tf_fragile.limits import FILE_LIMIT


@dataclass(frozen=True)
class Budget:
    """How much is spent on each image.

    Attributes:
      optimizer: a name of `attacks.OPTIMIZERS`.
      steps: of each attack.
      step_size: in grey levels or 255ths of the range, for optimisers that take one.
      explainers: settings by explainer where the command line gives none.
    """

    optimizer: str
    steps: int
    step_size: float | None
    explainers: dict[str, dict[str, Any]]


def _points(points: int) -> dict[str, dict[str, Any]]:
    noise = {"samples": points}
    return {
        "integrated_gradients": {"steps": points, "rule": "gauss_legendre"},
        "smoothgrad": noise,
        "smoothgrad_squared": noise,
        "vargrad": noise,
    }


STEPS_OF_255 = (1.0, 2.0, 4.0, 8.0)
"""The radii where none is given: grey levels, or 255ths of the range of other data."""

SIGN_STEP = 0.5  # grey levels, where `sign` is asked for and no step: the paper's
BUDGETS = {
    "quick": Budget("annealed_momentum", 10, None, explainers=_points(8)),
    "standard": Budget("annealed_momentum", 30, None, explainers=_points(20)),
    "paper": Budget(
        "sign",
        steps=300,
        step_size=0.5,
        explainers={**_points(50), "integrated_gradients": {"steps": 100, "rule": "right"}},
    ),
}


@dataclass(frozen=True)
class AuditSettings:
    """What decides the records of an audit.

    Attributes:
      model: a name of the zoo, or a `.keras` or `.h5` file.
      weights: a file of weights, `"random"`, or `None`.
      imports: `.py` files or modules run before a model file is loaded, for its own layers.
      unsafe_load: whether code in the model file is run.
      head: what the outputs are, one of `backprop.head.SAID`; found out where `None`.
      data: a data source, e.g. `folder:DIR`.
      preprocessing: its name; the model's own where `None`, raw pixels for model files.
      classes: a file with the name of each output, see `data.classes`; by the zoo, the folders or
        the data set where `None`.
      resize: a key of `data.reading.RESIZES`; the zoo entry's own, or `"stretch"`, where `None`.
      interpolation: of it, one of `data.reading.INTERPOLATIONS`; bilinear where `None`, and bicubic
        where `resize` is `"imagenet"`.
      orientation: whether EXIF orientation tags are followed, one of `data.reading.ORIENTATIONS`.
      bounds: smallest and largest value of data that are stored as the model takes them; epsilon
        is then in those units. `None` for pictures of 0 to 255.
      image_size: height and width for models that take any size.
      bands: channels (from 0) that are drawn as red, green and blue, or one as grey.
      file_limit: GB that a model file, a picture or an array may take in memory where that is more
        than four times what it takes on disk.
      num_images: how many to attack; all of the data where `None`.
      epsilon: radii in input units, grey levels or, with `bounds`, units of the data; `radii` says
        them where `None`.
      explainers: specs, see `parse_explainer`.
      attacks: objectives; the random control always runs beside them.
      budget: a key of `BUDGETS`.
      optimizer: how attacks move; the budget's where `None`.
      steps: of each attack; the budget's where `None`.
      step_size: in input units, for `sign`; the budget's, which is in 255ths of the range, where
        `None`.
      beta: of the softplus surrogate of `sign`; by the width of the inputs' range where `None`.
      plateau: about how many images are attacked again with twice the steps, to see whether the
        budget has stopped paying; 0 for none.
      halving: whether to search, image by image, for the smallest radius that halves the top-k
        overlap, from the smallest to the largest of `epsilon`.
      k: of the top-k overlap; by the map's size where `None`.
      only_correct: leave out images that the model gets wrong.
      seed: of everything random.
      shard_size: images written together.
      rows: images times radii in memory at once.
    """

    model: str = "embedded"
    weights: str | None = None
    imports: tuple[str, ...] = ()
    unsafe_load: bool = False
    head: str | None = None
    data: str = "embedded"
    preprocessing: str | None = None
    classes: str | None = None
    resize: str | None = None
    interpolation: str | None = None
    orientation: str = "ignore"
    bounds: tuple[float, float] | None = None
    image_size: tuple[int, int] | None = None
    bands: tuple[int, ...] | None = None
    file_limit: float = FILE_LIMIT
    num_images: int | None = 8
    epsilon: tuple[float, ...] | None = None
    explainers: tuple[str, ...] = ("gradient", "integrated_gradients")
    attacks: tuple[str, ...] = ("top_k",)
    budget: str = "quick"
    optimizer: str | None = None
    steps: int | None = None
    step_size: float | None = None
    beta: float | None = None
    k: int | None = None
    plateau: int = 4
    halving: bool = False
    only_correct: bool = True
    seed: int = 0
    shard_size: int = 4
    rows: int = 16

    def __post_init__(self) -> None:
        if self.budget not in BUDGETS:
            raise unknown_name("budget", self.budget, BUDGETS)
        if self.head is not None and self.head not in SAID:
            raise unknown_name("head", self.head, SAID)
        for name in ("explainers", "attacks", "radii"):
            if not getattr(self, name):
                name = name.replace("radii", "epsilon")
                raise InputError(f"--{name} is empty; give at least one.")
        for name in ("explainers", "attacks"):
            given = getattr(self, name)
            if len(set(given)) != len(given):
                raise InputError(f"--{name} names one twice: {', '.join(given)}; give each once.")
        if self.bounds is not None:
            self._check_bounds(self.bounds)
        if not 0 < self.file_limit < math.inf:
            raise InputError(
                f"--file_limit={self.file_limit:g} is no size; give GB that one file may take in "
                f"memory, as in --file_limit={FILE_LIMIT:g}."
            )
        checked_radii(self.radii)
        if self.bounds is None and min(self.radii) < 1:
            small = min(self.radii)
            raise InputError(
                f"--epsilon={small:g} is less than one grey level, the least by which a picture "
                f"can change; epsilon is in grey levels: write {max(1, round(255 * small)):g}, if "
                f"{small:g} of the range is meant."
            )
        if max(self.radii) >= 255 * self.grey_level and self.bounds is not None:
            raise InputError(
                f"--epsilon={max(self.radii):g} is in units of the data, whose range "
                f"{in_words(self.bounds)} is no wider; give radii such as {self.grey_level:.3g},"
                f"{8 * self.grey_level:.3g}, or none for {_listed(STEPS_OF_255)} 255ths of the "
                "range."
            )
        if max(self.radii) >= 255 and self.bounds is None:
            raise InputError(
                f"--epsilon={max(self.radii):g} takes black to white, since pictures have 255 grey "
                f"levels and epsilon is in them; give radii such as {_listed(STEPS_OF_255)}."
            )
        if self.halving and len(set(self.radii)) < 2:
            raise InputError(
                "--halving searches between the smallest and the largest --epsilon; give two."
            )

    def _check_bounds(self, bounds: tuple[float, float]) -> None:
        """Whether data within `bounds` can be what is meant."""
        said = ",".join(f"{bound:g}" for bound in bounds)
        if not -math.inf < bounds[0] < bounds[1] < math.inf:
            raise InputError(
                f"--bounds={said} is no range; write --bounds=LOW,HIGH, such as --bounds=-1,1."
            )
        if self.preprocessing not in (None, "raw"):
            raise InputError(
                "--bounds says that the data are stored as the model takes them, "
                f"--preprocessing={self.preprocessing} that they are pictures still to be "
                "prepared; give one of the two."
            )
        if self.data.partition(":")[0] != "npz":
            raise InputError(
                "--bounds is for arrays that are stored as the model takes them (npz:FILE), but "
                f"{self.data!r} has pictures of 0 to 255; leave --bounds out."
            )

    @property
    def grey_level(self) -> float:
        """A 255th of the range of the data, in input units: 1 for pictures."""
        return 1.0 if self.bounds is None else (self.bounds[1] - self.bounds[0]) / 255

    @property
    def radii(self) -> tuple[float, ...]:
        """`epsilon`, or where none is given `STEPS_OF_255` of the range of the data."""
        if self.epsilon is not None:
            return self.epsilon
        return tuple(step * self.grey_level for step in STEPS_OF_255)

    @property
    def code_run(self) -> str:
        """Which code was run to load the model, in words; empty where none was."""
        said = [f"your code was run: --import={target}" for target in self.imports]
        if self.unsafe_load:
            said.append("loaded with --unsafe_load: code inside the file was run")
        return "; ".join(said)

    @property
    def rows_at_once(self) -> int:
        """`rows`, or what a shard has if that is less: a chunk that is filled up costs in full."""
        return min(self.rows, self.shard_size * len(self.radii))


def _listed(numbers: tuple[float, ...]) -> str:
    return ", ".join(f"{number:g}" for number in numbers)
