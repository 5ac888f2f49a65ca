"""Digests as they come: samples to draw."""

from __future__ import annotations

from mesh.domain.commands import Target
from mesh.domain.digests import Edition, Item, Kind, grouped, part
from mesh.domain.scopes import Scope
from mesh.domain.weeks import Deed, Outcome, week_of

AT = 1764493200.0
"""Sunday, 30 November 2025, 9:00 UTC."""
DAY = 86_400.0
API, WEB, PAY = (Target("prod", "shop", name) for name in ("api", "web", "pay"))


def deeds() -> list[Deed]:
    """A lively week."""
    moments = [(0.2, API, 0), (0.3, WEB, 0), (1.1, API, 0), (1.2, API, 1), (2.5, PAY, 0), (2.6, PAY, 2), (5.0, WEB, 0)]
    kinds = tuple(Outcome)
    return [Deed(f"op-{at}", AT - at * DAY, target, kinds[kind]) for at, target, kind in moments]


CALM = Edition("daily", AT, "UTC", Scope(), 12)
FULL = Edition(
    "daily",
    AT,
    "Europe/Berlin",
    Scope(("prod",), ("shop*",)),
    42,
    parts=(
        part(
            Kind.ROLLOUTS,
            [
                Item("prod/shop/api", "step 2 of 4 (v2 at 25 %), baking", AT - 4000, "U0JIN", "op-k3v9x2m4ta"),
                Item(
                    "prod/shop/web",
                    "step 1 of 3 (v2 at 5 %), held: no traffic reached v2",
                    AT - 2 * DAY,
                    "U0ANA",
                    "op-b7w4n8q2rs",
                ),
            ],
        ),
        part(
            Kind.WAITING,
            [Item("prod/shop/pay", "promote to v2 50 %, 1 of 2 votes", AT - 900, "U0JIN", "op-c8x5p9r3tu")],
        ),
        part(Kind.FREEZES, [Item("prod/shop/*", "until 18:00, end of quarter", AT - DAY, "U0ANA")]),
        part(
            Kind.DRIFT,
            [Item("prod/shop/cart", "v1 60 % / v2 40 %, changed by kubectl-edit; meshbot wrote v1=50 v2=50")],
        ),
        part(Kind.OFF_REST, [Item("prod/shop/mail", "v1 90 % / v2 10 %", AT - 3 * DAY, operation="op-d9y6q2s4uv")]),
        grouped(Kind.BLIND, [("prod/shop/mail", "no traffic in 5 min"), ("prod/shop/cron", "no traffic in 5 min")]),
    ),
    week=week_of(deeds(), AT, "Europe/Berlin"),
    troubles=("Routes of cluster far are not known: The API server of cluster far does not answer",),
)
MANY = Edition(
    "weekly",
    AT,
    "UTC",
    Scope(),
    1000,
    parts=(
        part(
            Kind.OFF_REST,
            [Item(f"prod/shop/{'x' * 40}-{number:04}", "v1 90 % / v2 10 %", AT - number) for number in range(1000)],
        ),
        grouped(Kind.BLIND, [(f"prod/shop/s{number:04}", "no metrics server is configured") for number in range(1000)]),
    ),
    week=week_of(
        [
            Deed(f"op-{at}", AT - at * 600, Target("prod", "shop", f"s{at % 90}"), Outcome.PROMOTION)
            for at in range(900)
        ],
        AT,
        "UTC",
    ),
)
EDITIONS = {"calm": CALM, "full": FULL, "many": MANY}


def hostile(text: str) -> Edition:
    """A digest in which everything that others may write is `text`."""
    items = [Item(text, text, AT, by=text, operation=text) for _ in range(30)]
    return Edition(
        text,
        AT,
        "UTC",
        Scope((text,), (text,), (text,)),
        1,
        parts=(
            *(part(kind, items) for kind in Kind if kind is not Kind.BLIND),
            grouped(Kind.BLIND, [(text, text)] * 30),
        ),
        week=week_of(
            [Deed("op-1", AT - at, Target(text, text, text + str(at)), Outcome.ROLLBACK) for at in range(20)], AT, "UTC"
        ),
        troubles=(text,) * 20,
    )
