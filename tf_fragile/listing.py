"""`tf_fragile list KIND`: the registered parts, with what each is, costs and needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from absl import flags

from tf_fragile import cli
from tf_fragile.errors import InputError
from tf_fragile.registry import Registry

Table = tuple[tuple[str, ...], ...]


def _explainers() -> Table:
    from tf_fragile.explainers.catalog import EXPLAINERS, names

    rows = []
    for name in names():
        entry = EXPLAINERS[name]
        times = f" x {entry.points.setting}" if entry.points else ""
        cost = f"{entry.price.map:g} / {entry.price.derivative:g}{times}"
        rows.append((name, cost, entry.preconditions or "-", entry.line))
    return (("explainer", "forward passes, map / derivative", "needs", "what"), *rows)


def _attacks() -> Table:
    from tf_fragile.attacks.objectives import OBJECTIVES, arrays_of
    from tf_fragile.attacks.optimizers import OPTIMIZERS
    from tf_fragile.explainers.entry import first_line

    rows = []
    for name, objective in OBJECTIVES.items():
        arrays = arrays_of(objective)
        needs = f"{', '.join(arrays)}, from Python" if arrays else "-"
        rows.append((name, "the optimizer's", needs, first_line(objective)))
    for name, optimizer in OPTIMIZERS.items():
        one = optimizer().cost
        counts = {"derivative": one.derivatives, "map": one.maps + 1, "gradient": one.gradients}
        cost = " + ".join(f"{n:g} {what}{'s' * (n > 1)}" for what, n in counts.items() if n)
        rows.append((name, cost, "-", f"Optimizer. {first_line(optimizer)}"))
    return (("attack", "a step", "needs", "what"), *rows)


def _metrics() -> Table:
    from tf_fragile.metrics.catalog import METRICS

    rows = []
    for name in METRICS.registered():
        metric = METRICS[name]
        what = f"{metric.title}: {metric.text}" if metric.text else metric.title
        rows.append((name, metric.better, metric.unit or "-", what))
    return (("metric", "better", "unit", "what"), *rows)


def _probes() -> Table:
    from tf_fragile.probes.catalog import PROBES
    from tf_fragile.settings import described

    rows = []
    for name in PROBES.registered():
        settings = described(PROBES[name].settings)
        bare = "" if PROBES[name].bare else f"{name}."
        said = ", ".join(f"--{bare}{setting}" for setting in settings)
        rows.append((name, PROBES[name].question, said or "-"))
    return (("probe", "what it asks", "settings"), *rows)


def _figures() -> Table:
    from tf_fragile.experiments.catalog import FIGURES

    rows = [(name, FIGURES[name].paper, FIGURES[name].text) for name in FIGURES.registered()]
    return (("figure", "paper", "what it shows"), *rows)


LISTINGS: Registry[Callable[[], Table]] = Registry("kind of part")
LISTINGS.register("explainers", _explainers)
LISTINGS.register("probes", _probes)
LISTINGS.register("attacks", _attacks)
LISTINGS.register("metrics", _metrics)
LISTINGS.register("figures", _figures)


def define_flags() -> None:
    """Defines the command's flags; call once, before they are parsed."""
    cli.define_import()
    flags.declare_key_flag("import")


def main(argv: list[str]) -> int:
    """Prints the parts of the kind that `argv` names; returns the exit code."""
    if len(argv) != 2:
        raise InputError(f"Say what to list, one of {', '.join(LISTINGS)}: tf_fragile list KIND.")
    listing = LISTINGS[argv[1]]
    with cli.quiet_start():
        from tf_fragile.models.saved.user_code import import_code
    for target in flags.FLAGS["import"].value or ():
        import_code(target)
    for line in lines(listing()):
        cli.say(line)
    return 0


def lines(table: Sequence[Sequence[str]]) -> list[str]:
    """A table with its columns aligned, the last one as long as it is."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
