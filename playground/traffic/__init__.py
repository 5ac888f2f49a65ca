"""Simulated sidecars: reads the routes of a cluster, rolls the dice of its traffic, shows what real proxies would.

`routing` (what the mesh does with weights), `dice` (how many requests fail) and `series` (the Prometheus text) are
pure; `simulation` joins them; `reader` and `app` do the talking. Never decides anything, never writes to the cluster.
"""
