"""How a picture file becomes the pixels of a network's input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from tf_fragile.errors import InputError
from tf_fragile.settings import check, setting

Resize = Literal["stretch", "crop", "pad", "imagenet"]
Orientation = Literal["ignore", "exif"]
RESIZES: tuple[str, ...] = get_args(Resize)
ORIENTATIONS: tuple[str, ...] = get_args(Orientation)
INTERPOLATIONS = (
    *("bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian"),
    "mitchellcubic",
)
"""The methods of `tf.image.resize`, which `keras.utils.image_dataset_from_directory` takes."""
_OF_CROP = ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5")


@dataclass(frozen=True)
class Reading:
    """The geometry in which a network is shown a picture.

    Attributes:
      resize: `"stretch"`, `"crop"` and `"pad"` are what `keras.utils.image_dataset_from_directory`
        does by default, with `crop_to_aspect_ratio` and with `pad_to_aspect_ratio`, its decoder
        included; `"imagenet"` is how ImageNet networks are evaluated: Pillow's decoder, the short
        side brought to `short_side` with antialiased bicubic interpolation, and the centre cut out.
      interpolation: of the first three, one of `INTERPOLATIONS`; `"imagenet"` is bicubic.
      orientation: whether pictures are turned as their EXIF tag says; Keras ignores it.
      short_side: of `"imagenet"`, in pixels; 256/227 of the input's where `None`.

    Raises:
      InputError: if one of them is unknown, or two don't go together.
    """

    resize: Resize = "stretch"
    interpolation: str = setting("bilinear", choices=INTERPOLATIONS)
    orientation: Orientation = "ignore"
    short_side: int | None = None

    def __post_init__(self) -> None:
        check(self)
        if self.resize == "imagenet" and self.interpolation not in ("bilinear", "bicubic"):
            raise InputError(
                f"Resize 'imagenet' is bicubic and takes no interpolation {self.interpolation!r}; "
                "leave it out, or choose another resize."
            )
        if self.resize == "crop" and self.interpolation not in _OF_CROP:
            raise InputError(
                f"Resize 'crop' has no interpolation {self.interpolation!r} in Keras; "
                f"choose one of {', '.join(_OF_CROP)}."
            )
        if self.short_side is not None and (self.resize != "imagenet" or self.short_side < 1):
            raise InputError(
                f"A short side of {self.short_side} is no setting of resize {self.resize!r}; "
                "leave it out, or choose resize 'imagenet' and a side of at least 1 pixel."
            )

    @classmethod
    def evaluated(cls, short_side: int | None) -> Reading:
        """How a network of the zoo is shown pictures.

        Args:
          short_side: of its entry; networks without one are fed as Keras' loader does.
        """
        return cls() if short_side is None else cls("imagenet", short_side=short_side)
