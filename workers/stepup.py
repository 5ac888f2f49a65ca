"""Asking the step-up check: one POST, one small JSON answer, in time or it is no. The only module that speaks to it."""

from __future__ import annotations

import json
import logging
import threading
import time
from typing import Any
from urllib.parse import urlsplit

import requests

from mesh.domain.stepups import Proof, Question, StepUp
from mesh.ports import Proofs
from workers.metrics.token import Token
from workers.metrics.trouble import Trouble

MOST_BYTES = 16_384
"""Bytes of an answer that are read."""
MOST_WORDS = 300
"""Characters that are kept of a reason."""
MOST_URL = 2000

log = logging.getLogger(__name__)


class HttpProver:
    """Implements `ports.Prover`; a yes is remembered as long as it is valid, for every worker, and never a no."""

    def __init__(self, proofs: Proofs) -> None:
        self._proofs = proofs
        self._session = requests.Session()
        # Nothing of the machine's environment (netrc, proxies) belongs into a question about a person.
        self._session.trust_env = False
        self._tokens: dict[str, Token] = {}
        self._lock = threading.Lock()

    def ask(self, rule: StepUp, question: Question) -> Proof:
        """Return what the other system says; what goes wrong with it is a no with its trouble.

        Raises Unavailable when it cannot be told whether it said yes before, or a yes may not be on record.
        """
        if self._proofs.stands(rule, question):
            return Proof(True, "said before, and still valid")
        proof = self._ask(rule, question)
        if proof.allow:
            self._proofs.keep(rule, question)
        return proof

    def _ask(self, rule: StepUp, question: Question) -> Proof:
        try:
            proof = _read(self._answer(rule, question))
        except Trouble as error:
            proof = Proof(trouble=str(error))
        except requests.Timeout:
            proof = Proof(trouble=f"it did not answer in {rule.timeout_s:g} s")
        except requests.exceptions.SSLError:
            proof = Proof(trouble="its certificate is not trusted")
        except (requests.RequestException, OSError) as error:
            # The error's own words may hold the address, and with it a secret.
            proof = Proof(trouble=f"it cannot be reached ({type(error).__name__})")
        if proof.trouble:
            log.warning("the step-up check of %s gave no answer: %s", question.operation, proof.trouble)
        return proof

    def _answer(self, rule: StepUp, question: Question) -> bytes:
        deadline = time.monotonic() + rule.timeout_s
        headers = {"Authorization": f"Bearer {self._token(rule.token_file)}", "Accept": "application/json"}
        with self._session.post(
            rule.url,
            json=_asked(question),
            headers=headers,
            timeout=rule.timeout_s,
            # A login page is no answer, and the token must not follow where it leads.
            allow_redirects=False,
            stream=True,
            verify=rule.ca_file or True,
        ) as response:
            if response.status_code != 200:
                raise Trouble(f"it answered with HTTP {response.status_code}")
            body = b""
            # Byte by byte, for the answer is short: a larger piece is waited for, however slowly it drips in.
            for piece in response.iter_content(1):
                body += piece
                if time.monotonic() > deadline:
                    raise requests.Timeout
                if len(body) > MOST_BYTES:
                    raise Trouble("its answer is too long")
            return body

    def _token(self, path: str) -> str:
        with self._lock:
            return self._tokens.setdefault(path, Token(path)).read()


def _asked(question: Question) -> dict[str, Any]:
    target = question.target
    return {
        "user": question.user,
        "person": question.person,
        "operation": question.operation,
        "verb": question.verb,
        "target": {"cluster": target.cluster, "namespace": target.namespace, "service": target.service},
        "plan": question.plan,
    }


def _read(body: bytes) -> Proof:
    """Return what an answer says; raise Trouble for one of another form: `allow` must be true or false itself."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise Trouble("its answer is no JSON") from None
    if not isinstance(said, dict) or not isinstance(said.get("allow"), bool):
        raise Trouble("its answer does not say `allow: true` or `false`")
    reason, url = said.get("reason") or "", said.get("url") or ""
    if not isinstance(reason, str) or not isinstance(url, str):
        raise Trouble("its answer has a reason or an address that is no text")
    return Proof(said["allow"], reason[:MOST_WORDS], url if _leads_somewhere(url) else "")


def _leads_somewhere(url: str) -> bool:
    """Tell whether people may be sent there: an https address, without anything that a chat would read otherwise."""
    if len(url) > MOST_URL or not url.isascii() or not url.isprintable() or set(url) & set(" <>|\"'`\\"):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc
