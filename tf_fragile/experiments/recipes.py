"""How each small network of the zoo is trained."""

from __future__ import annotations

from dataclasses import dataclass

from tf_fragile.registry import Registry
from tf_fragile.settings import MOST, MOST_ROWS, SMALL, check, setting


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights, besides the seed.

    Attributes:
      model: name of the network in the zoo.
      train: source of the training images.
      validation: source that `stop_at` looks at, apart from the test images; may be `None`.
      test: source of the images whose accuracy is reported.
      steps: number of parameter updates.
      batch_size: images for each update.
      learning_rate: of Adam, at its start.
      cosine: whether the learning rate falls to 0 along a cosine.
      l2: weight of half the squared kernel, summed over the layers in `l2_layers`.
      l2_layers: names of the penalised layers.
      shift: largest random shift, as a fraction of the side; edges are repeated.
      flip: whether half of the images are mirrored.
      stop_at: validation accuracy at which training ends early.
      check_every: updates between two looks at the validation accuracy.
      source: where the recipe was published.
    """

    model: str
    train: str
    test: str
    steps: int = setting(low=1, high=100 * MOST)
    batch_size: int = setting(low=1, high=MOST_ROWS)
    learning_rate: float = setting(low=SMALL, high=1e3)
    source: str = setting()
    validation: str | None = None
    cosine: bool = False
    l2: float = setting(0.0, low=0, high=1e6)
    l2_layers: tuple[str, ...] = ()
    shift: float = setting(0.0, low=0, high=1)
    flip: bool = False
    stop_at: float | None = setting(None, low=0, high=1)
    check_every: int = setting(250, low=1, high=100 * MOST)

    def __post_init__(self) -> None:
        check(self, "{} of the recipe")


RECIPES: Registry[Recipe] = Registry("recipe")

for _recipe in (
    Recipe(
        model="embedded",
        train="embedded/train",
        test="embedded/val",
        steps=12 * 187,
        batch_size=64,
        learning_rate=3e-3,
        cosine=True,
        source="own: 12 epochs of 12,000 images",
    ),
    # The paper reports 73 % and no epochs; training ends where held-out images reach it, which
    # a narrow network does only with augmentation (without it, width 0.25 stops at 65 %).
    Recipe(
        model="cifar10_fragility",
        train="tfds:cifar10/train[:45000]",
        validation="tfds:cifar10/train[45000:]",
        test="tfds:cifar10/test",
        steps=20 * 450,
        batch_size=100,
        learning_rate=1e-3,
        shift=0.1,
        flip=True,
        stop_at=0.73,
        source="Ghorbani et al. 2019, appendix A (network, Adam, 73 %); the rest is ours",
    ),
    Recipe(
        model="cifar10_modified_bp",
        train="tfds:cifar10/train",
        test="tfds:cifar10/test",
        steps=100 * 1562,
        batch_size=32,
        learning_rate=1e-3,
        shift=0.1,
        flip=True,
        source="Sixt et al. 2020, released code: 100 epochs",
    ),
    Recipe(
        model="mnist_cnn",
        train="tfds:mnist/train",
        test="tfds:mnist/test",
        steps=20_000,
        batch_size=50,
        learning_rate=1e-4,
        l2=1e-3,
        l2_layers=("hidden1", "hidden2", "fc1"),
        source="Adebayo et al. 2018, text and released code",
    ),
    Recipe(
        model="mnist_mlp",
        train="tfds:mnist/train",
        test="tfds:mnist/test",
        steps=20_000,
        batch_size=50,
        learning_rate=1e-4,
        source="Adebayo et al. 2018, text and released code",
    ),
):
    RECIPES.register(_recipe.model, _recipe)
