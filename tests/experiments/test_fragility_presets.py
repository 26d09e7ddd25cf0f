from __future__ import annotations

import pytest

from tf_fragile.errors import InputError
from tf_fragile.experiments.fragility.budgets import PRESETS, preset
from tf_fragile.experiments.fragility.flags import by_method
from tf_fragile.experiments.fragility.presets import Preset
from tf_fragile.experiments.frame.flags import numbers
from tf_fragile.experiments.frame.presets import PRESET_NAMES


def work(chosen: Preset) -> float:
    """Gradients of the network that a figure takes, up to a factor."""
    return sum(
        chosen.of(method).num_images
        * chosen.of(method).steps
        * len(chosen.epsilon)
        * chosen.of(method).settings.get("steps", 1)
        for method in chosen.methods
    )


@pytest.mark.parametrize("figure", list(PRESETS))
def test_every_figure_has_the_three_presets_and_each_costs_more_than_the_last(figure: str) -> None:
    assert tuple(PRESETS[figure]) == PRESET_NAMES
    quick, cpu, paper = (work(PRESETS[figure][name]) for name in PRESET_NAMES)
    assert 0 < quick < cpu < paper


@pytest.mark.parametrize("figure", list(PRESETS))
def test_the_paper_preset_is_the_papers_protocol(figure: str) -> None:
    paper = PRESETS[figure]["paper"]
    for method in paper.methods:
        assert (paper.of(method).steps, paper.of(method).step_size) == (300, 0.5)
    assert paper.of("integrated_gradients").settings == {"steps": 100, "rule": "right"}
    # Max pools as in the authors' code, and the bounded rule at the first layer.
    assert paper.of("deeplift_rescale").settings == {"max_pool": "gradient"}
    assert paper.of("deep_taylor").settings == {"first": "box"}
    assert (paper.beta, paper.random) == (1.0, "one_shot")
    # The objectives' own rules: intersection for top-k, centre shift for mass-center.
    assert paper.select is None


def test_the_papers_imagenet_figure_has_its_images_radii_and_k() -> None:
    paper = PRESETS["imagenet"]["paper"]
    assert {paper.of(method).num_images for method in paper.methods} == {512}
    assert (paper.epsilon, paper.k) == ((1, 2, 4, 8), 1000)
    assert PRESETS["cifar"]["paper"].k == 100


def test_the_columns_are_the_papers_and_deep_taylor_stands_beside_the_gradients_own_runs() -> None:
    columns = ("gradient", "deeplift_rescale", "integrated_gradients")
    for figure in ("imagenet", "cifar", "examples", "targeted", "gallery", "objectives"):
        assert all(chosen.methods == columns for chosen in PRESETS[figure].values()), figure
    for name in PRESET_NAMES:
        beside = PRESETS["dtd"][name]
        assert beside.methods == ("gradient", "deep_taylor")
        assert beside.of("gradient") == PRESETS["imagenet"][name].of("gradient")


@pytest.mark.parametrize("name", PRESET_NAMES)
@pytest.mark.parametrize("figure", list(PRESETS))
def test_every_attack_has_steps_enough_to_reach_its_largest_radius(figure: str, name: str) -> None:
    chosen = PRESETS[figure][name]
    for method in chosen.methods:
        budget = chosen.of(method)
        assert budget.steps * budget.step_size >= max(chosen.epsilon), method


def test_an_override_reaches_every_method_and_leaves_the_rest() -> None:
    before, chosen = PRESETS["imagenet"]["cpu"], preset("imagenet", "cpu", steps=7, k=50)
    for method in chosen.methods:
        assert chosen.of(method).steps == 7
        assert chosen.of(method).num_images == before.of(method).num_images
    assert chosen.k == 50 and chosen.epsilon == before.epsilon


def test_an_override_by_method_reaches_only_that_one() -> None:
    before = PRESETS["imagenet"]["cpu"]
    chosen = preset("imagenet", "cpu", num_images={"gradient": 3}, ig_steps=9)
    assert chosen.of("gradient").num_images == 3
    assert (
        chosen.of("integrated_gradients").num_images == before.of("integrated_gradients").num_images
    )
    assert chosen.of("integrated_gradients").settings["steps"] == 9
    assert "steps" not in chosen.of("gradient").settings


def test_a_further_explainer_takes_the_general_budget() -> None:
    chosen = preset("imagenet", "cpu", methods=("gradient", "vargrad"))
    assert chosen.of("vargrad") == chosen.of("gradient")


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"epsilon": (-1.0,)}, "--epsilon is -1.0; give"),
        ({"epsilon": (2.0, 1.0)}, "increase"),
        ({"num_images": 0}, "--num_images is 0; give"),
        ({"step_size": 0.0}, "--step_size is 0.0; give"),
        ({"num_images": {"gradent": 3}}, "did you mean gradient"),
        ({"methods": ("gradient", "gradient")}, "names one twice"),
        ({"stepz": 3}, "did you mean"),
        ({"random": "gauss"}, "random control"),
        ({"rows": 0}, "--rows is 0; give"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(overrides: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        preset("imagenet", "cpu", **overrides)


def test_unknown_figures_and_presets_suggest_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean imagenet"):
        preset("imagnet", "cpu")
    with pytest.raises(InputError, match="did you mean paper"):
        preset("imagenet", "papre")


def test_flags_with_one_value_or_one_for_each_method_are_read() -> None:
    assert by_method("steps", None, int) is None
    assert by_method("steps", ["7"], int) == 7
    assert by_method("steps", ["gradient=7", "vargrad=8"], int) == {"gradient": 7, "vargrad": 8}
    assert numbers("epsilon", ["1", "2.5"], float) == (1.0, 2.5)


@pytest.mark.parametrize("texts", [["7.5"], ["gradient=x"], ["gradient=7", "8"]])
def test_flags_that_cannot_be_read_are_named(texts: list[str]) -> None:
    with pytest.raises(InputError, match="--steps has"):
        by_method("steps", texts, int)


def test_a_chunk_is_no_larger_than_what_a_shard_can_fill() -> None:
    many = preset("imagenet", "cpu")
    assert many.rows_at_once == many.rows == 16 == many.shard_size * len(many.epsilon)
    few = preset("gallery", "cpu")
    assert few.rows_at_once == few.shard_size == 2 < few.rows
    assert preset("imagenet", "cpu", rows=3).rows_at_once == 3
