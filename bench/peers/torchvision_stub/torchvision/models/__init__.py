"""The one module that Zennit imports."""
