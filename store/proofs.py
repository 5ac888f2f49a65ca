"""What the step-up check said yes to, in Redis: a yes that one worker heard counts for all of them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict

import redis

from mesh.domain.stepups import Question, StepUp
from store import keys
from store.connection import translated


class RedisProofs:
    """Implements `ports.Proofs`; Redis forgets each yes by itself."""

    def __init__(self, redis: redis.Redis) -> None:
        self._redis = redis

    def stands(self, rule: StepUp, question: Question) -> bool:
        """Tell whether a yes to this still counts; raise Unavailable."""
        with translated():
            return bool(self._redis.exists(_key(rule, question)))

    def keep(self, rule: StepUp, question: Question) -> None:
        """Remember a yes for `rule.valid_for_s`, and nothing where that is less than a millisecond; Unavailable."""
        if (lasts_ms := int(rule.valid_for_s * 1000)) < 1:
            return
        with translated():
            self._redis.set(_key(rule, question), b"yes", px=lasts_ms)


def _key(rule: StepUp, question: Question) -> str:
    """Return the key of one yes: another rule, person, operation, verb, target or plan has another one.

    Hashed, for the address of the other system may hold a secret.
    """
    about = json.dumps([asdict(rule), asdict(question)], sort_keys=True)
    return keys.proof(hashlib.sha256(about.encode()).hexdigest())
