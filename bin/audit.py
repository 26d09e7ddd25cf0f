"""Audits the explanations of a model: the same as `tf_fragile audit`."""

from __future__ import annotations

import sys

from tf_fragile.__main__ import main

if __name__ == "__main__":
    sys.argv.insert(1, "audit")
    main()
