"""Optimisers against each other: equal images, equal radius, every evaluation counted."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from tf_fragile.data.preprocessing import PREPROCESSINGS
from tf_fragile.data.source import Sample, Source
from tf_fragile.errors import InputError
from tf_fragile.experiments.fragility.contests.contest import Contest, Entry
from tf_fragile.experiments.fragility.contests.figure import budget_curve
from tf_fragile.experiments.fragility.contests.presets import CONTESTS, contest
from tf_fragile.experiments.frame.place import Place
from tf_fragile.experiments.frame.running import make
from tf_fragile.experiments.frame.subject import Subject

layers = keras.layers
TINY = Contest(
    {
        "gradient": Entry(6, 12, annealed=(4,), secant=(4,)),
        "lrp_epsilon": Entry(4, 6, annealed=(4,), surrogate="none"),
    },
    epsilon=4.0,
    k=20,
    checkpoints=(3, 100),
    shard_size=3,
    rows=3,
)


@pytest.fixture(scope="module")
def subject() -> Subject:
    keras.utils.set_random_seed(2)
    x = keras.Input((12, 12, 3))
    h = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    model = keras.Model(x, layers.Dense(3)(layers.Flatten()(h)))
    rng = np.random.default_rng(4)
    images = rng.uniform(20, 235, (7, 4, 4, 3)).repeat(3, 1).repeat(3, 2).round().astype("float32")
    labels = np.array(keras.ops.argmax(model(images), -1))
    source = Source(
        name="tiny",
        class_names=None,
        image_shape=(12, 12, 3),
        preprocessing=PREPROCESSINGS["raw"],
        read=lambda i: Sample(images[i], int(labels[i])),
        digest=lambda: "0" * 64,
        size=len(images),
    )
    return Subject("tiny", model, source)


@pytest.fixture(scope="module")
def made(subject: Subject, tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, Path]:
    out = tmp_path_factory.mktemp("contest")
    return run(subject, out, []), out


def run(subject: Subject, out: Path, said: list[str]) -> pd.DataFrame:
    """The table of the tiny contest."""
    place = Place(out, command=("x.py",), progress=False, say=said.append)
    return make(budget_curve(TINY, subject, place), place).tables[".csv"]


def test_every_contender_has_a_line_and_sign_one_for_each_checkpoint(made) -> None:
    lines, _ = made
    found = {(m, a, s) for m, a, s in lines[["method", "attack", "steps"]].itertuples(index=False)}
    assert found == {
        ("gradient", "random_sign", 1),
        ("gradient", "sign", 3),
        ("gradient", "sign", 12),
        ("gradient", "annealed_momentum", 4),
        ("gradient", "secant", 4),
        ("lrp_epsilon", "random_sign", 1),
        ("lrp_epsilon", "sign", 3),
        ("lrp_epsilon", "sign", 6),
        ("lrp_epsilon", "annealed_momentum", 4),
    }
    own = lines[lines["method"] == "gradient"]
    assert (own["n"] + own["n_failed"] == 6).all()


def test_costs_are_counts_of_each_kind_and_their_sum_in_forward_passes(made) -> None:
    lines = made[0].set_index(["method", "attack", "steps"])
    sign = lines.loc["gradient", "sign", 12]
    assert (sign["derivatives"], sign["maps"], sign["model_gradients"]) == (12, 12, 0)
    assert sign["forwards"] == pytest.approx(12 * (5.7 + 2.05 + 1))
    half = lines.loc["gradient", "sign", 3]
    assert half["forwards"] == pytest.approx(sign["forwards"] / 4)
    secant = lines.loc["gradient", "secant", 4]
    assert (secant["derivatives"], secant["maps"]) == (0, 16)
    annealed = lines.loc["gradient", "annealed_momentum", 4]
    expected = 4 * (5.7 + 2.05 + 1) + 2.05 * annealed["model_gradients"]
    assert annealed["forwards"] == pytest.approx(expected)


def test_more_steps_of_sign_leave_no_more_and_it_does_not_differ_from_itself(made) -> None:
    lines = made[0].set_index(["method", "attack", "steps"])
    assert lines.loc["gradient", "sign", 12]["mean"] <= lines.loc["gradient", "sign", 3]["mean"]
    assert lines.loc["gradient", "sign", 12]["difference"] == 0
    random, sign = (lines.loc["gradient", a, s] for a, s in (("random_sign", 1), ("sign", 12)))
    assert sign["mean"] < random["mean"]
    assert random["difference"] == pytest.approx(random["mean"] - sign["mean"], abs=0.05)


def test_table_page_and_picture_are_written_and_taken_up_again(made, subject: Subject) -> None:
    lines, out = made
    page = (out / "budget_curve.md").read_text("utf-8")
    assert "### lrp_epsilon" in page and page.count("\n| annealed_momentum | 4 |") == 2
    assert (out / "budget_curve.png").read_bytes().startswith(b"\x89PNG")
    part = out / "gradient" / "records" / "fragility" / "part-00000.parquet"
    before = part.stat().st_mtime_ns
    said: list[str] = []
    again = run(subject, out, said)
    assert any("nothing left to compute" in line for line in said)
    pd.testing.assert_frame_equal(again, lines)
    assert part.stat().st_mtime_ns == before


def test_presets_know_their_methods_and_refuse_what_makes_no_sense() -> None:
    for data in CONTESTS:
        chosen = contest(data, "cpu", ("gradient",), num_images=5, sign_steps=9, epsilon=1.0)
        assert chosen.entries["gradient"].num_images == 5
        assert chosen.checkpoints_of("gradient") == (9,)
        assert chosen.epsilon == 1.0
    other = contest("imagenet", "cpu", ("lrp_epsilon",), sign_surrogate="scaled_softplus")
    surrogates = {name: a.surrogate for name, a in other.attacks("lrp_epsilon").items()}
    assert surrogates["sign"] == surrogates["annealed_momentum 10"]
    with pytest.raises(InputError, match="Unknown surrogate 'softplsu'; did you mean softplus"):
        contest("imagenet", "cpu", sign_surrogate="softplsu")
    with pytest.raises(InputError, match="did you mean gradient"):
        contest("imagenet", "cpu", ("gradent",))
    with pytest.raises(InputError, match="--num_images is 0"):
        contest("imagenet", "cpu", num_images=0)
    with pytest.raises(InputError, match="Unknown preset"):
        contest("imagenet", "fast")
