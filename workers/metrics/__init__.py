"""Measures routes: `istio` and `linkerd` write queries and read answers (pure), `servers` asks, `adapter` is the port.

What never belongs here: limits and verdicts of the product's own; those are the gates of `mesh.domain`.
"""
