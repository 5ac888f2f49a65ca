"""Measures one arm: `promql` writes the queries (pure), `prometheus` asks them and turns trouble into words.

What never belongs here: limits and verdicts; those are the gates of `mesh.domain`.
"""
