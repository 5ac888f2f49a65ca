"""A certificate for servers on loopback, which is its own authority."""

from __future__ import annotations

import ssl
import subprocess
from http.server import ThreadingHTTPServer
from pathlib import Path


class Papers:
    """A key and its certificate, made by openssl."""

    def __init__(self, directory: Path) -> None:
        """Make them."""
        self.certificate, self._key = directory / "server.crt", directory / "server.key"
        words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=loopback -addext subjectAltName=IP:127.0.0.1"
        files = ["-keyout", str(self._key), "-out", str(self.certificate)]
        subprocess.run(["openssl", *words.split(), *files], check=True, capture_output=True)

    def serve(self, server: ThreadingHTTPServer) -> str:
        """Let a server speak TLS; returns the scheme of its address."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self._key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        return "https"
