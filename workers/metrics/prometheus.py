"""One server that speaks Prometheus's query API: the only module that touches `prometheus_api_client`.

Thanos, Mimir and VictoriaMetrics speak it too. Everything that can go wrong becomes `Trouble`, in words for people.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import requests
from prometheus_api_client import PrometheusConnect
from requests.adapters import HTTPAdapter, Retry

from mesh.domain.catalog import MetricsServer
from workers.metrics.token import Token
from workers.metrics.trouble import Trouble, name_of, refusal, stranger

Row = tuple[Mapping[str, str], float]
"""Labels and value of one series."""


@dataclass(frozen=True)
class Question:
    """A query about one moment, or about several in a row whose values are added up."""

    query: str
    at: float = 0.0
    """The last moment, as Unix time in seconds; 0 leaves it to the server."""
    points: int = 1
    step_s: float = 0.0
    """Seconds from one moment to the next."""


class Prometheus:
    """One server. Its connections stay open; several threads may ask at once. Opened by the first question."""

    def __init__(self, url: str, settings: MetricsServer) -> None:
        """Take the base URL, and how to speak to it."""
        address = url.rstrip("/")
        self._library = PrometheusConnect(
            address,
            headers=dict(settings.headers),
            session=_Wire(address, settings),
            auth=_Bearer(Token(settings.token_file)) if settings.token_file else None,
            # `read=False` lets a timeout be a timeout; otherwise it looks like a server that cannot be reached.
            retry=Retry(total=0, read=False),
            method="POST",
        )

    def close(self) -> None:
        """Close its connections."""
        self._library.close()

    def rows(self, question: Question, *, timeout_s: float) -> list[Row]:
        """Return the series of the answer, also those that are not finite. Raises Trouble.

        A scalar is one series without labels.
        """
        result = self._result(question, timeout_s)
        scalar = bool(result) and not isinstance(result[0], dict)
        if question.points == 1 and not scalar and any("values" in item for item in result):
            raise Trouble("the query returned samples over time where one number was expected", everywhere=True)
        try:
            return [({}, float(result[1]))] if scalar else [_row(item) for item in result]
        except (KeyError, TypeError, IndexError, ValueError) as error:
            raise Trouble("Prometheus answered with a sample that is not a number") from error

    def _result(self, question: Question, timeout_s: float) -> list[Any]:
        # VictoriaMetrics would move moments of the last 30 s, and ranges, unless told not to; others do not mind.
        params = {"timeout": f"{math.ceil(timeout_s * 1000)}ms", "nocache": "1"}
        if question.points > 1:
            begin = question.at - (question.points - 1) * question.step_s
            exact = {"start": f"{begin:.3f}", "end": f"{question.at:.3f}", "step": f"{question.step_s:.3f}"}
            # The library rounds moments to seconds; what `params` says goes before.
            now, step = datetime.now(UTC), exact["step"]
            found = self._library.custom_query_range(
                question.query, now, now, step, params=params | exact, timeout=timeout_s
            )
        else:
            at = {"time": f"{question.at:.3f}"} if question.at else {}
            found = self._library.custom_query(question.query, params=params | at, timeout=timeout_s)
        return list(found)


def _row(item: Any) -> Row:
    values = item["values"] if "values" in item else [item["value"]]
    return item["metric"], sum(float(value) for _, value in values)


class _Bearer(requests.auth.AuthBase):
    """Sends a token, also where a netrc file names the server."""

    def __init__(self, token: Token) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token.read()}"
        return request


@dataclass(frozen=True)
class _Answer:
    """A complete, successful answer, as the library reads it."""

    body: Mapping[str, Any]
    status_code: int = 200

    def json(self) -> Mapping[str, Any]:
        return self.body


class _Wire:
    """What the library takes for its HTTP session: a question goes out in a body, and only a whole answer comes back.

    The library would put the query into the address, drop warnings (a partial answer), and read the answer without end.
    """

    cert = None

    def __init__(self, url: str, settings: MetricsServer) -> None:
        self._name = name_of(url)
        self._ca_file = settings.ca_file
        self._session = requests.Session()
        # HTTPS_PROXY is for what is outside, and no gate may hang on it; a netrc file's password is not for metrics.
        self._session.trust_env = False
        if settings.proxy_url:
            self._session.proxies = {"http": settings.proxy_url, "https": settings.proxy_url}
        self.verify: str | bool = settings.ca_file or True

    def mount(self, prefix: str, adapter: HTTPAdapter) -> None:
        self._session.mount(prefix, adapter)

    def close(self) -> None:
        self._session.close()

    def request(self, method: str, url: str, *, params: dict[str, str], timeout: float, **how: Any) -> _Answer:
        deadline = time.monotonic() + timeout
        try:
            try:
                return self._ask(method, url, params, deadline, **how)
            except requests.ConnectionError:
                # A server that was started anew closed what we kept open; one that is away says so again at once.
                return self._ask(method, url, params, deadline, **how)
        except requests.Timeout as error:
            raise Trouble(f"Prometheus did not answer in {timeout:.2g} s") from error
        except requests.exceptions.SSLError as error:
            raise Trouble(f"the certificate of {self._name} is not trusted; see ca_file") from error
        except requests.exceptions.InvalidHeader:
            # Its message holds the header, which may be a secret.
            raise Trouble("a configured header has a value that cannot be sent") from None
        except requests.RequestException as error:
            raise Trouble(f"Prometheus is not reachable at {self._name}") from error
        except OSError as error:
            raise Trouble(f"the certificates in {self._ca_file} cannot be read") from error

    def _ask(self, method: str, url: str, params: dict[str, str], deadline: float, **how: Any) -> _Answer:
        left = deadline - time.monotonic()
        if left <= 0:
            raise requests.Timeout
        # A login page is no metrics server, and a token must not follow where it leads.
        with self._session.request(
            method, url, data=params, timeout=left, stream=True, allow_redirects=False, **how
        ) as response:
            return self._whole(response.status_code, _read(response, deadline))

    def _whole(self, status: int, text: bytes) -> _Answer:
        """Return a complete, successful answer that holds numbers; raise Trouble for anything else."""
        try:
            body = json.loads(text)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise stranger(self._name, status)
        if body.get("status") != "success" or status != 200:
            raise refusal(self._name, status, str(body.get("error", "it gave no reason")))
        data = body.get("data")
        # Remarks on the query itself come as warnings too, since version 2.48.
        missing = [str(said) for said in body.get("warnings") or () if not str(said).startswith("PromQL ")]
        if body.get("isPartial"):
            # So does a cluster of VictoriaMetrics say it.
            missing.append("some of its storage is away")
        if missing:
            raise Trouble(f"Prometheus answered only in part: {'; '.join(missing)}")
        if not isinstance(data, dict) or not isinstance(data.get("result"), list) or data.get("resultType") == "string":
            raise Trouble("Prometheus answered in another shape than numbers")
        return _Answer(body)


def _read(response: requests.Response, deadline: float) -> bytes:
    """Return the whole body; raise Timeout when it drips in so slowly that the deadline passes."""
    pieces = []
    try:
        for piece in response.iter_content(1 << 16):
            pieces.append(piece)
            if time.monotonic() > deadline:
                raise requests.Timeout
    except requests.ConnectionError as error:
        # So does the library tell of a timeout within a body.
        if "timed out" in str(error):
            raise requests.Timeout from error
        raise
    return b"".join(pieces)
