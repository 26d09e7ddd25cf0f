"""An attack: hyper-parameters when it is made, data when it is called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from tf_fragile.attacks.constraints import NORMS
from tf_fragile.attacks.cost import Cost, forward_equivalents, price
from tf_fragile.attacks.given import Given, check_call, given_to
from tf_fragile.attacks.kept import kept_by
from tf_fragile.attacks.loop import Loop
from tf_fragile.attacks.loops import Loops
from tf_fragile.attacks.objectives import Objective
from tf_fragile.attacks.optimizers import Optimizer, Secant, Sign
from tf_fragile.attacks.outcome import outcome
from tf_fragile.attacks.problem import clean, make_problem
from tf_fragile.attacks.result import AttackResult
from tf_fragile.attacks.search import Progress, Search
from tf_fragile.attacks.secant import check_symmetric
from tf_fragile.attacks.selection import SELECTIONS, check_rule, reported_k
from tf_fragile.attacks.trusting import as_secant, corrected, course, secant_step
from tf_fragile.data.ranges import InputRange
from tf_fragile.errors import InputError, shown
from tf_fragile.explainers.contract import Method, Thinnable
from tf_fragile.explainers.doubts import sentences, unsaid
from tf_fragile.explainers.entry import Price
from tf_fragile.explainers.explainer import Explainer
from tf_fragile.metrics.readouts import DEFAULT, READOUTS, check_read_out, read_out
from tf_fragile.settings import LARGE, MOST, MOST_ROWS, SMALL, WHOLE, check, setting
from tf_fragile.surrogates import NoSurrogate, Softplus, Surrogate

# What each part of an attack is asked for first.
_PARTS = {"objective": "fixed", "optimizer": "propose", "surrogate": "apply"}


@dataclass(frozen=True, eq=False)
class Attack:
    """A search for the label-keeping perturbation that changes a map the most.

    Attributes:
      objective: what is done to the map.
      optimizer: how the input moves.
      surrogate: the network whose derivative is taken.
      norm: of the ball, `"linf"` or `"l2"`.
      select: the rule of `SELECTIONS` by which the worst iterate is kept; the objective's own
        where `None`.
      k: of the reported top-k intersection; the objective's, or `default_k` of the map's size.
      grid: iterates are rounded to multiples of this many input units, counted from the smallest
        valid value, before they are scored and kept: 1 for grey levels, which is what an image
        file can hold; `None` for no rounding.
      points: how many path points or noise draws a step's derivative uses, for methods that
        average; all of the method's where `None`. Scoring uses all of them.
      restarts: runs, the first from the clean input, the others from random points of the ball;
        the worst is kept. An objective whose gradient is zero at the clean input starts at random.
      rows: images times radii in memory at once. Halved where it does not fit into memory; results
        agree up to rounding.
      segment: steps between two chances to report progress or be interrupted.
      fixed_chunks: whether every chunk has exactly `rows` rows, the last one filled up at full
        cost, so that to the bit no image's result depends on the size of its batch: for runs that
        are cut into parts. Without it a chunk has as many rows as there are.
      gate: `"auto"` checks the model's derivatives, once, before they are followed, and rewrites
        layers or takes the secant optimiser where they are wrong; `"off"` declines that, for
        models whose derivatives have been checked. The result's `notes` say what came of it.
      tolerance: how far a regression's outputs may move, in their units; for no other model.
      channel_axis: of the inputs, the batch being axis 0; the network's where `None`.
      readout: what of a map is attacked and measured, a name of `READOUTS`: `"sum_abs"` (the
        paper's) folds the channels of pictures [B, H, W, C] and signals [B, T, C] and keeps the
        entries of rows [B, F], `"entries"` keeps every entry.
    """

    objective: Objective
    optimizer: Optimizer = field(default_factory=Sign)
    surrogate: Surrogate = field(default_factory=Softplus)
    norm: str = setting("linf", choices=tuple(NORMS), named="attack norm")
    select: str | None = setting(None, choices=tuple(SELECTIONS), named="selection rule")
    k: int | None = setting(None, low=1, high=WHOLE)
    grid: float | None = setting(None, low=1e-6, high=1e6, unit="in input units")
    points: int | None = setting(None, low=1, high=MOST)
    restarts: int = setting(1, low=1, high=1000)
    rows: int = setting(8, low=1, high=MOST_ROWS)
    segment: int = setting(25, low=1, high=MOST)
    fixed_chunks: bool = False
    gate: Literal["auto", "off"] = setting("auto", named="gate of an attack")
    tolerance: float | None = setting(None, low=SMALL, high=LARGE)
    channel_axis: int | None = setting(None, low=-32, high=32)
    readout: str = setting(DEFAULT, choices=READOUTS.registered, named="readout")

    def __post_init__(self) -> None:
        for name, does in _PARTS.items():
            if not hasattr(getattr(self, name), does):
                raise InputError(
                    f"The {name} of an attack is {shown(getattr(self, name))}; make it of names "
                    "by tff.attack, or give one of tff.attacks."
                )
        check(self, "{} of an attack")

    def __call__(
        self,
        explainer: Explainer,
        x: Any,
        target: Any = None,
        *,
        epsilon: float | Sequence[float] | np.ndarray,
        bounds: tuple[float, float] | InputRange,
        seed: Any = 0,
        progress: Progress | None = None,
    ) -> AttackResult:
        """Attacks every image at every radius.

        Args:
          explainer: whose maps are attacked.
          x: clean inputs [B, ...] in model units, a single tensor.
          target: the class explained, as for an explainer; `None` for the predicted one. The
            label kept is always the model's own prediction for the clean input.
          epsilon: one radius or several, in input units (grey levels for pictures), or [E, B]
            where every image has its own.
          bounds: the valid range: an `InputRange`, or (low, high) of a model fed in input units.
          seed: int or [B] ints, as for an explainer.
          progress: called with the number of row-steps done since the last call.

        Raises:
          InputError: a radius that is not positive, inputs out of range, a map too small for k,
            an objective that does not fit the maps, an optimiser that does not fit the method,
            derivatives that can't be followed, a regression without a tolerance.
        """
        check_call(explainer, progress)
        given = given_to(
            explainer, x, target, epsilon, bounds, seed, tolerance=self.tolerance,
            channel_axis=self.channel_axis, chunked=self._chunks(explainer).each,
        )  # fmt: skip
        taken = course(self.optimizer, self.surrogate, self.gate, explainer, given)
        attack = self
        if taken.kind == "corrected":
            attack = self.corrected
        elif taken.kind == "secant":
            attack = self.by_secant(secant_step(given.limits))
        with unsaid():
            return attack._run(explainer, given, taken.notes, progress)

    def _run(
        self,
        explainer: Explainer,
        given: Given,
        notes: tuple[str, ...],
        progress: Progress | None,
    ) -> AttackResult:
        """The attack on inputs that have been checked, by derivatives that have been."""
        search = self._chunks(explainer)
        doubts: list[str] = []

        def clean_map(rows: Any) -> tf.Tensor:
            maps = explainer(*rows)
            doubts.extend(explainer.doubts(rows[0], rows[1], maps))
            read = read_out(maps, given.axis, self.readout)
            check_read_out(read, maps, self.readout)
            return tf.cast(read, given.x.dtype)

        reference = search.each(clean_map, (given.x, given.target, given.seeds))
        notes += tuple(sentences(explainer.name, tuple(doubts[: given.x.shape[0]])))
        self.objective.check(reference.shape)
        check_rule(self._rule, reference.shape)
        loop = self.loop(explainer, reported_k(self.k, self.objective, reference.shape))
        margins, scales = search.each(lambda rows: clean(loop, *rows), (given.x, given.label))
        problem = make_problem(
            self.objective, given.limits, given.levels, given.x, given.target, given.label,
            reference, given.seeds, margins, scales,
        )  # fmt: skip
        state, scores, rows = search(loop, problem, progress)
        found = outcome(
            loop, given, problem, state, scores, rows, self.cost, self.price(explainer), notes
        )
        return replace(found, doubts=tuple(doubts[: given.x.shape[0]]))

    def loop(self, explainer: Explainer, k: int) -> Loop:
        """The compiled loop for `explainer` and the `k` of its top-k overlap, made once."""
        return self._loops.get(explainer, k, lambda: self._loop(explainer, k))

    def _loop(self, explainer: Explainer, k: int) -> Loop:
        if isinstance(self.optimizer, Secant):
            check_symmetric(explainer.name, explainer.method)
        network, (method, redraw) = explainer.network, self._thinned(explainer.method)
        given = self.channel_axis
        return Loop(
            explainer=explainer,
            stand_in=replace(explainer, method=method, network=self.surrogate.apply(network)),
            surrogate=self.surrogate,
            objective=self.objective,
            optimizer=self.optimizer,
            norm=self.norm,
            select=self._rule,
            k=k,
            grid=self.grid,
            redraw=redraw,
            kept=kept_by(network, self.tolerance),
            channel_axis=network.channel_axis if given is None else given,
            readout=self.readout,
            free_batch=not self._chunks(explainer).fill,
        )

    @property
    def _rule(self) -> str:
        return self.objective.select if self.select is None else self.select

    # Neither is a field, so that `replace` makes an attack that has no other's loops.
    @cached_property
    def _loops(self) -> Loops:
        return Loops()

    @cached_property
    def _by_secant(self) -> dict[float, Attack]:
        return {}

    @cached_property
    def corrected(self) -> Attack:
        """The same attack, with derivatives of the network that the gate has corrected."""
        return replace(self, surrogate=corrected(self.surrogate))

    def by_secant(self, h: float) -> Attack:
        """The same attack with as many steps of the secant, `h` in input units."""
        if h not in self._by_secant:
            self._by_secant.clear()
            self._by_secant[h] = replace(
                self, optimizer=as_secant(self.optimizer, h), surrogate=NoSurrogate()
            )
        return self._by_secant[h]

    def _chunks(self, explainer: Explainer) -> Search:
        """How rows are gone through; a model of a fixed batch takes chunks of just that."""
        batch = explainer.network.fixed_batch
        return Search(
            rows=self.rows if batch is None else batch,
            fill=self.fixed_chunks or batch is not None,
            halve=batch is None,
            restarts=self.restarts,
            segment=self.segment,
        )

    def _thinned(self, method: Method) -> tuple[Method, bool]:
        """The method whose derivative is taken, and whether it draws anew at every step."""
        if self.points is None or not isinstance(method, Thinnable):
            return method, False
        return method.thinned(self.points), method.redraws

    def price(self, explainer: Explainer) -> Price:
        """Of a map of `explainer` and of a derivative, which may use fewer points than the map."""
        thinned, _ = self._thinned(explainer.method)
        return Price(
            price(explainer.name, explainer.method.evaluations).map,
            price(explainer.name, thinned.evaluations).derivative,
        )

    def forwards(self, explainer: Explainer) -> float:
        """Forward passes of one image at one radius that the attack amounts to, without pulls."""
        return forward_equivalents(self.cost, self.price(explainer))

    def longer(self, times: int) -> Attack:
        """The same attack with `times` as many steps."""
        optimizer: Any = self.optimizer
        return replace(self, optimizer=replace(optimizer, steps=times * optimizer.steps))

    @property
    def row_steps(self) -> int:
        """Steps of one image at one radius, over all restarts."""
        return self.restarts * self.optimizer.steps

    @property
    def cost(self) -> Cost:
        """What one image at one radius costs, without the steps drawn back to the label."""
        steps, one = self.restarts * self.optimizer.steps, self.optimizer.cost
        return Cost(steps * one.derivatives, steps * (one.maps + 1), steps * one.gradients)
