"""The images that the cluster's node has: ours, built by a real engine from the Dockerfile, and what runs beside it.

No registry is asked: what others would pull is put together from Debian's packages and given the same name. The two
bases of our image are made of the very packages that they are made of elsewhere, Redis is Debian's, and the examples'
workload and what holds a pod's namespaces are BusyBox.
"""

from __future__ import annotations

import ast
import hashlib
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.e2e.binaries import CERTIFICATE, cache
from tests.e2e.binaries import build as binaries
from tests.image.dockerfile import ROOT

OURS = "meshbot:0.1.0"
SUITE = "trixie"
"""Debian 13, as the Dockerfile says."""
DEBIAN = "docker.io/library/debian:13-slim"
BARE = "gcr.io/distroless/python3-debian13:nonroot"
REDIS = "docker.io/library/redis:8.2-alpine"
PAUSE = "meshbot.dev/pause:1"
DNS = "meshbot.dev/coredns:1"
WORKLOAD = "docker.io/kennethreitz/httpbin:latest"
PACKAGES = (
    "base-files,ca-certificates,libbz2-1.0,libc6,libcrypt1,libexpat1,libffi8,libgcc-s1,liblzma5,libncursesw6,libnsl2,"
    "libpython3.13-minimal,libpython3.13-stdlib,libreadline8t64,libsqlite3-0,libssl3t64,libstdc++6,libtinfo6,"
    "libtirpc3t64,libuuid1,media-types,netbase,python3-minimal,python3.13-minimal,tzdata,zlib1g"
)
"""Of the image without a shell."""
HERE = Path(__file__).parent
SLACK = "slack.com"
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_YEARS = "87600h"
_MOST_MB = 10_000
_AUTHORITIES = Path("etc/ssl/certs/ca-certificates.crt")
_BUSYBOX = Path("/bin/busybox")
# What the build is told of this machine's ways to the packages, and the image is not.
_WAYS = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pip.conf")


class Engine:
    """Buildah, with images of its own that later runs find again; no daemon, and nobody's registry."""

    def __init__(self) -> None:
        made_of = known_by(Path(__file__).read_text(), (_BUSYBOX, "/" / _AUTHORITIES))
        self.home = cache(HERE) / f"images-{made_of}"
        self.home.mkdir(parents=True, exist_ok=True)

    def __call__(self, *words: str | Path) -> str:
        """Run one command of Buildah's and return what it prints; AssertionError with what it says when it fails."""
        where = (f"--root={self.home / 'store'}", f"--runroot={self.home / 'run'}", "--storage-driver=overlay")
        # It leaves mounts behind, so it has its own.
        argv = ["unshare", "--mount", "--propagation=private", "buildah", *where, *map(str, words)]
        alone = {"BUILDAH_ISOLATION": "chroot", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(self.home)}
        done = subprocess.run(argv, cwd=ROOT, env=alone, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(argv)}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout.strip()

    @property
    def certificate(self) -> Path:
        """Of what stands for Slack; our image trusts it, as one that is built in a company trusts its authority."""
        return self.home / "cert.pem"

    def has(self, name: str) -> bool:
        """Whether an image of that name is there."""
        return bool(self("images", "--quiet", "--filter", f"reference={name}"))

    def add(self, name: str, tree: Path, *config: str) -> None:
        """Make an image of one layer."""
        container = self("from", "scratch")
        self("add", container, tree, "/")
        self("config", *config, container)
        self("commit", "--quiet", "--rm", container, name)


class _Wordless(ast.NodeTransformer):
    """Takes away what a program says and does not do; comments are no part of its tree to begin with."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        """Leave out what is only a text."""
        return None if isinstance(node.value, ast.Constant) else node


def known_by(program: str, taken: Iterable[Path]) -> str:
    """Return what images are found again by: all that the program which makes them does, and the files it takes.

    Versions of what is built of Go are in the place that they lie in. Words about the program make no image. Whatever
    else is changed in it makes every image anew, also where it would not have to: nobody has to tell which line is
    about which.
    """
    does = ast.dump(_Wordless().visit(ast.parse(program))).encode()
    parts = (does, *(path.read_bytes() for path in taken))
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()[:16]


def archives(place: Path) -> list[Path]:
    """Make every image and return them as archives in `place`; the first time takes some four minutes."""
    _tidy()
    engine = Engine()
    for name, make in OTHERS.items():
        if not engine.has(name):
            make(engine)
    build(engine)
    place.mkdir(parents=True, exist_ok=True)
    return [save(engine, name, place) for name in OTHERS if name not in (DEBIAN, BARE)]


def _tidy() -> None:
    """Take away what was made in another way, and our own when layers of old builds have become too many."""
    for home in cache(HERE).glob("images-*"):
        size = int(subprocess.run(["du", "-sm", home], capture_output=True, text=True, check=True).stdout.split()[0])
        if home != Engine().home or size > _MOST_MB:
            shutil.rmtree(home)


def build(engine: Engine, *words: str) -> None:
    """Do what `docker build --tag meshbot:0.1.0 .` does."""
    system = engine.home / "uv.toml"
    system.write_text("system-certs = true\n")
    ways = [f"--volume={path}:{path}:ro" for path in _WAYS if Path(path).exists()]
    ways.append(f"--volume={system}:/etc/uv/uv.toml:ro")
    engine(
        "build",
        "--pull-never",
        "--layers",
        "--format=docker",
        "--network=host",
        *ways,
        *(words or ("--tag", OURS, ".")),
    )


def save(engine: Engine, name: str, place: Path) -> Path:
    """Write an image into an archive in `place`, under the name that a node looks it up by; return the archive."""
    archive = place / f"{hashlib.sha256(name.encode()).hexdigest()[:8]}.tar"
    archive.unlink(missing_ok=True)
    # What names no registry is Docker's own; Buildah calls that localhost.
    plain = "/" not in name
    source, known = (f"localhost/{name}", f"docker.io/library/{name}") if plain else (name, name)
    engine("push", "--quiet", source, f"docker-archive:{archive}:{known}")
    return archive


# --- what others would pull ------------------------------------------------------------------------------------------


def _debian(engine: Engine) -> None:
    engine.add(DEBIAN, _packages(engine, "minbase", "ca-certificates"), f"--env={_PATH}")


def _redis(engine: Engine) -> None:
    engine.add(REDIS, _packages(engine, "minbase", "redis-server,redis-tools"), f"--env={_PATH}")


def _bare(engine: Engine) -> None:
    """Python and the libraries it needs: no shell, no package manager, nobody but root and a user without rights."""
    tree = engine.home / "bare"
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir()
    subprocess.run(["tar", "--extract", "--file", _packages(engine, "extract", PACKAGES), "-C", tree], check=True)
    for path in (*tree.glob("usr/bin/*"), *tree.glob("usr/sbin/*")):
        if not path.name.startswith("python3"):
            path.unlink()
    # Perl is there for the scripts of Debian's package manager alone.
    for pattern in (
        "var/lib/dpkg",
        "var/cache",
        "usr/share/doc",
        "usr/share/man",
        "usr/share/perl*",
        "usr/lib/*/perl*",
    ):
        for path in tree.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    (tree / _AUTHORITIES).parent.mkdir(parents=True, exist_ok=True)
    generator = binaries(names=(CERTIFICATE,)) / CERTIFICATE
    subprocess.run([generator, "--host", SLACK, "--ca", "--duration", _YEARS], cwd=engine.home, check=True)
    authorities = (Path("/") / _AUTHORITIES).read_text() + engine.certificate.read_text()
    (tree / _AUTHORITIES).write_text(authorities)
    user = "nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin"
    (tree / "etc/passwd").write_text(f"root:x:0:0:root:/root:/sbin/nologin\n{user}\n")
    (tree / "etc/group").write_text("root:x:0:\nnonroot:x:65532:\n")
    engine.add(BARE, tree, f"--env={_PATH}", "--user=65532", '--entrypoint=["/usr/bin/python3"]')


def _pause(engine: Engine) -> None:
    engine.add(PAUSE, _busybox(engine), '--entrypoint=["/bin/busybox", "sleep", "2147483647"]')


def _workload(engine: Engine) -> None:
    """Answers at port 80, which is all that the examples ask of it."""
    serve = '--entrypoint=["/bin/busybox", "httpd", "-f", "-p", "80"]'
    # As the first process it hears no SIGTERM, and nobody waits for it.
    engine.add(WORKLOAD, _busybox(engine), serve, "--stop-signal=KILL")


def _dns(engine: Engine) -> None:
    tree = engine.home / "dns"
    tree.mkdir(exist_ok=True)
    shutil.copy(binaries(names=("coredns",), home=HERE) / "coredns", tree / "coredns")
    engine.add(DNS, tree, '--entrypoint=["/coredns"]')


def _busybox(engine: Engine) -> Path:
    tree = engine.home / "busybox"
    (tree / "bin").mkdir(parents=True, exist_ok=True)
    shutil.copy(_BUSYBOX, tree / "bin/busybox")
    return tree


def _packages(engine: Engine, variant: str, names: str) -> Path:
    """Return packages of Debian 13 with what they need, installed (`minbase`) or only unpacked (`extract`)."""
    archive = engine.home / f"{variant}-{hashlib.sha256(names.encode()).hexdigest()[:8]}.tar"
    argv = ["mmdebstrap", "--quiet", f"--variant={variant}", f"--include={names}", SUITE, str(archive)]
    done = subprocess.run([*argv, *_sources()], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(argv)}\n{done.stderr[-3000:]}"
    return archive


def _sources() -> list[str]:
    """The lines for apt: Debian 13 from where this machine's own packages come."""
    told = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]
    known = subprocess.run(told, capture_output=True, text=True, check=True).stdout.split()
    suites = {"/debian/": (SUITE, f"{SUITE}-updates"), "/debian-security/": (f"{SUITE}-security",)}
    signed = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    found = {
        f"deb {signed} {uri} {suite} main"
        for uri in known
        for end in suites
        if uri.endswith(end)
        for suite in suites[end]
    }
    return sorted(found)


OTHERS = {
    DEBIAN: _debian,
    BARE: _bare,
    REDIS: _redis,
    PAUSE: _pause,
    DNS: _dns,
    WORKLOAD: _workload,
}
"""Image -> what makes it."""
