"""Many seeds, one line a model, and the table of what was said."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import partial
from typing import Any

from random_models.generator import draw
from random_models.judge import CHECKS, Verdict, judge
from random_models.shrink import shrink
from random_models.subject import Subject

ATTACKED, COMPILED = 10, 10  # every so many seeds


def verdict_of(seed: int, sparing: bool = False) -> tuple[Subject, Verdict]:
    """The model of `seed`, judged; every tenth is attacked, every tenth traced.

    Args:
      seed: of the model.
      sparing: LRP for even seeds and DeepLIFT for odd ones, not both for all.
    """
    subject = draw(seed)
    left_out = ("deeplift_rescale", "lrp_epsilon")[seed % 2 : seed % 2 + 1] if sparing else ()
    return subject, judge(subject, seed % ATTACKED == 0, _traced(seed), left_out)


def smallest(seed: int, subject: Subject, verdict: Verdict) -> Subject:
    """A wrong model shrunk, only the check that it failed asked again."""
    check = verdict.what.split(":")[0]
    others = tuple(name for name in CHECKS if name != check)
    again = partial(judge, attack=check == "attack", compiled=_traced(seed), without=others)
    return shrink(subject, verdict, again)


def _traced(seed: int) -> bool:
    return seed % COMPILED == 5


def wrong_models(seeds: Iterable[int]) -> list[str]:
    """Each kind of fault, with numbers, the shrunk program of its first seed, and all its seeds."""
    programs: dict[str, str] = {}
    found: dict[str, list[int]] = {}
    for seed in seeds:
        subject, verdict = verdict_of(seed, sparing=True)
        if verdict.kind == "wrong":
            found.setdefault(verdict.what, []).append(seed)
            if verdict.what not in programs:
                programs[verdict.what] = explained(seed, subject, verdict)
    return [f"{text}\nwrong alike: seeds {found[what]}" for what, text in programs.items()]


def explained(seed: int, subject: Subject, verdict: Verdict) -> str:
    """A wrong verdict for people: what, numbers, and a program to run."""
    least = smallest(seed, subject, verdict)
    return f"seed {seed}: {verdict.what}\n{verdict.detail}\n\n{least.source.code}"


def record(seed: int, small: bool = True) -> dict[str, Any]:
    """One line of a campaign."""
    subject, verdict = verdict_of(seed)
    line: dict[str, Any] = {
        "seed": seed,
        "kind": verdict.kind,
        "what": verdict.what,
        "checks": verdict.checks,
        "head": subject.recipe.head,
        "policy": subject.recipe.policy,
    }
    if verdict.kind == "wrong":
        least = smallest(seed, subject, verdict) if small else subject
        line |= {"detail": verdict.detail, "code": least.source.code}
    return line


def table(lines: Iterable[dict[str, Any]]) -> str:
    """Counts a check, then every distinct refusal and fault with its count, as Markdown."""
    lines = list(lines)
    kinds = Counter(line["kind"] for line in lines)
    checks: dict[str, Counter[str]] = {}
    refusals: Counter[tuple[str, str]] = Counter()
    for line in lines:
        for check, said in line["checks"].items():
            answer = said if said in ("right", "wrong") else "refused"
            checks.setdefault(check, Counter())[answer] += 1
            if answer == "refused":
                refusals[check, general(said)] += 1
    faults = Counter(line["what"] for line in lines if line["kind"] == "wrong")
    rows = ["| check | right | refused | wrong |", "|---|---|---|---|"]
    for check, counts in {"model": kinds, **checks}.items():
        rows.append(f"| {check} | {counts['right']} | {counts['refused']} | {counts['wrong']} |")
    rows += ["", "Wrong:", *(f"{n:5d}  {what}" for what, n in faults.most_common())]
    rows += ["", "Refused:"]
    rows += [f"{n:5d}  {check}: {text}" for (check, text), n in refusals.most_common()]
    return "\n".join(rows)


def general(sentence: str) -> str:
    """A sentence without the numbers that only tell one layer from the next."""
    return re.sub(r"_\d+(?=')", "", sentence)
