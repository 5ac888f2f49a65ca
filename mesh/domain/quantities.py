"""Weights as they stand in objects: whole numbers, or the quantities of SMI v1alpha1.

A quantity is counted in thousandths (its suffix `m`), so that `900m` beside `1` is 900 beside 1000. Format: Kubernetes
API conventions, "Resource quantities"; only what a share of traffic can mean is read: no sign, no binary suffixes.
"""

from __future__ import annotations

import re

from mesh.domain.errors import Refused

Weight = int | str
"""What stands in an object: 90, or `"900m"`."""

THOUSAND = 1000
_QUANTITY = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,9}))?(m|k)?")
_SCALE: dict[str | None, int] = {None: THOUSAND, "m": 1, "k": THOUSAND * THOUSAND}


def thousandths(weight: Weight) -> int:
    """Return a quantity in thousandths: 900 for `900m`, 1000 for `1`; raise Refused for anything else."""
    found = _QUANTITY.fullmatch(str(weight))
    if found is None:
        raise Refused(
            f"{weight!r} is not a weight that can be read.",
            hint="Write it as a plain quantity: 1, 0.9 or 900m.",
        )
    whole, fraction, suffix = found.groups()
    digits = fraction or ""
    scaled = int(whole + digits) * _SCALE[suffix]
    parts, rest = divmod(scaled, int(10 ** len(digits)))
    if rest:
        raise Refused(f"{weight!r} is finer than a thousandth.", hint="Write it in whole thousandths, like 900m.")
    return parts


def as_quantity(parts: int) -> str:
    """Return thousandths as Kubernetes writes them: `900m`, or `1` for a whole number."""
    whole, rest = divmod(parts, THOUSAND)
    return f"{parts}m" if rest else str(whole)
