"""Why maps are fragile: the Hessian of the score, and the closed forms of the appendices."""
