"""Turns the published compressed SqueezeNet v1.0 weights into an .npz archive."""

from __future__ import annotations

from absl import app, flags

from tf_fragile import cli

_SOURCE = flags.DEFINE_string("source", None, "The compressed file, as published.", required=True)
_OUT = flags.DEFINE_string("out", None, "The .npz archive to write.", required=True)


def main(argv: list[str]) -> None:
    """Decodes and saves."""
    if len(argv) > 1:
        raise app.UsageError(f"The argument {argv[1]!r} is not understood; use flags only.")
    # TensorFlow takes seconds to import: wrong flags and --help should answer at once.
    from tf_fragile.models.squeezenet_compressed import convert

    convert(_SOURCE.value, _OUT.value)
    print(_OUT.value)


if __name__ == "__main__":
    cli.run(main)
