"""Pretends: a whole world on one machine, for `meshbot demo` and for tests.

A stand-in Slack with a page, a stand-in cluster, simulated sidecar traffic, a real redis-server and a real Prometheus.
Never imported by another room, except by the `meshbot demo` command and by tests.
"""
