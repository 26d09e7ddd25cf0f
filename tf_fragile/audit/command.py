"""The flags of `tf_fragile audit`, and what they run."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from typing import Any, Literal

from absl import flags

from tf_fragile import cli
from tf_fragile.audit import given
from tf_fragile.audit.asked import asked, bare_settings
from tf_fragile.audit.settings import AuditSettings
from tf_fragile.errors import InputError, readable, unknown_name
from tf_fragile.probes.catalog import PROBES
from tf_fragile.settings import WHOLE, check, described, setting

_PATHS = {"model", "weights", "classes"}
_COLUMNS = 120  # where there is no terminal to ask


@dataclass(frozen=True)
class Place:
    """Where an audit's data lie and what it writes, which don't decide its records.

    Attributes:
      data_dir: where prepared TFDS data sets lie.
      gallery: images shown in the report.
      out: the run directory.
      progress: whether bars are drawn.
    """

    data_dir: str | None = setting(None, help="Where prepared TFDS data sets lie.")
    gallery: int = setting(
        8,
        low=0,
        high=WHOLE,
        help="Images shown in the report: the worst, the median and the best.",
    )
    out: str = setting(
        "out/audit",
        read=given.directory,
        help="The run directory; an unfinished run there is finished.",
    )
    progress: Literal["auto", "off"] = setting(
        "auto", help="Bars on a terminal, and elsewhere a line now and then; or off."
    )

    def __post_init__(self) -> None:
        check(self, "--{}")


_SAID_ELSEWHERE = ("imports", "unsafe_load", "asked")  # by `define_model_code`, and by probes


def define_flags() -> None:
    """Defines the command's flags; call once, before they are parsed."""
    cli.define_model_code()
    cli.define_settings(AuditSettings, leave_out=_SAID_ELSEWHERE)
    for name in PROBES.registered():
        if PROBES[name].bare:
            cli.define_settings(PROBES[name].settings, as_text=PROBES[name].as_text)
    cli.define_settings(Place)
    cli.define_cache()
    cli.define_dotted()
    for flag in flags.FLAGS.flags_by_module_dict()["tf_fragile.cli"]:
        flags.declare_key_flag(flag.name)


def main(argv: list[str]) -> int:
    """Runs the audit the flags ask for; returns the exit code."""
    if len(argv) > 1:
        raise InputError(f"Unexpected argument {argv[1]!r}; flags are written --name=value.")
    values = flags.FLAGS
    place = Place(**cli.given_settings(Place))
    if place.progress == "off":
        os.environ["TQDM_DISABLE"] = "1"  # of all bars, that of reading a folder among them
    with cli.quiet_start():
        from tf_fragile.audit.run import run_audit
        from tf_fragile.data.specs import understood
        from tf_fragile.models.saved.user_code import import_code
        from tf_fragile.probes.running import device

        device()
    imports = tuple(str(given.path(target)) for target in values["import"].value or ())
    for target in imports:  # before anything is checked: parts of the user's are known then
        import_code(target)
    chosen = cli.given_settings(AuditSettings, leave_out=_SAID_ELSEWHERE)
    for name in _PATHS:
        chosen[name] = given.path(chosen[name])
    chosen |= {
        "data": understood(values.data),
        "imports": imports,
        "unsafe_load": values.unsafe_load,
    }
    if place.data_dir is not None and not chosen["data"].startswith("tfds:"):
        raise InputError(
            "--data_dir is where TFDS data sets lie, and "
            f"--data={readable(chosen['data'])} is none; leave it out."
        )
    if chosen["data"] != values.data:
        cli.say(f"--data={readable(values.data)} is taken for {readable(chosen['data'])}")
    settings = asked(_of_probes(chosen["bounds"]), **chosen)
    run_audit(
        settings,
        place.out,
        data_dir=given.path(place.data_dir),
        cache=values.cache,
        gallery=place.gallery,
        command=sys.argv,
        say=cli.say,
        progress=place.progress == "auto",
        width=shutil.get_terminal_size((_COLUMNS, 24)).columns,
    )
    return 0


def _of_probes(bounds: tuple[float, float] | None) -> dict[str, dict[str, Any]]:
    """What flags say of probes, by name and setting.

    Raises:
      InputError: an unknown probe or setting, one given twice, or a value that can't be.
    """
    written: dict[str, dict[str, Any]] = {}
    for name, probe in bare_settings().items():
        if name in flags.FLAGS and flags.FLAGS[name].present:
            written.setdefault(probe, {})[name] = flags.FLAGS[name].value
    for probe, name, text in cli.dotted():
        if probe not in PROBES:
            raise InputError(f"--{probe}.{name}: {unknown_name('probe', probe, PROBES)}")
        entry = PROBES[probe]
        own = described(entry.settings)
        if name not in own:
            raise unknown_name(f"setting of {probe}", name, own)
        if name in written.setdefault(probe, {}):
            raise InputError(f"--{probe}.{name} is given twice; give it once.")
        said = f"--{probe}.{name}"
        texts = name in entry.as_text
        written[probe][name] = text.split(",") if texts else own[name].from_text(text, said)
    return {probe: PROBES[probe].understood(own, bounds) for probe, own in written.items()}
