"""Reading the published compressed weights of SqueezeNet v1.0.

The format is that of Han, Mao & Dally, "Deep Compression" (2016): pruned kernels whose remaining
weights share a codebook. The file holds 26 uint32 counts of stored weights, then for each layer
256 float32 codebook entries, the float32 biases, one uint8 code for each stored weight, and one
4-bit position each, two to a byte, the low half first. A position counts the weights skipped
since the one before; where more than 15 are skipped, a filler with code 0 is stored between.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tf_fragile.errors import InputError
from tf_fragile.models.zoo.squeezenet import kernel_shapes
from tf_fragile.models.zoo.weights import write_npz

CODEBOOK = 256

Bytes = npt.NDArray[np.uint8]


def read_compressed(path: str | os.PathLike[str]) -> dict[str, npt.NDArray[np.float32]]:
    """Decodes a file of compressed weights.

    Args:
      path: the file, as published.

    Returns:
      `<layer>/kernel` `[kh, kw, cin, cout]` and `<layer>/bias` `[cout]`, float32, for the
      26 layers of SqueezeNet v1.0.

    Raises:
      InputError: if the file is missing, too short, too long, or holds what no weight can be.
    """
    try:
        content = np.frombuffer(Path(path).read_bytes(), np.uint8)
    except OSError as error:
        raise InputError(
            f"The compressed weights {str(path)!r} can't be read ({error.strerror}); "
            "give the path of the published file."
        ) from error
    shapes = kernel_shapes()
    take = _reader(content, str(path))
    counts = take(4 * len(shapes), "the counts").view(np.uint32)
    weights: dict[str, npt.NDArray[np.float32]] = {}
    for (layer, shape), stored in zip(shapes.items(), counts.tolist(), strict=True):
        codebook = take(4 * CODEBOOK, layer).view(np.float32)
        bias = take(4 * shape[-1], layer).view(np.float32)
        codes = take(stored, layer)
        gaps = unpack_nibbles(take((stored + 1) // 2, layer), stored)
        if not (np.all(np.isfinite(codebook)) and np.all(np.isfinite(bias))):
            raise _broken(str(path), f"layer {layer!r} holds NaN or infinity")
        places = np.cumsum(gaps.astype(np.int64) + 1) - 1
        size = int(np.prod(shape))
        if stored and places[-1] >= size:
            raise _broken(
                str(path), f"layer {layer!r} stores weight {places[-1]} of a kernel of {size}"
            )
        dense = np.zeros(size, np.uint8)
        dense[places] = codes
        height, width, inputs, outputs = shape
        kernel = codebook[dense].reshape(outputs, inputs, height, width)
        weights[f"{layer}/kernel"] = np.ascontiguousarray(kernel.transpose(2, 3, 1, 0))
        weights[f"{layer}/bias"] = bias.copy()
    if rest := take(None, "the end").size:
        raise _broken(str(path), f"{rest} bytes follow the last layer")
    return weights


def convert(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """Decodes a file of compressed weights into an archive that the zoo loads.

    Args:
      source: the compressed file.
      target: the `.npz` archive to write; an older one is replaced.

    Raises:
      InputError: if `source` can't be decoded.
    """
    write_npz(read_compressed(source), target)


def unpack_nibbles(packed: Bytes, count: int) -> Bytes:
    """The first `count` 4-bit numbers of `packed`, the low half of each byte first."""
    both = np.stack([packed & 0x0F, packed >> 4], axis=-1)
    return both.reshape(-1)[:count]


def _reader(content: Bytes, path: str) -> Callable[[int | None, str], Bytes]:
    """A function that takes so many bytes (or all that are left) off the front of `content`."""
    position = 0

    def take(count: int | None, what: str) -> Bytes:
        nonlocal position
        end = content.size if count is None else position + count
        if end > content.size:
            raise _broken(path, f"it ends inside {what!r}")
        part = content[position:end]
        position = end
        # A copy is aligned, which a view as float32 asks for.
        return part.copy()

    return take


def _broken(path: str, what: str) -> InputError:
    return InputError(
        f"{path!r} is not a file of compressed SqueezeNet v1.0 weights: {what}; download it again."
    )
