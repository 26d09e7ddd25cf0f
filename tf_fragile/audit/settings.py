"""Everything an audit is asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tf_fragile.audit import given
from tf_fragile.errors import InputError, readable, shown
from tf_fragile.limits import FILE_LIMIT
from tf_fragile.probes.budgets import BUDGETS as NAMES
from tf_fragile.probes.catalog import DEFAULT, PROBES
from tf_fragile.settings import (
    LARGE,
    MOST_ROWS,
    SMALL,
    WHOLE,
    check,
    names_in,
    setting,
)


@dataclass(frozen=True)
class Budget:
    """How much is spent on each map; each probe says what it spends besides.

    Attributes:
      points: of explainers that average, where the command line does not say.
      explainers: settings by explainer where the command line gives none and `points` is not meant.
    """

    points: int
    explainers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def settings_of(self, name: str) -> dict[str, Any]:
        """The settings that a registered explainer has by this budget."""
        from tf_fragile.explainers.catalog import EXPLAINERS  # after the flags: it takes seconds

        return {**EXPLAINERS[name].few(self.points), **self.explainers.get(name, {})}


BUDGETS: Mapping[str, Budget] = {
    "quick": Budget(8),
    "standard": Budget(20),
    "paper": Budget(50, {"integrated_gradients": {"steps": 100, "rule": "right"}}),
}
"""By the names of `probes.budgets.BUDGETS`."""
ALL = "all"  # in place of the names of probes


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
      num_images: how many to ask about; all of the data where `None`. On twelve, two explainers
        (the default) with overlaps about a quarter are surely fragile; any word takes 7.
      explainers: specs, see `parse_explainer`.
      pattern_images: from how many of the data patterns are estimated, for explainers that need
        them; all of the data where they are fewer.
      probes: what is asked, by name; all that there are for `("all",)`.
      asked: settings of probes by their names, each of its own class; the defaults of the others.
      budget: a key of `BUDGETS`.
      only_correct: leave out images that the model gets wrong.
      seed: of everything random.
      shard_size: images written together.
      rows: images in memory at once, each variant of one counted.
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
        12, low=1, high=WHOLE, read=given.num_images, help="How many images to audit; 0 for all."
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
    probes: tuple[str, ...] = setting(
        DEFAULT,
        distinct=True,
        help="What is asked, see tf_fragile list probes; all: every probe that fits the model. "
        "--NAME.SETTING=value sets one of a probe's own settings.",
    )
    asked: Mapping[str, Any] = field(default_factory=dict)
    budget: str = setting("quick", choices=NAMES, help="Steps of attacks and points of paths.")
    only_correct: bool = setting(True, help="Leave out images that the model gets wrong.")
    seed: int = setting(0, low=0, high=WHOLE, help="Of everything random.")
    shard_size: int = setting(4, low=1, high=MOST_ROWS, help="Images written together.")
    rows: int = setting(16, low=1, high=MOST_ROWS, help="Images times radii in memory at once.")

    def __post_init__(self) -> None:
        check(self, "--{}")
        if ALL in self.probes and len(self.probes) > 1:
            raise InputError("--probes=all is every probe there is; leave the other names out.")
        for name in self.probes if ALL not in self.probes else ():
            PROBES[name]
        self._check_asked()
        if self.bounds is not None:
            self._check_bounds(self.bounds)
        for name in self.named:
            PROBES[name].check(self.of(name), self.budget, self.bounds, self._is_range_told)

    @property
    def _is_range_told(self) -> bool:
        """Whether the data's range is known by their kind: arrays may be pixels or others."""
        kind = self.data.partition(":")[0].partition("/")[0]
        return self.bounds is not None or kind not in ("npz", "memory")

    def _check_asked(self) -> None:
        """Refuses settings of probes that are not asked, or that are none of theirs."""
        for name, own in self.asked.items():
            wanted = PROBES[name].settings
            if not isinstance(own, wanted):
                raise InputError(
                    f"The settings of {name} are {shown(own)}; give its {wanted.__name__}."
                )
            if name not in self.named:
                raise InputError(
                    f"Settings of {name} are given, and --probes={','.join(self.probes)} leaves it "
                    f"out; write --probes={','.join((*self.probes, name))}, or leave them out."
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
    def named(self) -> tuple[str, ...]:
        """The probes that are asked, by name."""
        return PROBES.registered() if self.probes == (ALL,) else self.probes

    def of(self, probe: str) -> Any:
        """The settings of a probe."""
        return self.asked[probe] if probe in self.asked else PROBES[probe].settings()

    @property
    def code_run(self) -> str:
        """Which code was run to load the model, in words; empty where none was."""
        said = [f"your code was run: --import={readable(target)}" for target in self.imports]
        if self.unsafe_load:
            said.append("loaded with --unsafe_load: code inside the file was run")
        return "; ".join(said)
