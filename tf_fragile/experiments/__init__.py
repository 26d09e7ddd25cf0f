"""The experiments of the papers: settings, presets, figures."""
