"""Everything an audit is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tf_fragile.attacks.problem import radii
from tf_fragile.backprop.head import SAID
from tf_fragile.errors import InputError, unknown_name


@dataclass(frozen=True)
class Budget:
    """How much is spent on each image.

    Attributes:
      optimizer: a name of `attacks.OPTIMIZERS`.
      steps: of each attack.
      step_size: in input units, for optimisers that take one.
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
      num_images: how many to attack; all of the data where `None`.
      epsilon: radii in input units (grey levels).
      explainers: specs, see `parse_explainer`.
      attacks: objectives; the random control always runs beside them.
      budget: a key of `BUDGETS`.
      optimizer: how attacks move; the budget's where `None`.
      steps: of each attack; the budget's where `None`.
      step_size: in input units, for `sign`; the budget's where `None`.
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
    num_images: int | None = 8
    epsilon: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0)
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
        for name in ("explainers", "attacks", "epsilon"):
            if not getattr(self, name):
                raise InputError(f"--{name} is empty; give at least one.")
        for name in ("explainers", "attacks"):
            given = getattr(self, name)
            if len(set(given)) != len(given):
                raise InputError(f"--{name} names one twice: {', '.join(given)}; give each once.")
        radii(self.epsilon)
        if self.halving and len(set(self.epsilon)) < 2:
            raise InputError(
                "--halving searches between the smallest and the largest --epsilon; give two."
            )

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
        return min(self.rows, self.shard_size * len(self.epsilon))
