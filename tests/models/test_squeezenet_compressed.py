from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tf_fragile.errors import InputError
from tf_fragile.models import zoo
from tf_fragile.models.squeezenet_compressed import convert, read_compressed, unpack_nibbles
from tf_fragile.models.zoo.squeezenet import kernel_shapes

SHAPES = kernel_shapes()


def encode_layer(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The stored codes and gaps of a kernel's codes, by counting weights one after the other."""
    stored, gaps, skipped = [], [], 0
    for code in codes:
        if code == 0 and skipped < 15:
            skipped += 1
            continue
        # A weight to keep, or the filler that takes the place of a 16th zero.
        stored.append(code)
        gaps.append(skipped)
        skipped = 0
    return np.array(stored, np.uint8), np.array(gaps, np.uint8)


def encode(kernels: dict[str, np.ndarray], biases: dict[str, np.ndarray]) -> bytes:
    """An encoder of the published format; kernels are `[kh, kw, cin, cout]`."""
    counts, parts = [], []
    for layer, kernel in kernels.items():
        values = np.unique(kernel[kernel != 0])
        codebook = np.zeros(256, np.float32)
        codebook[1 : 1 + len(values)] = values
        flat = kernel.transpose(3, 2, 0, 1).reshape(-1)
        codes = np.where(flat == 0, 0, 1 + np.searchsorted(values, flat))
        stored, gaps = encode_layer(codes)
        padded = np.append(gaps, 0) if len(gaps) % 2 else gaps
        packed = (padded[0::2] | (padded[1::2] << 4)).astype(np.uint8)
        counts.append(len(stored))
        parts += [codebook.tobytes(), biases[layer].tobytes(), stored.tobytes(), packed.tobytes()]
    return np.array(counts, "<u4").tobytes() + b"".join(parts)


@pytest.fixture(scope="module")
def weights() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Sparse kernels, so that fillers are needed, with an odd and an even number of weights."""
    rng = np.random.default_rng(0)
    kernels, biases = {}, {}
    for layer, shape in SHAPES.items():
        size = int(np.prod(shape))
        flat = np.zeros(size, np.float32)
        kept = rng.choice(size, size // 60, replace=False)
        flat[kept] = rng.integers(1, 256, len(kept)) / 8
        kernels[layer] = flat.reshape(shape)
        biases[layer] = rng.normal(size=shape[-1]).astype(np.float32)
    return kernels, biases


@pytest.fixture(scope="module")
def content(weights: tuple[dict[str, np.ndarray], dict[str, np.ndarray]]) -> bytes:
    return encode(*weights)


def test_encoded_weights_come_back(
    tmp_path: Path, weights: tuple[dict[str, np.ndarray], ...], content: bytes
) -> None:
    (tmp_path / "net").write_bytes(content)
    found = read_compressed(tmp_path / "net")
    counts = np.frombuffer(content[:104], np.uint32)
    kept = np.array([np.count_nonzero(kernel) for kernel in weights[0].values()])
    assert np.all(counts >= kept) and counts.sum() > kept.sum(), "the case needs fillers"
    assert {0, 1} == set((counts % 2).tolist()), "the case needs odd and even counts"
    assert len(found) == 2 * len(SHAPES)
    for layer in SHAPES:
        np.testing.assert_array_equal(found[f"{layer}/kernel"], weights[0][layer])
        np.testing.assert_array_equal(found[f"{layer}/bias"], weights[1][layer])


def test_converted_file_loads_into_the_network(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "net").write_bytes(content)
    convert(tmp_path / "net", tmp_path / "net.npz")
    model = zoo.load("squeezenet_v1.0", weights=tmp_path / "net.npz")
    expected = read_compressed(tmp_path / "net")["fire5/expand3x3/kernel"]
    np.testing.assert_array_equal(model.get_layer("fire5_expand3x3").kernel.numpy(), expected)


def test_published_weights_survive_encoding(tmp_path: Path, shared_data: Path) -> None:
    with np.load(shared_data / "squeezenet_v1.0_imagenet.npz") as archive:
        kernels = {layer: archive[f"{layer}/kernel"] for layer in SHAPES}
        biases = {layer: archive[f"{layer}/bias"] for layer in SHAPES}
    (tmp_path / "net").write_bytes(encode(kernels, biases))
    found = read_compressed(tmp_path / "net")
    assert all(np.array_equal(found[f"{layer}/kernel"], kernels[layer]) for layer in SHAPES)


def test_low_half_of_a_byte_comes_first() -> None:
    packed = np.array([0x21, 0x43], np.uint8)
    assert unpack_nibbles(packed, 3).tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda c: c[:50], "ends inside 'the counts'"),
        (lambda c: c[:2000], "ends inside 'fire2/squeeze1x1'|ends inside 'conv1'"),
        (lambda c: c[:-1], "ends inside 'conv10'"),
        (lambda c: c + b"\0\0", "2 bytes follow the last layer"),
        (lambda c: c[:104] + np.float32(np.nan).tobytes() + c[108:], "NaN or infinity"),
        (lambda c: b"\xff\xff\xff\xff" + c[4:], "ends inside 'conv1'"),
    ],
)
def test_damaged_files_are_refused(
    tmp_path: Path, content: bytes, damage: object, said: str
) -> None:
    (tmp_path / "net").write_bytes(damage(content))  # type: ignore[operator]
    with pytest.raises(InputError, match=said):
        read_compressed(tmp_path / "net")


def test_weights_beyond_the_kernel_are_refused(tmp_path: Path, content: bytes) -> None:
    counts = np.frombuffer(content[:104], np.uint32)
    # Of the first layer, every gap becomes 15.
    start = 104 + 4 * 256 + 4 * 96 + int(counts[0])
    packed = (int(counts[0]) + 1) // 2
    (tmp_path / "net").write_bytes(content[:start] + b"\xff" * packed + content[start + packed :])
    with pytest.raises(InputError, match="layer 'conv1' stores weight"):
        read_compressed(tmp_path / "net")


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't be read"):
        read_compressed(tmp_path / "none")
