"""A wrongly fed model is noticed, with a remedy that works; a rightly fed one is let alone."""

from __future__ import annotations

import re
from dataclasses import replace

import keras
import numpy as np
import pytest
from feeding_nets import CLASSES, SIDE, judged, model, network, pictures, refed, source

from tf_fragile.audit.alternatives import Alternative, preprocessings
from tf_fragile.audit.asked import asked
from tf_fragile.audit.class_orders import class_orders
from tf_fragile.audit.contest import contest
from tf_fragile.audit.feeding import Feeding, judge
from tf_fragile.audit.run import run_audit
from tf_fragile.audit.suspicion import at_chance, is_hopeless, suspicions
from tf_fragile.backprop.network import as_network
from tf_fragile.data.preprocessing import PREPROCESSINGS
from tf_fragile.errors import InputError
from tf_fragile.probes.fragility.verdict import sentence as said_of
from tf_fragile.probes.sampling import Seen, draw, nothing_seen

PREFIX = "the model seems to be fed wrongly: "
UNKNOWN, TRUE = np.full(60, -1), np.arange(60) % CLASSES


def wrapped(name: str):
    """A model that does this preprocessing itself, and then wants to be given raw pixels."""
    return as_network(model(PREPROCESSINGS[name], own=PREPROCESSINGS[name]))


SCALES = {
    "scale missing": (lambda: network("unit"), "raw", "unit"),
    "scaled twice": (lambda: wrapped("unit"), "unit", "raw"),
    "scaled twice, around zero": (lambda: wrapped("tf"), "tf", "raw"),
    "around zero where from zero is wanted": (lambda: network("unit"), "tf", "unit"),
    "from zero where around zero is wanted": (lambda: network("mobilenet"), "unit", "mobilenet"),
    "BGR": (lambda: network("unit_bgr"), "unit", "unit_bgr"),
    "RGB": (lambda: network("caffe"), "caffe_rgb", "caffe"),
    "order and scale": (lambda: network("caffe"), "tf", "caffe"),
}


@pytest.mark.parametrize("mistake", SCALES)
def test_a_wrong_scale_or_order_is_noticed_and_the_remedy_works(mistake) -> None:
    make, given, right = SCALES[mistake]
    net, data = make(), source(given)
    found = judged(data, net)
    assert found.in_doubt
    assert found.doubt.startswith(f"{PREFIX}accuracy ")
    flag = re.search(r"; with --preprocessing=(\S+) it is (\d+) %", found.doubt)
    assert int(flag[2]) >= 97
    cured = judged(refed(data, flag[1]), net)
    assert not cured.in_doubt, cured.doubt
    assert cured.accuracy.mean >= 0.97
    # Feedings that differ by a grey level or two can't be told apart, nor need they be.
    wanted, advised = (PREPROCESSINGS[name].range for name in (right, flag[1]))
    for end in ("low", "high"):
        np.testing.assert_allclose(
            getattr(advised, end), getattr(wanted, end), atol=16 * wanted.unit.max()
        )


@pytest.mark.parametrize(
    ("name", "labels", "expression"),
    [
        ("the classes in reverse order", CLASSES - 1 - TRUE, "5 - labels"),
        ("the labels one lower", (TRUE + 1) % CLASSES, "(numpy.int64(labels) - 1) % 6"),
        ("the labels one higher", (TRUE - 1) % CLASSES, "(numpy.int64(labels) + 1) % 6"),
        (
            "the classes in another order",
            np.array([2, 0, 1, 4, 3, 5])[TRUE],
            "numpy.array([1, 2, 0, 4, 3, 5])[numpy.int64(labels)]",
        ),
    ],
)
def test_labels_in_another_order_are_noticed_and_the_remedy_works(name, labels, expression) -> None:
    data = replace(source(labels=labels), name="npz:x", numbering="numbers")
    found = judged(data, network())
    advised = re.search(rf"; with {name} it is (\d+) % \[\d+, 100\] \(store (.*)\)$", found.doubt)
    assert int(advised[1]) >= 95 and advised[2] == expression
    for stored in (labels.astype(np.uint8), labels * 1.0):
        better = eval(advised[2], {"numpy": np, "labels": stored})
        np.testing.assert_array_equal(better, TRUE)
    hot = {order.name: order.advice for order in class_orders(
        replace(data, numbering="one-hot"), network(), found.seen
    )}  # fmt: skip
    better = eval(hot[name].removeprefix("store "), {"numpy": np, "labels": np.eye(6)[labels]})
    np.testing.assert_array_equal(better, TRUE)


def test_a_merely_bad_model_has_no_better_order() -> None:
    """A third of the labels are wrong: what fits one half of them does not fit the other."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        labels = np.where(rng.random(60) < 0.35, rng.integers(0, CLASSES, 60), TRUE)
        found = judged(source(labels=labels), network(), seed=seed)
        assert "another order" not in found.doubt


def test_another_geometry_is_noticed() -> None:
    """The middle of the pictures is what the model was trained on, and the margins say another."""
    wide = pictures(60, shape=(SIDE, 3 * SIDE))
    margins = pictures(60, seed=1)[np.arange(60) // 3 % 2 * 3]
    wide[:, :, :SIDE] = wide[:, :, -SIDE:] = margins
    ways = {
        "stretch": wide.reshape(60, SIDE, SIDE, 3, 3).mean(3),
        "crop": wide[:, :, SIDE:-SIDE],
        "imagenet": wide[:, :, SIDE:-SIDE],
    }

    def opened(resize: str):
        if resize == "pad":
            raise InputError("not like that")
        return source(images=ways[resize])

    found = judged(opened("stretch"), network(), resize="stretch", opened=opened)
    assert re.search(r"; with --resize=crop it is 100 % \[94, 100\]$", found.doubt)
    names = [trial.alternative.name for trial in found.contest.trials]
    assert [name for name in names if "resize" in name] == ["--resize=crop", "--resize=imagenet"]
    assert not judged(opened("crop"), network(), resize="crop", opened=opened).in_doubt


def test_geometries_that_change_nothing_are_not_tried() -> None:
    found = judged(source("raw"), network("unit"), opened=lambda _: source("raw"))
    assert not any("resize" in trial.alternative.name for trial in found.contest.trials)


def test_causes_are_tried_in_order_and_each_accuracy_is_told() -> None:
    found = judged(source("raw"), network("unit"))
    assert [trial.alternative.name for trial in found.contest.trials] == [
        *(f"--preprocessing={name}" for name in ("unit", "tf", "centered", "mobilenet")),
        *(f"--preprocessing={name}" for name in ("efficientnet_lite", "torch", "caffe")),
        *(f"--preprocessing={name}" for name in ("cifar10_mean", "squeezenet_v1.0", "raw_bgr")),
        *("the classes in reverse order", "the labels one lower", "the labels one higher"),
    ]
    assert found.tried.startswith(
        "on 60 images --preprocessing=unit 100 %, torch 100 %, cifar10_mean 100 %; on 16 images "
        "--preprocessing=tf 44 %, centered 44 %, mobilenet 44 %, efficientnet_lite 44 %, caffe 38 %"
    )
    assert found.facts["Other ways of feeding"] == found.tried
    assert f"feeding, otherwise: {found.tried}" in found.lines


def test_what_was_seen_is_told() -> None:
    found = judged(source("unit"), network("unit"), seed=1)
    share = round(100 * found.commonest_share)
    assert found.text == (
        "accuracy 100 % [81, 100] on 16 images (chance 17 %, 6 outputs); the commonest "
        f"prediction, {found.commonest}, is {share} % of them; inputs run from "
        f"{found.seen.low:.4g} to {found.seen.high:.4g}; 0 % of the confidences are saturated"
    )
    assert found.lines == (f"feeding: {found.text}",)
    assert found.facts == {"Feeding": found.text}
    assert found.doubt == ""


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("name", ["unit", "caffe"])
def test_no_alarm_on_the_right_feeding_and_nothing_else_is_tried(name, seed) -> None:
    data, net = source(name, images=pictures(16, seed)), network(name)

    def never(_: Seen):
        raise AssertionError("a perfect feeding costs nothing more")

    drawn = draw(data, net, 4, only_correct=True, seed=seed)
    found = judge(data, net, drawn.seen, seed=seed, alternatives=never)
    assert not found.in_doubt
    assert found.accuracy.n == 16


@pytest.mark.parametrize("size", [5, 16, 40])
def test_no_alarm_where_the_model_is_merely_bad(size) -> None:
    """Every fifth label is wrong, at random."""
    alarms = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        labels = np.arange(size) % CLASSES
        wrong = rng.random(size) < 0.2
        labels = np.where(wrong, rng.integers(0, CLASSES, size), labels)
        data = source("unit", images=pictures(size, seed), labels=labels)
        alarms += judged(data, network("unit"), num=2, seed=seed).in_doubt
    assert alarms == 0


def test_images_of_one_class_are_no_alarm() -> None:
    reds = pictures(90)[np.arange(90) % CLASSES == 3]
    assert not judged(source(images=reds, labels=np.full(15, 3)), network()).in_doubt
    few = source(images=reds[:6], labels=UNKNOWN)
    assert not judged(few, network()).in_doubt


def test_one_class_for_all_is_noticed() -> None:
    net = network("unit")
    kernel, bias = net.model.weights
    kernel.assign(0 * kernel)
    bias.assign([1.0, *[0.0] * 5])
    labels = np.where(np.arange(60) < 50, 0, 5)  # accuracy alone is far above chance
    found = judged(source(images=pictures(60), labels=labels), net)
    assert "and one class, 'dark_red', is predicted for all 60 images; none of " in found.doubt
    assert "check the pictures, --preprocessing and the labels (--classes)" in found.doubt
    unlabelled = judged(source(labels=UNKNOWN), net)
    assert unlabelled.doubt.startswith(
        f"{PREFIX}one class, 'dark_red', is predicted for all 60 images; "
    )
    same = np.repeat(pictures(1), 60, 0)
    assert not judged(source(images=same, labels=UNKNOWN), network()).in_doubt


def test_without_labels_answers_as_to_blank_pictures_are_noticed_on_few_images() -> None:
    blues = pictures(60)[np.arange(60) % CLASSES == 5][:6]
    net = as_network(model(PREPROCESSINGS["unit"], own=PREPROCESSINGS["unit"], gain=0.01))
    data = source("unit", images=blues, labels=UNKNOWN)
    found = judged(data, net)
    assert "is predicted for all 6 images, and as surely for blank pictures; with " in found.doubt
    flag = re.search(r"with --preprocessing=(\S+) there are 1 different predictions", found.doubt)
    assert flag[1] == "raw"
    assert not judged(refed(data, "raw"), net).in_doubt


def test_saturated_confidences_are_noticed_where_nothing_else_tells() -> None:
    """Hue alone survives any scale: every image is right, and 100 % sure."""
    bright = pictures(90)[np.arange(90) % CLASSES > 2]
    labels = 3 + np.arange(45) % 3
    data = source("raw", images=bright, labels=labels)
    found = judged(data, network("unit"))
    assert found.accuracy.mean == 1
    assert found.doubt == (
        f"{PREFIX}accuracy 100 % [92, 100] on 45 images (chance 17 %, 6 outputs), and the "
        "confidence is 100 % on all 45 images; with --preprocessing=unit it is 100 % [92, 100], "
        "and on 0 % of the images 100 % sure"
    )
    assert not judged(refed(data, "unit"), network("unit")).in_doubt


def test_a_model_that_is_sure_and_right_only_as_it_is_fed_is_no_alarm() -> None:
    found = judged(source("unit"), network("unit", gain=2))
    assert "100 % of the confidences are saturated" in found.text
    assert not found.in_doubt


def test_nearly_saturated_is_a_doubt_only_where_another_feeding_is_as_good() -> None:
    """One picture is nearly grey, so that nothing makes a model sure of it."""
    images = pictures(60)
    images[3] = 110
    images[3, :, :, 0] += 1
    bright = np.arange(60) % CLASSES > 2
    data = source("raw", images=images[bright], labels=np.arange(60)[bright] % CLASSES)
    found = judged(data, network("unit", gain=0.01))
    assert "the confidence is 100 % on 29 of 30 images; with --preprocessing=unit" in found.doubt
    sure = judged(refed(data, "unit"), network("unit", gain=2))
    assert "97 % of the confidences are saturated" in sure.text
    assert not sure.in_doubt


def test_saturation_without_labels_is_noticed() -> None:
    found = judged(source("raw", labels=UNKNOWN), network("unit"))
    assert found.doubt == (
        f"{PREFIX}the confidence is 100 % on all 60 images; with --preprocessing=unit there are 6 "
        "different predictions, mean confidence 99 %; labels would tell"
    )
    assert not judged(source("unit", labels=UNKNOWN), network("unit")).in_doubt


@pytest.mark.parametrize(
    ("head", "units", "given"), [(None, "sigmoid", "a set of labels"), ("regression", None, "numb")]
)
def test_numbers_and_sets_of_labels_are_not_judged(head, units, given) -> None:
    x = keras.Input((SIDE, SIDE, 3))
    y = keras.layers.Dense(CLASSES, activation=units)(keras.layers.Flatten()(x))
    net = as_network(keras.Model(x, y), head)
    found = judged(source("raw"), net)
    assert not found.in_doubt and found.contest is None
    assert found.text.startswith(f"no labels to compare, the model gives {given}")
    assert "inputs run from 20 to 219" in found.text


def test_grey_images_are_tried_in_scales_that_fit_them() -> None:
    x = keras.Input((4, 4, 1))
    net = as_network(keras.Model(x, keras.layers.Dense(2)(keras.layers.Flatten()(x))))
    grey = replace(source("raw"), image_shape=(4, 4, 1))
    names = [other.name for other in preprocessings(grey, net)]
    assert names == [
        f"--preprocessing={name}"
        for name in ("unit", "tf", "centered", "mobilenet", "efficientnet_lite")
    ]


def test_scales_in_an_unusual_order_of_channels_are_tried_in_it() -> None:
    names = {other.name for other in preprocessings(source("raw_bgr"), network())}
    assert {"--preprocessing=raw", "--preprocessing=unit_bgr", "--preprocessing=unit"} <= names
    assert "--preprocessing=raw_bgr" not in names


@pytest.mark.parametrize(
    ("right", "n", "classes", "guessing"),
    [
        (3, 16, 3, True),
        (8, 24, 3, True),
        (16, 24, 3, False),
        (2, 6, 3, True),
        (0, 1, 10, False),  # one image tells nothing
        (6, 8, 2, False),
        (4, 8, 2, True),
        (10, 16, 2, False),  # neither chance nor a fair model can be ruled out
        (38, 64, 2, True),
        (41, 64, 2, False),
        (0, 16, 1000, True),
        (1, 16, 1000, False),
    ],
)
def test_chance_is_told_apart_on_images_enough(right, n, classes, guessing) -> None:
    labels = np.zeros(n, np.int64)
    predicted = (np.arange(n) >= right).astype(np.int64)
    seen = replace(nothing_seen(), labels=labels, predicted=predicted, classes=classes)
    assert at_chance(seen) is guessing


@pytest.mark.parametrize(
    ("right", "n", "classes", "hopeless"),
    [
        (3, 256, 1000, True),  # 16 bits clipped to 8, on efficientnet_lite0
        (26, 256, 1000, False),
        (0, 16, 1000, False),  # a model that is right on a tenth misses sixteen now and then
        (3, 256, 10, False),  # no better than chance says it
    ],
)
def test_next_to_nothing_right_of_many_classes_is_told(right, n, classes, hopeless) -> None:
    labels = np.zeros(n, np.int64)
    predicted = (np.arange(n) >= right).astype(np.int64)
    seen = replace(
        nothing_seen(), labels=labels, predicted=predicted, classes=classes, confidence=0.5 + labels
    )
    assert is_hopeless(seen) is hopeless
    found = Feeding(seen, "classes", suspicions(seen, source(), network()) if hopeless else ())
    assert ("hardly better than chance, 0.1 %" in found.doubt) is hopeless


def answers(right: np.ndarray) -> Seen:
    n = len(right)
    zeros = np.zeros(n, np.int64)
    return Seen(np.arange(n), zeros, 1 - right.astype(np.int64), np.full(n, 0.5), zeros, classes=2)


@pytest.mark.parametrize(("wins", "better"), [(9, False), (10, True)])
def test_an_alternative_is_better_by_an_exact_test_corrected_for_all_that_were_tried(
    wins, better
) -> None:
    """9 of 9 by chance, times thirteen alternatives and two looks: 26 / 512 = 0.0508."""
    own, ahead, hopeless = (answers(np.arange(64) < right) for right in (44, 44 + wins, 0))

    def other(name: str, all_of_it: Seen) -> Alternative:
        def see(asked: Seen) -> Seen:
            return all_of_it.part(asked.positions[0], asked.positions[-1] + 1)

        return Alternative(name, source(), network(), see)

    others = [other("ahead", ahead), *[other("hopeless", hopeless)] * 12]
    found = contest(own, others, lambda seen, _: seen)
    assert (found.trials[0].wins, found.trials[0].losses) == (wins, 0)
    assert [trial.alternative.name for trial in found.better] == ["ahead"] * better
    assert {len(trial.seen) for trial in found.trials[1:]} == {16}


def test_a_small_lead_is_followed_up_on_more_images() -> None:
    """A third of the pictures have their channels the other way round."""
    images = pictures(400)
    turned = np.random.default_rng(0).random(400) < 0.35
    images[turned] = images[turned][..., ::-1]
    net = network("unit")
    found = judged(source("unit_bgr", images=images), net)
    assert len(found.seen) == 256
    assert re.search(r"on 256 images .*; with --preprocessing=unit it is [78]\d % \[", found.doubt)
    hopeless = [trial for trial in found.contest.trials if len(trial.seen) == 16]
    assert len(hopeless) >= 4
    assert not judged(source("unit", images=images), net).in_doubt


# From the command line's settings to the verdict -------------------------------------------------

FAST = {"steps": 1, "explainers": ("gradient",), "epsilon": (4.0,), "num_images": 2, "plateau": 0}


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Pictures, and a model that scales them itself."""
    directory = tmp_path_factory.mktemp("colours")
    unit = PREPROCESSINGS["unit"]
    model(unit, own=unit).save(directory / "m.keras")
    np.savez(directory / "x.npz", images=pictures(60), labels=np.arange(60) % CLASSES)
    return directory


def audited(archive, out, said: list[str], **how):
    given = {"model": str(archive / "m.keras"), "data": f"npz:{archive / 'x.npz'}", **FAST, **how}
    return run_audit(asked(**given), out, say=said.append, progress=False)


@pytest.fixture(scope="module")
def wrong(archive, tmp_path_factory):
    said: list[str] = []
    out = tmp_path_factory.mktemp("wrong")
    return audited(archive, out, said, preprocessing="unit"), said


def test_an_audit_of_a_wrongly_fed_model_says_nothing_but_that(wrong) -> None:
    result, said = wrong
    (verdict,) = result.verdicts
    assert verdict.word == "INCONCLUSIVE"
    assert verdict.reasons[0].kind == "feeding"
    sentence = (
        f"{PREFIX}accuracy 50 % [38, 62] on 60 images (chance 17 %, 6 outputs); "
        "with --preprocessing=raw it is 100 % [94, 100]"
    )
    assert sentence in said_of(verdict)
    plan = said[: said.index("")]
    assert f"DOUBT: {sentence}" in plan
    assert any(line.startswith("feeding, otherwise: on 60 images --preproc") for line in plan)
    tell = "feeding: accuracy 50 % [38, 62] on 60 images (chance 17 %, 6 outputs); the commonest"
    assert sum(line.startswith(tell) for line in said) == 2  # in the plan and below the table
    page = result.report.read_text("utf-8")
    for name in ("Feeding", "Other ways of feeding", "Feeding in doubt"):
        assert f"<dt>{name}</dt>" in page
    assert sentence in page


def test_the_remedy_followed_literally_ends_in_a_right_audit(wrong, archive, tmp_path) -> None:
    flag = re.search(r"--preprocessing=(\S+) it is", said_of(wrong[0].verdicts[0]))
    said: list[str] = []
    (verdict,) = audited(archive, tmp_path / "out", said, preprocessing=flag[1]).verdicts
    assert "feeding" not in [reason.kind for reason in verdict.reasons]
    assert not any(line.startswith("DOUBT") for line in said)
    assert any(line.startswith("feeding: accuracy 100 % [81, 100] on 16 images") for line in said)


def test_where_none_is_right_there_is_nothing_to_audit(archive, tmp_path) -> None:
    np.savez(tmp_path / "x.npz", images=pictures(60), labels=5 - np.arange(60) % CLASSES)
    with pytest.raises(
        InputError, match=r"^None of the 60 images .* nothing to audit; the model seems"
    ):
        audited(archive, tmp_path / "out", [], data=f"npz:{tmp_path / 'x.npz'}", num_images=None)
