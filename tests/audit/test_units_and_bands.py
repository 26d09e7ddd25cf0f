"""Data in units of their own, and inputs of any number of channels."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from PIL import Image

from tf_fragile.audit import given
from tf_fragile.audit.asked import asked
from tf_fragile.audit.run import AuditResult, run_audit
from tf_fragile.audit.subject import open_subject
from tf_fragile.data import PREPROCESSINGS, bands
from tf_fragile.errors import InputError
from tf_fragile.probes.fragility.binding import attacks_of, grid
from tf_fragile.probes.fragility.cards import gallery_of, metric_text
from tf_fragile.probes.fragility.examples import Example, View, of_bands
from tf_fragile.probes.fragility.pictures import Picture, to_arrays
from tf_fragile.probes.fragility.settings import SPENT, FragilitySettings
from tf_fragile.probes.fragility.verdict import sentence as said_of
from tf_fragile.runs.gallery import read_gallery
from tf_fragile.runs.records import read_records

layers = keras.layers
PIXELS = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 12)).astype(np.uint8)
FAST = {"steps": 1, "explainers": ("gradient",), "num_images": 2, "plateau": 0}


def save(path: Path, channels: int, scaled: bool = True) -> str:
    """A network that takes pictures of 0..255, or the same behind their scaling to -1..1."""
    keras.utils.set_random_seed(0)
    scaling = [layers.Rescaling(1 / 127.5, -1)] if scaled else []
    hidden = [layers.Conv2D(4, 3, activation="relu"), layers.Flatten(), layers.Dense(3)]
    keras.Sequential([keras.Input((8, 8, channels)), *scaling, *hidden]).save(path)
    return str(path)


def audit(folder: Path, images: np.ndarray, said: list[str], **settings) -> AuditResult:
    np.savez(folder / "a.npz", images=images)
    settings = {**FAST, "data": f"npz:{folder / 'a.npz'}", **settings}
    return run_audit(asked(**settings), folder / "out", say=said.append, progress=False)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> tuple[Path, AuditResult]:
    """Pictures of 0..255 and two channels."""
    folder = tmp_path_factory.mktemp("pictures")
    model = save(folder / "m.keras", 2)
    return folder, audit(folder, PIXELS[..., :2], [], model=model)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> tuple[Path, AuditResult, list[str]]:
    """The same as the network takes them, -1..1."""
    folder = tmp_path_factory.mktemp("data")
    model = save(folder / "m.keras", 2, scaled=False)
    said: list[str] = []
    images = (PIXELS[..., :2] / np.float32(127.5) - 1).astype(np.float32)
    return folder, audit(folder, images, said, model=model, bounds=(-1.0, 1.0)), said


def test_data_in_bounds_are_attacked_as_the_pictures_that_they_are(pictures, data) -> None:
    pd_keys = ["sample", "explainer", "attack", "level"]
    tables = []
    for folder in (pictures[0], data[0]):
        records = read_records(folder / "out", "fragility")
        records = records[records["attack"] == "random_sign"].copy()
        records["level"] = records["epsilon"].rank(method="dense")
        overlap = records[records["metric"] == "top_k_intersection"]
        tables.append(overlap.sort_values(pd_keys)["value"].to_numpy())
    assert len(tables[0]) == 8
    np.testing.assert_allclose(*tables, atol=0.02)


def test_data_in_bounds_are_drawn_as_the_pictures_that_they_are(pictures, data) -> None:
    ours, theirs = (read_gallery(folder / "out", "fragility") for folder in (data[0], pictures[0]))
    assert ours.keys() == theirs.keys()
    for name in ours:
        if name.endswith("original") or name.endswith("random_sign|change"):
            np.testing.assert_allclose(ours[name], theirs[name], atol=0.02)
    pages = [
        (folder / "out" / "report.html").read_text("utf-8") for folder in (data[0], pictures[0])
    ]
    factors = [re.findall(r"Difference × ([\d.]+)", page) for page in pages]
    assert factors[0] == factors[1] and set(factors[0]) == {"128", "63.8", "31.9", "15.9"}


def test_radii_are_said_in_units_of_the_data_and_as_shares_of_their_range(data) -> None:
    _, result, said = data
    words = (
        "0.007843, 0.01569, 0.03137, 0.06275 (0.39 %, 0.78 %, 1.6 %, 3.1 % of the range -1..1; "
        "1, 2, 4, 8 255ths of it, since no --epsilon was given)"
    )
    assert f"radii: {words}" in said[:5]
    assert f"eps: {words.partition(';')[0]})." in said
    assert f"<dt>Radii</dt><dd>{words} (L-infinity)</dd>" in result.report.read_text("utf-8")
    np.testing.assert_allclose(
        sorted(result["fragility"].summary.epsilon.unique()), np.array([1, 2, 4, 8]) / 127.5
    )
    linf = result["fragility"].records[result["fragility"].records.metric == "linf"]
    assert (linf.value <= linf.epsilon * (1 + 1e-5)).all()


def test_too_few_images_are_said_before_the_work_and_in_the_verdict(data) -> None:
    _, result, said = data
    sentence = (
        "2 images can't carry a verdict, whatever they show: it takes 6 or more, and no more than "
        "4 can be attacked; give more data"
    )
    assert said.index(sentence) < next(i for i, line in enumerate(said) if "derivatives:" in line)
    (verdict,) = result.verdicts
    assert verdict.word == "INCONCLUSIVE"
    assert sentence in said_of(verdict)


def test_what_words_are_is_said_at_the_end_and_in_the_report(data) -> None:
    _, result, said = data
    assert said[-2].startswith(
        "FRAGILE and PASS take a one-sided test of the mean overlap at 2.5 %"
    )
    assert f"<dt>Words</dt><dd>{said[-2]}</dd>" in result.report.read_text()


def test_a_radius_below_the_steps_of_the_data_is_in_doubt_and_one_above_is_not() -> None:
    pictures = (PIXELS / np.float32(127.5) - 1).astype(np.float32)

    def doubt(radius: float, bounds: tuple[float, float] | None) -> str:
        source = SimpleNamespace(load=lambda places: SimpleNamespace(image=pictures[places]))
        positions = np.arange(len(pictures))
        return grid(SimpleNamespace(bounds=bounds, source=source, positions=positions), radius)

    assert doubt(0.004, (-1.0, 1.0)).startswith("no other image lies within epsilon = 0.004")
    assert doubt(1 / 127.5, (-1.0, 1.0)) == ""
    assert doubt(1.0, None) == ""


def test_pictures_keep_their_grey_levels(pictures) -> None:
    page = pictures[1].report.read_text("utf-8")
    assert "<dt>Radii</dt><dd>1, 2, 4, 8 grey levels (L-infinity)</dd>" in page


@pytest.mark.parametrize(
    ("channels", "chosen", "words"),
    [
        (5, None, "pictures show the mean of 5 channels"),
        (12, (3, 2, 1), "pictures show bands 3, 2, 1 of 12"),
    ],
)
def test_any_number_of_channels_ends_with_a_report(tmp_path, channels, chosen, words) -> None:
    said: list[str] = []
    settings = {"model": save(tmp_path / "m.keras", channels), "bands": chosen, "epsilon": (4.0,)}
    page = audit(tmp_path, PIXELS[..., :channels], said, **settings).report.read_text("utf-8")
    assert f"drawn: {words}" in said
    assert f"<dt>Drawn</dt><dd>{words}</dd>" in page
    assert page.count('class="card') == 2 and "undrawn" not in page.split("</style>")[1]
    uris = re.findall(r'src="([^"]*)" alt="Original', page)
    possible = [expected(image, chosen, channels).tobytes() for image in PIXELS]
    assert len(uris) == 2 and all(pixels_of(uri).tobytes() in possible for uri in uris)


def pixels_of(uri: str) -> np.ndarray:
    content = base64.b64decode(uri.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def expected(image: np.ndarray, chosen: tuple[int, ...] | None, channels: int) -> np.ndarray:
    """What is expected of a picture with its bands chosen or averaged, as RGB bytes."""
    if chosen:
        return image[..., list(chosen)]
    grey = np.rint(image[..., :channels].astype(np.float32).mean(axis=-1, keepdims=True))
    return np.repeat(grey.astype(np.uint8), 3, axis=-1)


@pytest.mark.parametrize(
    ("channels", "chosen", "shown", "words"),
    [
        (1, None, [0], ""),
        (3, None, [0, 1, 2], ""),
        (3, (2, 1, 0), [2, 1, 0], "pictures show bands 2, 1, 0 of 3"),
        (4, (3,), [3], "pictures show band 3 of 4"),
        (1, (0,), [0], "pictures show band 0 of 1"),
    ],
)
def test_bands_are_chosen_in_their_order(channels, chosen, shown, words) -> None:
    picture = PIXELS[..., :channels].astype(np.float32)
    bands.check_bands(chosen, channels)
    np.testing.assert_array_equal(bands.drawn(picture, chosen), picture[..., shown])
    assert bands.in_words(chosen, (4, 4, channels)) == words


@pytest.mark.parametrize("channels", [2, 4])
def test_other_numbers_of_channels_are_averaged_with_their_changes(channels) -> None:
    image = PIXELS[0, ..., :channels].astype(np.float32)
    change = np.stack([image * 0.1, image * 0.2])
    picture = of_bands(Picture(0, "e", "a", image, change, image[..., 0], change[..., 0]), None)
    np.testing.assert_allclose(picture.original, image.mean(-1, keepdims=True))
    np.testing.assert_allclose(picture.change, change.mean(-1, keepdims=True), rtol=1e-5)
    assert picture.original.shape == (8, 8, 1) and picture.change.shape == (2, 8, 8, 1)


def test_a_map_with_all_its_mass_in_one_of_many_pixels_is_kept_finite() -> None:
    maps = np.zeros((1, 300, 300), np.float32)
    maps[0, 5, 5] = 1
    result = SimpleNamespace(
        map_before=maps, map_after=maps[None], perturbed=np.zeros((1, 1, 2, 2, 1))
    )
    findings = SimpleNamespace(kept=np.array([0]), results={("e", "a"): result})
    batch = SimpleNamespace(index=np.array([3]), image=np.zeros((1, 2, 2, 1)))
    arrays = to_arrays(batch, findings, PREPROCESSINGS["raw"], {3})
    assert arrays["3|e|a|map"].max() == np.finfo(np.float16).max


def test_a_picture_that_can_not_be_drawn_leaves_the_rest_of_its_card() -> None:
    good, map_ = np.zeros((4, 4, 3), np.uint8), np.ones((4, 4))
    view = View(1.0, True, good, map_, "a", 0.9, 0.8, {"linf": 0.0078431})
    odd = Example(0, "a", "gradient", "top_k", np.zeros((4, 4, 5)), map_, (view,))
    (card,) = gallery_of([odd], "").cards
    original, clean = card.tiles
    perturbed, change, after = card.shots[0].tiles
    assert original.uri == ""
    assert original.problem.startswith("This picture of shape [4, 4, 5] can't be drawn (")
    assert "of shape [4, 4, 5] and [4, 4, 3] can't" in change.problem
    assert clean.uri and perturbed.uri and after.uri
    (whole,) = gallery_of([replace(odd, original=good)], "").cards
    linf = whole.shots[0].facts[2]
    assert whole.tiles[0].uri and linf[1] == metric_text("linf", 0.0078431) == "0.00784"


# What is refused before any work.


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"bounds": (1, -1)}, "--bounds=1,-1 is no range; write --bounds=LOW,HIGH, such as"),
        ({"bounds": (0, np.inf)}, "--bounds is inf; give 2 values, each a finite number."),
        ({"bounds": (0, np.nan)}, "--bounds is nan; give 2 values"),
        (
            {"bounds": (-1, 1), "preprocessing": "unit"},
            "--bounds says that the data are stored as the model takes them, --preprocessing=unit "
            "that they are pictures still to be prepared; give one of the two.",
        ),
        (
            {"bounds": (-1, 1), "data": "folder:photos"},
            "--bounds is for arrays that are stored as the model takes them (npz:FILE), but "
            "'folder:photos' has pictures of 0 to 255; leave --bounds out.",
        ),
        ({"bounds": (-1, 1), "data": "embedded"}, "'embedded' has pictures of 0 to 255"),
        ({"bounds": (-1, 1), "data": "tfds:mnist/test"}, "'tfds:mnist/test' has pictures of 0"),
        (
            {"bounds": (-1, 1), "epsilon": (1.0, 4.0)},
            "--epsilon=4 is in units of the data, whose range -1..1 is no wider; give radii such "
            "as 0.00784,0.0627, or none for 1, 2, 4, 8 255ths of the range.",
        ),
        (
            {"epsilon": (4.0, 255.0), "data": "folder:photos"},
            "--epsilon=255 takes black to white, since pictures have 255 grey levels and epsilon "
            "is in them; give radii such as 1, 2, 4, 8.",
        ),
        ({"epsilon": ()}, "--epsilon is empty; give at least one."),
        ({"epsilon": (1.0, 1.0)}, "--epsilon names one twice: 1, 1; give each once."),
        (
            {"epsilon": (300.0,), "data": "embedded"},
            "--epsilon=300 takes black to white, since pictures have 255",
        ),
        (
            {"step_size": 0.5},
            "--step_size is a setting of --optimizer=sign, and annealed_momentum takes none; leave "
            "it out, or choose that optimizer.",
        ),
        ({"beta": 1.0, "optimizer": "secant"}, "--beta is a setting of --optimizer=sign, and sec"),
        ({"seed": -1}, "--seed is -1; give a whole number from 0 to 2,147,483,647."),
        ({"rows": 10**9}, "--rows is 1000000000; give a whole number from 1 to 65,536."),
        ({"optimizer": "sgn"}, "Unknown attack optimizer 'sgn'; did you mean sign?"),
        ({"attacks": ("target_map",)}, "The target_map attack needs target_map=, an array, which"),
        ({"resize": "corp"}, "Unknown resize 'corp'; did you mean crop?"),
    ],
)  # fmt: skip
def test_settings_that_contradict_each_other_are_refused(settings, sentence) -> None:
    with pytest.raises(InputError) as error:
        asked(**{"data": "npz:a.npz", **settings})
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ((0, 1), "--bands=0,1 names 2 channels; give one (drawn as grey) or three (as"),
        ((3, 2, 1), "--bands=3,2,1 names channel 3, but the network takes 3; give numbers from"),
        ((-1,), "--bands is -1; give values, each a whole number from 0 to"),
    ],
)  # fmt: skip
def test_bands_that_are_not_there_are_refused_before_the_work(chosen, sentence) -> None:
    with pytest.raises(InputError) as error:
        open_subject(asked(bands=chosen))
    assert sentence in str(error.value)


def test_data_in_bounds_are_not_rounded_and_steps_are_in_their_units() -> None:
    def made(bounds: tuple[float, float] | None):
        limits = PREPROCESSINGS["raw"].within(-1, 1).range
        source = SimpleNamespace(image_shape=(8, 8, 3), range=limits)
        gate = SimpleNamespace(kind="as_is")
        subject = SimpleNamespace(bounds=bounds, budget="paper", derivatives=gate, source=source)
        return attacks_of(FragilitySettings(optimizer="sign"), subject, 3, 4)["top_k"]

    bounded, whole = made((-1, 1)), made(None)
    assert (bounded.grid, whole.grid) == (None, 1.0)
    step = SPENT["paper"].step_size
    assert whole.optimizer.step_size == step
    assert bounded.optimizer.step_size == pytest.approx(step * 2 / 255)


@pytest.mark.parametrize(
    ("read", "texts", "sentence"),
    [
        ("bounds", ["-1"], "--bounds=-1 is not two numbers; write --bounds=LOW,HIGH"),
        ("bounds", ["0", "1", "2"], "--bounds=0,1,2 is not two numbers"),
        ("bounds", ["a", "b"], "--bounds=a,b is not two numbers"),
        ("bounds", [], "--bounds= is not two numbers"),
        ("bands", ["r", "g", "b"], "--bands=r,g,b is not a list of channels; write --bands=I or"),
        ("bands", ["1.5"], "--bands=1.5 is not a list of channels"),
    ],
)
def test_flags_that_are_no_numbers_are_refused(read, texts, sentence) -> None:
    with pytest.raises(InputError) as error:
        getattr(given, read)(",".join(texts))
    assert sentence in str(error.value)
    assert given.bounds("-1,1") == (-1.0, 1.0)
    assert given.bands("3,2,1") == (3, 2, 1)
