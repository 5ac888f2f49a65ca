"""One node of a real cluster: containerd, kubelet and what a control plane has beside the API server.

Everything runs in network, mount and process namespaces of its own (`python -m tests.cluster` makes them): pods get
addresses and services of theirs, and the machine's own network never hears of it.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml

from playground.cluster.manifests import documents
from playground.processes import Child
from tests.cluster.images import PAUSE
from tests.e2e.admin import Admin, until
from tests.e2e.binaries import build
from tests.e2e.servers import servers

ADDRESS = "10.77.0.1"
"""The node's own, in the network that machines of the cluster have."""
OUTSIDE = "203.0.113.1"
"""Also the node's, and to pods an address somewhere in the internet (RFC 5737): what stands for Slack listens there."""
PODS = "10.88.0.0/16"
NAMES = "10.0.0.10"
"""Where pods ask for names: the address of a service, as addons.yaml gives it."""
CGROUP = "meshbot-cluster"
"""What the pods' control groups are below."""
HERE = Path(__file__).parent
PROGRAMS = ("kubelet", "kube-controller-manager", "kube-scheduler", "kube-proxy")
ADDONS = ("coredns", "kube-router")
CNI = Path("/usr/lib/cni")
_KEPT = ("/run/containerd", "/run/netns", "/var/lib/cni", "/var/lib/kubelet", "/var/log/containers")
"""Where containerd, its plugins and kubelet write whatever they are told."""
_START_S = 90.0
_VOLUMES = 4
_NEVER = dict.fromkeys(("memory.available", "nodefs.available", "nodefs.inodesFree", "imagefs.available"), "0%")


@contextmanager
def cluster(directory: Path, images: Sequence[Path]) -> Iterator[Path]:
    """Run a cluster of one node that has these images (OCI archives), and yield the administrator's kubeconfig.

    Yields when the node is ready. Whoever ends the namespaces ends all of it.
    """
    _network()
    for path in _KEPT:
        # Seen here alone: what they would leave in the machine's own directories goes with the mounts.
        Path(path).mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", path], check=True, capture_output=True, timeout=30)
    for group in groups():
        group.mkdir(exist_ok=True)
    binaries, addons = build(names=PROGRAMS), build(names=ADDONS, home=HERE)
    with ExitStack() as stack:
        kubeconfig = stack.enter_context(servers(directory / "control", node=ADDRESS))
        ca, key = kubeconfig.with_name("cert.pem"), kubeconfig.with_name("key.pem")

        started: list[Child] = []

        def run(name: str, *argv: str | Path) -> None:
            words = [str(word) for word in argv]
            started.append(stack.enter_context(Child(name, words, log_path=directory / f"{name}.log")))

        run(
            "controllers", binaries / "kube-controller-manager", f"--kubeconfig={kubeconfig}", f"--root-ca-file={ca}",
            f"--service-account-private-key-file={key}", "--use-service-account-credentials", "--leader-elect=false",
        )  # fmt: skip
        run("scheduler", binaries / "kube-scheduler", f"--kubeconfig={kubeconfig}", "--leader-elect=false")
        run("proxy", binaries / "kube-proxy", f"--config={_written(directory / 'proxy.yaml', _proxy(kubeconfig))}")
        _containerd(directory / "containerd", images, stack)
        kubelet = _written(directory / "kubelet.yaml", _kubelet(directory))
        run(
            "kubelet", binaries / "kubelet", f"--config={kubelet}", f"--kubeconfig={kubeconfig}",
            f"--root-dir={directory / 'kubelet'}", f"--cert-dir={directory / 'kubelet-certificates'}",
            "--hostname-override=node", f"--node-ip={ADDRESS}",
        )  # fmt: skip
        admin = Admin(kubeconfig)
        try:
            until(lambda: _is_ready(admin), "the node was never ready", timeout_s=_START_S)
            # It ends where it does not find its node.
            run(
                "router", addons / "kube-router", f"--kubeconfig={kubeconfig}", "--hostname-override=node",
                "--run-firewall", "--run-router=false", "--run-service-proxy=false",
                "--service-cluster-ip-range=10.0.0.0/24",
            )  # fmt: skip
            _addons(admin, directory)
        except AssertionError as error:
            error.add_note(_said(directory))
            raise
        yield kubeconfig
        assert all(child.running for child in started), _said(directory)


def _addons(admin: Admin, directory: Path) -> None:
    for obj in documents((HERE / "addons.yaml").read_text(encoding="utf-8")):
        admin.apply(obj)
    for number in range(_VOLUMES):
        # A directory of the host gets no group of the pod's, as a real volume does.
        path = directory / f"volume{number}"
        path.mkdir()
        path.chmod(0o777)
        spec = {"capacity": {"storage": "10Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": str(path)}}
        admin.apply({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": path.name}, "spec": spec})
    dns = "/apis/apps/v1/namespaces/kube-system/deployments/coredns"
    until(lambda: admin.must("GET", dns)["status"].get("readyReplicas") == 1, "no names are told", timeout_s=_START_S)


def _network() -> None:
    """Give this network namespace an address of the node's, and let it pass on what pods send."""
    for line in (
        "ip link set lo up",
        "ip link add node0 type bridge",
        f"ip address add {ADDRESS}/24 dev node0",
        f"ip address add {OUTSIDE}/32 dev node0",
        "ip link set node0 up",
        "ip route add default dev node0",
        "sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1",
    ):
        subprocess.run(line.split(), check=True, capture_output=True, timeout=30)


def groups() -> list[Path]:
    """Return the control groups below which kubelet makes those of the pods: one, or with version 1 one a hierarchy."""
    root = Path("/sys/fs/cgroup")
    if (root / "cgroup.controllers").exists():
        return [root / CGROUP]
    return [hierarchy / CGROUP for hierarchy in root.iterdir() if hierarchy.is_dir()]


def _containerd(home: Path, images: Sequence[Path], stack: ExitStack) -> None:
    config = home / "config.toml"
    networks = home / "networks"
    networks.mkdir(parents=True)
    bridge = {
        "type": "bridge", "bridge": "cni0", "isGateway": True, "hairpinMode": True,
        "ipam": {"type": "host-local", "ranges": [[{"subnet": PODS}]], "routes": [{"dst": "0.0.0.0/0"}],
                 "dataDir": str(home / "addresses")},
    }  # fmt: skip
    conflist = {"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge]}
    (networks / "pods.conflist").write_text(json.dumps(conflist))
    config.write_text(f"""\
version = 2
root = "{home}/root"
state = "{home}/state"
[grpc]
  address = "{home}/socket"
[plugins."io.containerd.internal.v1.opt"]
  path = "{home}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CNI}"
    conf_dir = "{networks}"
""")
    child = stack.enter_context(Child("containerd", ["containerd", "--config", str(config)], log_path=home / "log"))
    child.wait_ready(lambda: _listens(home / "socket"))
    for image in images:
        load(home, image)


def load(home: Path, image: Path) -> None:
    """Give the node whose containerd is at `home` an image, from an archive."""
    where = (f"--address={home / 'socket'}", "--namespace=k8s.io")
    subprocess.run(["ctr", *where, "images", "import", str(image)], check=True, capture_output=True, timeout=300)


def _kubelet(directory: Path) -> dict[str, Any]:
    outside = directory / "resolv.conf"
    outside.write_text("")
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": ADDRESS,
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "containerRuntimeEndpoint": f"unix://{directory}/containerd/socket",
        "clusterDNS": [NAMES],
        "clusterDomain": "cluster.local",
        "resolvConf": str(outside),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{CGROUP}",
        # The machine that this runs on may still have the first version; production has not.
        "failCgroupV1": False,
        "failSwapOn": False,
        "evictionHard": _NEVER,
        "imageGCHighThresholdPercent": 100,
        "localStorageCapacityIsolation": False,
        "podLogsDir": str(directory / "pod-logs"),
        "nodeStatusUpdateFrequency": "2s",
    }


def _proxy(kubeconfig: Path) -> dict[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clusterCIDR": PODS,
        "hostnameOverride": "node",
        "clientConnection": {"kubeconfig": str(kubeconfig)},
        "conntrack": {"maxPerCore": 0},
    }


def _written(path: Path, content: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(content))
    return path


def _said(directory: Path) -> str:
    """The ends of all logs."""
    return "\n".join(
        f"{path}:\n{path.read_text()[-3000:]}" for path in sorted(directory.rglob("*log")) if path.is_file()
    )


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
        probe.connect(str(path))
        return True
    return False


def _is_ready(admin: Admin) -> bool:
    found = admin.do("GET", "/api/v1/nodes/node")
    conditions = found.body["status"].get("conditions", ()) if found.status == 200 else ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
