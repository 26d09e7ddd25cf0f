"""Audits of models: what they are asked, on what, and what is said of it. Called, it makes one.

    found = tff.audit(model, (x, y), num_images=12)

The room and what it does have one name, so the module itself is what people call; see
`python.audit` for the arguments.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Audits(ModuleType):
    """A module that can be called."""

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        """`python.audit` of the arguments."""
        from tf_fragile.audit.python import audit

        return audit(*arguments, **settings)


sys.modules[__name__].__class__ = _Audits
