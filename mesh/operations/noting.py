"""Refusals on record, with a bound: who is turned away again and again must not make the audit log grow for ever."""

from __future__ import annotations

from typing import Any

from mesh.ports import Bucket, Buckets, Operations


def note(operations: Operations, buckets: Buckets, facts: dict[str, Any], *, most: int = 1, about: str = "") -> bool:
    """Append the refusal, unless `most` of this kind were noted for this person within the last minute; tell whether.

    The first is always on record; of each thing, where it says `about` what it is. What is left out was refused all the
    same. Raises Unavailable.
    """
    if buckets.take(Bucket(f"noted:{facts['step']}:{facts['actor']}:{about}", most)):
        return False
    operations.audit(facts)
    return True
