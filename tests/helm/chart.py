"""The chart as helm renders it, and the cases it is rendered for."""

from __future__ import annotations

import json
import subprocess
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

from playground.cluster.manifests import documents
from tests.e2e.binaries import build

Obj = dict[str, Any]

HOME = Path(__file__).parent
"""Where the go.mod of helm is."""
CHART = Path(__file__).parents[2] / "helm/meshbot"
RELEASE = NAMESPACE = "meshbot"
PROCESSES = ("bot", "clock", "worker")
RUNBOOKS = "https://docs.example.com/meshbot/docs/runbooks.html"
KEDA = {"enabled": True, "address": "redis.example.com:6379"}
SPLIT: Obj = {
    "slack": {"mode": "socket"},
    "redis": {
        "url": "rediss+sentinel://s1.example.com:26379,s2.example.com:26379/meshbot/0",
        "existingSecret": "redis",
        "username": "meshbot",
        "passwordFromSecret": True,
        "sentinel": {"username": "watcher", "passwordFromSecret": True},
        "copies": 1,
        "tls": {"existingSecret": "redis-tls", "certKey": "tls.crt", "keyKey": "tls.key"},
    },
}
CASES: dict[str, Obj] = {
    "default": {},
    "socket": {"slack": {"mode": "socket"}},
    "hooks": {"hooks": {"enabled": True}, "prometheus": {"fromSecret": True}},
    "flagger": {"hooks": {"flagger": True}},
    "tokens": {"worker": {"secretMounts": ["git-tokens", "metrics"], "tmpSize": "2Gi"}},
    "traced": {"log": {"form": "json"}, "tracing": {"endpoint": "http://collector.monitoring:4318"}},
    "redis-tls-acl": {
        "redis": {
            "url": "rediss://redis.example.com:6380/0",
            "username": "meshbot",
            "passwordFromSecret": True,
            "tls": {"existingSecret": "redis-tls"},
        }
    },
    "redis-sentinel": SPLIT,
    "redis-internal": {"redis": {"internal": {"enabled": True}}, "worker": {"keda": {"enabled": True}}},
    "redis-internal-own-secret": {"redis": {"internal": {"enabled": True, "existingSecret": "mine"}}},
    "namespaces": {"rbac": {"scope": "namespaces", "namespaces": ["mesh-demo", "shop"]}},
    "no-rbac": {
        "rbac": {"create": False},
        "serviceAccounts": {who: {"create": False, "name": "mine"} for who in PROCESSES},
    },
    "autoscaled": {"bot": {"autoscaling": {"enabled": True}}, "worker": {"keda": KEDA}},
    "keda-sentinel": {
        "worker": {
            "keda": {
                "enabled": True,
                "sentinels": ["s1.example.com:26379", "s2.example.com:26379"],
                "sentinelMaster": "meshbot",
                "existingSecret": "keda",
                "usernameKey": "user",
                "tls": True,
            }
        }
    },
    "external-secret": {
        "secrets": {
            "externalSecret": {
                "enabled": True,
                "storeRef": {"kind": "ClusterSecretStore", "name": "vault"},
                "data": {
                    "slack-bot-token": {"key": "meshbot", "property": "bot-token"},
                    "slack-signing-secret": {"key": "meshbot", "property": "signing-secret"},
                    "redis-url": {"key": "redis", "version": "2"},
                },
            }
        }
    },
    "monitored": {
        "metrics": {
            "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
            "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}, "runbookBaseUrl": RUNBOOKS},
            "dashboard": {"enabled": True, "annotations": {"grafana_folder": "Mesh"}},
        }
    },
    "ingress": {
        "hooks": {"enabled": True},
        "ingress": {
            "enabled": True,
            "className": "nginx",
            "host": "meshbot.example.com",
            "hooks": True,
            "tlsSecret": "meshbot-tls",
            "annotations": {"cert-manager.io/cluster-issuer": "letsencrypt"},
        },
    },
    "httproute": {
        "hooks": {"enabled": True},
        "httpRoute": {
            "enabled": True,
            "parentRefs": [{"name": "public", "namespace": "gateways", "sectionName": "https"}],
            "hostnames": ["meshbot.example.com"],
            "hooks": True,
        },
    },
    "everything-said": {
        "nameOverride": "mesh",
        "fullnameOverride": "traffic",
        "commonLabels": {"team": "platform"},
        "image": {"repository": "registry.example.com/meshbot", "digest": f"sha256:{'0' * 64}"},
        "imagePullSecrets": [{"name": "pull"}],
        "config": {"existingConfigMap": "mine"},
        "kubeconfig": {"existingSecret": "clusters"},
        "prometheus": {"url": "http://prometheus.monitoring:9090"},
        "podSecurityContext": {"runAsUser": None, "runAsGroup": None, "fsGroup": None},
        "topologySpread": {"whenUnsatisfiable": "DoNotSchedule"},
        "networkPolicy": {
            "allowHttpFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress-nginx"}}}],
            "allowMetricsFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
            "apiServer": {"to": [{"ipBlock": {"cidr": "10.0.0.1/32"}}]},
            "redis": {"to": [{"ipBlock": {"cidr": "10.0.0.2/32"}}]},
            "prometheus": {"to": [{"podSelector": {"matchLabels": {"app": "prometheus"}}}]},
            "git": {"to": [{"ipBlock": {"cidr": "10.0.0.3/32"}}], "ports": [22]},
        },
        **{
            who: {
                "podAnnotations": {"example.com/note": "yes"},
                "podLabels": {"example.com/tier": "chat"},
                "nodeSelector": {"kubernetes.io/os": "linux"},
                "tolerations": [{"key": "dedicated", "operator": "Exists"}],
                "affinity": {"nodeAffinity": {}},
                "priorityClassName": "system-cluster-critical",
                "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
                "extraVolumes": [{"name": "more", "emptyDir": {}}],
                "extraVolumeMounts": [{"name": "more", "mountPath": "/more"}],
                "extraEgress": [{"ports": [{"port": 3128 + PROCESSES.index(who), "protocol": "TCP"}]}],
            }
            for who in PROCESSES
        },
    },
    "little": {
        "networkPolicy": {"enabled": False},
        "topologySpread": {"enabled": False},
        "tests": {"doctor": False},
        **{who: {"podDisruptionBudget": {"enabled": False}} for who in PROCESSES},
    },
}
"""What is asked of the chart → its values; each must be rendered, and be accepted by an API server."""


class HelmFailed(RuntimeError):
    """Helm said no; the message is what it said."""


def helm(*arguments: str, stdin: str = "") -> str:
    """Run helm and return its standard output; raise HelmFailed, and BuildFailed where it cannot be built."""
    binary = build(names=("helm",), home=HOME) / "helm"
    done = subprocess.run([binary, *arguments], input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        raise HelmFailed(done.stderr)
    return done.stdout


def rendered(values: Obj, *arguments: str) -> str:
    """Return what `helm template` makes of these values, as text."""
    given = ("template", RELEASE, str(CHART), "--namespace", NAMESPACE, "--values", "-", *arguments)
    return helm(*given, stdin=json.dumps(values))


@cache
def case(name: str) -> tuple[Obj, ...]:
    """Return the objects of one case of `CASES`; nobody may change them."""
    return tuple(documents(rendered(CASES[name])))


def objects(values: Obj) -> list[Obj]:
    """Return the objects that these values make."""
    return documents(rendered(values))


def pods(objs: list[Obj] | tuple[Obj, ...]) -> dict[str, Obj]:
    """Return every pod by its component or its own name, with what its controller would give it."""
    found = {}
    for obj in objs:
        if obj["kind"] in ("Deployment", "StatefulSet"):
            pod = deepcopy(obj["spec"]["template"])
            for claim in obj["spec"].get("volumeClaimTemplates", []):
                name = claim["metadata"]["name"]
                pod["spec"]["volumes"].append({"name": name, "persistentVolumeClaim": {"claimName": f"{name}-0"}})
            found[obj["metadata"]["labels"]["app.kubernetes.io/component"]] = pod
        elif obj["kind"] == "Pod":
            found[obj["metadata"]["name"]] = obj
    return found
