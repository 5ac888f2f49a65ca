"""Writes the file that points kubectl and the Python client at a stand-in cluster."""

from __future__ import annotations

import yaml


def kubeconfig_text(url: str) -> str:
    """Return a kubeconfig (YAML) whose only context, `playground`, is the cluster at `url`; there is no token."""
    name = "playground"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": url}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": "default"}}],
        "users": [{"name": name, "user": {}}],
    }
    return yaml.safe_dump(config, sort_keys=False)
