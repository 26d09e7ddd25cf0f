"""Every explainer under one attack at one radius."""
