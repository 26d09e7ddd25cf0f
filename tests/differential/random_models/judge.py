"""One model against Keras: right, refused with a sentence, or wrong."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import tensorflow as tf

from random_models.attacked import check_attack
from random_models.checks import Wrong, check_deeplift, check_gradient, check_lrp
from random_models.subject import Subject, kept_state
from tf_fragile.backprop.network import Network, as_network
from tf_fragile.errors import InputError

Check = Callable[[Subject, Network], None]


CHECKS: dict[str, Check] = {
    "gradient": check_gradient,
    "lrp_epsilon": check_lrp,
    "deeplift_rescale": check_deeplift,
    "attack": check_attack,
}


@dataclass(frozen=True)
class Verdict:
    """What is said of one model.

    Attributes:
      kind: `"right"`; `"refused"` where not even the gradient was given; `"wrong"`.
      what: of a wrong one, the check and the kind of fault; of a refused one, the sentence.
      detail: numbers, or a traceback.
      checks: each check that ran, `"right"`, `"wrong"` or the sentence of its refusal.
    """

    kind: str
    what: str = ""
    detail: str = ""
    checks: dict[str, str] = field(default_factory=dict)


def judge(
    subject: Subject, attack: bool = False, compiled: bool = False, without: tuple[str, ...] = ()
) -> Verdict:
    """Every check on one model; the first wrong one names the verdict.

    Args:
      subject: the model, its inputs and its twins.
      attack: whether an attack is run, too.
      compiled: whether explainers are traced, as users run them. Tracing is most of the time, so
        it is for some models only; the others run operation by operation.
      without: checks that are left out.
    """
    checks = {k: v for k, v in CHECKS.items() if attack or k != "attack"}
    checks = {name: check for name, check in checks.items() if name not in without}
    said: dict[str, str] = {}
    wrong: list[Verdict] = []
    with _quietly(eager=not (compiled or subject.grouped)), kept_state(subject.model):
        network = _network(subject)
        if isinstance(network, Verdict):
            return network
        for name, check in checks.items():
            said[name], verdict = _outcome(name, check, subject, network)
            wrong += [verdict] if verdict else []
            if said.get("gradient", "right") not in ("right", "wrong"):
                break
    if wrong:
        return Verdict("wrong", wrong[0].what, wrong[0].detail, said)
    refusal = said.get("gradient", "right")
    if refusal == "right":
        return Verdict("right", checks=said)
    return Verdict("refused", refusal, checks=said)


def _network(subject: Subject) -> Network | Verdict:
    """The engine's network, made once for all checks, or why there is none."""
    try:
        return as_network(subject.model)
    except InputError as error:
        return Verdict("refused", str(error), "", {"gradient": str(error)})
    except Exception as error:
        trace = traceback.format_exc()
        return Verdict("wrong", f"gradient: crash, {crash(error)}", trace, {"gradient": "wrong"})


def _outcome(
    name: str, check: Check, subject: Subject, network: Network
) -> tuple[str, Verdict | None]:
    try:
        with kept_state(subject.model):
            check(subject, network)
        return "right", None
    except InputError as error:
        return str(error), None
    except Wrong as error:
        return "wrong", Verdict("wrong", f"{name}: {error.what}", error.detail)
    except Exception as error:
        trace = traceback.format_exc()
        return "wrong", Verdict("wrong", f"{name}: crash, {crash(error)}", trace)


def crash(error: Exception) -> str:
    """The class of an error and the line of the package where it came up."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "tf_fragile/" in f.filename]
    place = ours[-1] if ours else frames[-1]
    return f"{type(error).__name__} in {place.filename.rsplit('/', 1)[-1]} {place.name}"


@contextmanager
def _quietly(eager: bool) -> Iterator[None]:
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(eager)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        tf.config.run_functions_eagerly(before)
