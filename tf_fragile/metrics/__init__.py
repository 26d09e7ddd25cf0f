"""How alike two explanations are: reductions, similarity metrics, statistics."""
