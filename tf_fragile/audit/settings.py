"""Everything an audit is asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tf_fragile.audit import given
from tf_fragile.errors import InputError, readable
from tf_fragile.limits import FILE_LIMIT
from tf_fragile.settings import (
    LARGE,
    MOST,
    MOST_ROWS,
    SMALL,
    WHOLE,
    check,
    names_in,
    setting,
)


@dataclass(frozen=True)
class Budget:
    """How much is spent on each image.

    Attributes:
      optimizer: a name of `attacks.OPTIMIZERS`.
      steps: of each attack.
      step_size: in grey levels or 255ths of the range, for optimisers that take one.
      points: of explainers that average, where the command line does not say.
      explainers: settings by explainer where the command line gives none and `points` is not meant.
    """

    optimizer: str
    steps: int
    step_size: float | None
    points: int
    explainers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def settings_of(self, name: str) -> dict[str, Any]:
        """The settings that a registered explainer has by this budget."""
        from tf_fragile.explainers.catalog import EXPLAINERS  # after the flags: it takes seconds

        return {**EXPLAINERS[name].few(self.points), **self.explainers.get(name, {})}


STEPS_OF_255 = (1.0, 2.0, 4.0, 8.0)
"""The radii where none is given: grey levels, or 255ths of the range of other data."""

SIGN_STEP = 0.5  # grey levels, where `sign` is asked for and no step: the paper's
BUDGETS = {
    "quick": Budget("annealed_momentum", 10, None, points=8),
    "standard": Budget("annealed_momentum", 30, None, points=20),
    "paper": Budget(
        "sign",
        steps=300,
        step_size=0.5,
        points=50,
        explainers={"integrated_gradients": {"steps": 100, "rule": "right"}},
    ),
}


@dataclass(frozen=True)
class AuditSettings:
    """What decides the records of an audit.

    Attributes:
      model: a name of the zoo, or a `.keras` or `.h5` file.
      weights: a file of weights, `"random"`, or `None`.
      imports: `.py` files or modules run first, for a model file's own layers, and for explainers,
        metrics and attacks of the user's.
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
      num_images: how many to attack; all of the data where `None`. On twelve, two explainers
        (the default) with overlaps about a quarter are surely fragile; any word takes 7.
      epsilon: radii in input units, grey levels or, with `bounds`, units of the data; `radii` says
        them where `None`.
      explainers: specs, see `parse_explainer`.
      pattern_images: from how many of the data patterns are estimated, for explainers that need
        them; all of the data where they are fewer.
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

    model: str = setting(
        "embedded", help="A zoo name, a keras.applications name, or a .keras or .h5 file."
    )
    weights: str | None = setting(
        None, help="A file of weights, or 'random'; the shipped ones if none."
    )
    imports: tuple[str, ...] = ()
    unsafe_load: bool = False
    head: Literal["logits", "probabilities", "regression"] | None = setting(
        None, help="What the outputs are, where they don't tell."
    )
    data: str = setting(
        "embedded",
        help="A folder of images (of classes), an .npz file, or embedded, folder:DIR, npz:FILE (or "
        "npz:FILE#IMAGES,LABELS) or tfds:NAME/SPLIT.",
    )
    preprocessing: str | None = setting(
        None,
        choices=names_in("tf_fragile.data.preprocessing:PREPROCESSINGS"),
        help="How pixels become inputs; the zoo model's own, raw for a model file.",
    )
    classes: str | None = setting(
        None, help="A file that names the class of each output: one a line, or CSV."
    )
    resize: str | None = setting(
        None,
        choices=names_in("tf_fragile.data.reading:RESIZES"),
        help="stretch, crop, pad (as Keras' loader) or imagenet; the zoo model's own, stretch for "
        "a model file.",
    )
    interpolation: str | None = setting(
        None,
        choices=names_in("tf_fragile.data.reading:INTERPOLATIONS"),
        help="bilinear, nearest, bicubic, area or another of tf.image.resize.",
    )
    orientation: str = setting(
        "ignore",
        choices=names_in("tf_fragile.data.reading:ORIENTATIONS"),
        help="exif: turn pictures as their tags say; Keras ignores them.",
    )
    bounds: tuple[float, float] | None = setting(
        None,
        read=given.bounds,
        help="LOW,HIGH of arrays (npz:FILE) that are stored as the model takes them, as in -1,1.",
    )
    image_size: tuple[int, int] | None = setting(
        None,
        low=1,
        high=32_768,
        read=given.image_size,
        help="HxW, for a model that takes images of any size, as in 224x224.",
    )
    bands: tuple[int, ...] | None = setting(
        None,
        low=0,
        high=MOST_ROWS,
        read=given.bands,
        help="Channels drawn as red, green and blue, or one drawn as grey. All, or their mean.",
    )
    file_limit: float = setting(
        FILE_LIMIT,
        low=SMALL,
        high=LARGE,
        unit="in GB",
        help="GB that one file may expand to in memory where it is four times as large as on disk.",
    )
    num_images: int | None = setting(
        12, low=1, high=WHOLE, read=given.num_images, help="How many images to attack; 0 for all."
    )
    epsilon: tuple[float, ...] | None = setting(
        None,
        low=SMALL,
        high=LARGE,
        distinct=True,
        help="Radii in grey levels, or with --bounds in units of the data; 1,2,4,8 255ths of the "
        "range.",
    )
    explainers: tuple[str, ...] = setting(
        ("gradient", "integrated_gradients"),
        distinct=True,
        help="Names, each maybe with settings: NAME:setting=value:...",
    )
    pattern_images: int = setting(
        256,
        low=1,
        high=WHOLE,
        help="Images from which pattern_net and the like estimate their patterns.",
    )
    attacks: tuple[str, ...] = setting(
        ("top_k",),
        choices=names_in("tf_fragile.attacks.objectives:OBJECTIVES"),
        named="attack objective",
        distinct=True,
        help="Attack objectives; random signs always run beside them.",
    )
    budget: str = setting(
        "quick", choices=tuple(BUDGETS), help="Steps of attacks and points of paths."
    )
    optimizer: Literal["annealed_momentum", "sign", "secant"] | None = setting(
        None, named="attack optimizer", help="How attacks move, instead of the budget's."
    )
    steps: int | None = setting(
        None, low=1, high=MOST, help="Steps of each attack, instead of the budget's."
    )
    step_size: float | None = setting(
        None,
        low=SMALL,
        high=LARGE,
        help="Step of --optimizer=sign in units of --epsilon, instead of the budget's.",
    )
    beta: float | None = setting(
        None,
        low=1e-6,
        high=1e6,
        help="Sharpness of the softplus of --optimizer=sign; by the inputs' scale if none.",
    )
    k: int | None = setting(
        None,
        low=1,
        high=WHOLE,
        help="Of the top-k overlap; a tenth of the map, at most 1000, if none.",
    )
    plateau: int = setting(
        4, low=0, high=WHOLE, help="Images attacked again with twice the steps; 0 for none."
    )
    halving: bool = setting(
        False, help="Search each image's smallest epsilon that halves the top-k overlap."
    )
    only_correct: bool = setting(True, help="Leave out images that the model gets wrong.")
    seed: int = setting(0, low=0, high=WHOLE, help="Of everything random.")
    shard_size: int = setting(4, low=1, high=MOST_ROWS, help="Images written together.")
    rows: int = setting(16, low=1, high=MOST_ROWS, help="Images times radii in memory at once.")

    def __post_init__(self) -> None:
        if "random_sign" in self.attacks:
            raise InputError("The random control always runs; leave random_sign out of --attacks.")
        check(self, "--{}")
        for attack in self.attacks:
            self._check_without_array(attack)
        self._check_used()
        if self.bounds is not None:
            self._check_bounds(self.bounds)
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
                f"{self.bounds[0]:.9g}..{self.bounds[1]:.9g} is no wider; give radii such as "
                f"{self.grey_level:.3g},{8 * self.grey_level:.3g}, or none for "
                f"{_listed(STEPS_OF_255)} 255ths of the range."
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

    def _check_without_array(self, attack: str) -> None:
        from tf_fragile.attacks.objectives import OBJECTIVES, arrays_of

        for array in arrays_of(OBJECTIVES[attack]):
            raise InputError(
                f"The {attack} attack needs {array}=, an array, which a command line has no "
                "place for; leave it out of --attacks, or use tff.attack."
            )

    def _check_used(self) -> None:
        """Refuses settings that another one makes useless."""
        moves = self.optimizer or BUDGETS[self.budget].optimizer
        for name in ("step_size", "beta"):
            if getattr(self, name) is not None and moves != "sign":
                raise InputError(
                    f"--{name} is a setting of --optimizer=sign, and {moves} takes none; leave it "
                    "out, or choose that optimizer."
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
        said = [f"your code was run: --import={readable(target)}" for target in self.imports]
        if self.unsafe_load:
            said.append("loaded with --unsafe_load: code inside the file was run")
        return "; ".join(said)

    @property
    def rows_at_once(self) -> int:
        """`rows`, or what a shard has if that is less: a chunk that is filled up costs in full."""
        return min(self.rows, self.shard_size * len(self.radii))


def _listed(numbers: tuple[float, ...]) -> str:
    return ", ".join(f"{number:g}" for number in numbers)
