"""Decides: the rules of meshbot, free of any I/O library.

`domain` holds values and pure rules; `operations` the verbs, which reach the world through `ports` only.
Never here: Redis, Slack, Kubernetes or Prometheus clients, settings, Slack words.
"""
