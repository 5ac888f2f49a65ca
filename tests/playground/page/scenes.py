"""What the fixture server tells the page: people, channels and messages with every kind of block."""

from __future__ import annotations

import time
from typing import Any

Json = dict[str, Any]

HOSTILE = (
    "<img src=x onerror=window.pwned=1> <script>window.pwned=1</script> *<svg/onload=window.pwned=1>* "
    "<javascript:window.pwned=1|press me> <https://ok.example/?a=1&amp;b=2|safe &lt;b&gt;> <data:text/html,x|data> "
    "`<img src=x onerror=window.pwned=1>` &lt;b&gt;bold&lt;/b&gt; &amp;lt;"
)
HALF = "██████████░░░░░░░░░░"
CARD_BARS = f"```\nv1  {HALF}   90 % -> 50 %\nv2  {HALF}   10 % -> 50 %\n```"
CARD_GATES = (
    "*Gates over 5 min, v2 against v1*\n```\n"
    "pass     success   99.93 %  (at least 99 %)   12 431 requests\n"
    "pass     p99       182 ms   (at most 500 ms)\n"
    "unknown  errors    2 100 more requests needed, about 3 min\n"
    "```"
)
START = time.time() - 1500


def ts(seconds: float) -> str:
    """Return a message id `seconds` after the scene began."""
    return f"{START + seconds:.6f}"


def state() -> Json:
    """Answer of /page/state."""
    everyone = ["U01JIN", "U02MARA", "U03OLE", "U04GUEST"]
    return {
        "team": {"id": "T01", "name": "Northwind SRE"},
        "bot": {"id": "U0BOT", "name": "meshbot"},
        "people": [
            _person("U01JIN", "jin", "Jin Park", "SRE, on call"),
            _person("U02MARA", "mara", "Mara Okafor", "SRE lead, may approve"),
            _person("U03OLE", "ole", "Ole Lindqvist", "Developer, api"),
            _person("U04GUEST", "guest", "Kim Vendor", "Contractor", "is_restricted"),
        ],
        "channels": [
            _channel("C01DEPLOY", "deploys", "public", "Moving traffic, one step at a time", [*everyone, "U0BOT"]),
            _channel("C02INCIDENT", "incidents", "public", "Only while something burns", [*everyone, "U0BOT"]),
            _channel("C03RANDOM", "random", "public", "", everyone),
            _channel("C04LEADS", "sre-leads", "private", "Approvals", ["U02MARA", "U0BOT"]),
            _channel("D01JIN", "meshbot", "im", "", ["U01JIN", "U0BOT"]),
            _channel("D02MARA", "meshbot", "im", "", ["U02MARA", "U0BOT"]),
        ],
        "usergroups": [{"id": "S01SRE", "handle": "sre"}],
        "commands": [
            {"command": "/mesh", "description": "Move mesh traffic", "usage_hint": "promote api 50 | status | undo"}
        ],
        "completions": [
            {"insert": "/mesh status", "hint": "what every service's traffic looks like"},
            {"insert": "/mesh promote api 50", "hint": "half of the traffic to v2"},
            {"insert": "/mesh promote api 100", "hint": "all of the traffic to v2"},
            {"insert": "/mesh rollback api", "hint": "all of the traffic back to v1, now"},
            {"insert": "/mesh help", "hint": "what can be asked"},
        ],
    }


def _person(uid: str, name: str, real_name: str, title: str, *flags: str) -> Json:
    return {"id": uid, "name": name, "real_name": real_name, "title": title, "flags": list(flags)}


def _channel(cid: str, name: str, kind: str, topic: str, members: list[str]) -> Json:
    return {
        "id": cid,
        "name": name,
        "kind": kind,
        "topic": topic,
        "members": members,
        "bot_is_member": "U0BOT" in members,
    }


def message(at: float, by: str, text: str, /, **more: Any) -> Json:
    """One message of #deploys; `more` overrides any field."""
    names = {"U01JIN": "jin", "U02MARA": "mara", "U03OLE": "ole", "U0BOT": "meshbot", "USLACKBOT": "slackbot"}
    base: Json = {
        "ts": ts(at),
        "channel": "C01DEPLOY",
        "thread_ts": None,
        "reply_count": 0,
        "author": {"id": by, "name": names[by], "is_bot": by == "U0BOT"},
        "text": text,
        "blocks": [],
        "ephemeral_to": None,
        "edited": False,
        "notice": False,
    }
    return {**base, **more}


def mrkdwn(text: str) -> Json:
    """A mrkdwn text object."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def button(action_id: str, text: str, **more: Any) -> Json:
    """A button element."""
    return {"type": "button", "action_id": action_id, "text": {"type": "plain_text", "text": text}, **more}


def card(title: str = "Promoting api to v2 50 %") -> list[Json]:
    """The living card of a promotion."""
    when = int(START) + 60
    clock = f"<!date^{when}^{{time_secs}}|12:04:31 UTC>"
    confirm = {
        "title": {"type": "plain_text", "text": "Roll back api?"},
        "text": mrkdwn("All traffic goes back to *v1* at once. This needs no approval."),
        "confirm": {"type": "plain_text", "text": "Roll back"},
        "deny": {"type": "plain_text", "text": "Keep going"},
        "style": "danger",
    }
    return [
        {"type": "header", "block_id": "head", "text": {"type": "plain_text", "text": title}},
        {"type": "context", "elements": [mrkdwn("prod / mesh-demo · VirtualService `api`")]},
        {"type": "section", "text": mrkdwn(CARD_BARS)},
        {"type": "section", "text": mrkdwn(CARD_GATES)},
        {
            "type": "section",
            "fields": [
                mrkdwn("*Asked by*\n<@U01JIN>, “hotfix 4412”"),
                mrkdwn("*Approved by*\n<@U02MARA> :white_check_mark: yes"),
            ],
        },
        {"type": "context", "elements": [mrkdwn(f"{clock} queued · {clock} patched · {clock} split seen 49.6 %")]},
        {
            "type": "actions",
            "block_id": "card",
            "elements": [
                button("approve", "Approve", style="primary"),
                button("rollback", "Roll back", style="danger", confirm=confirm),
                button("undo", "Undo"),
                button("details", "Details"),
            ],
        },
    ]


def gallery() -> list[Json]:
    """Every other block, and one that no page knows."""
    options = [{"text": {"type": "plain_text", "text": word}, "value": word} for word in ("v1", "v2", "v3")]
    cell = {"type": "raw_text"}
    bold = {"bold": True}
    return [
        {"type": "section", "text": mrkdwn("*Services* in `mesh-demo`"), "accessory": button("refresh", "Refresh")},
        {"type": "divider"},
        {
            "type": "table",
            "column_settings": [{}, {"align": "right"}, {"align": "right"}],
            "rows": [
                [{**cell, "text": text} for text in row]
                for row in (("Service", "v1", "v2"), ("api", "50 %", "50 %"), ("checkout", "100 %", "0 %"))
            ],
        },
        {
            "type": "markdown",
            "text": "### Notes\n- **api** waits for more requests\n- see [the runbook](https://example.org/run)",
        },
        {
            "type": "rich_text",
            "elements": [
                {
                    "type": "rich_text_section",
                    "elements": [
                        {"type": "text", "text": "Ask ", "style": bold},
                        {"type": "user", "user_id": "U02MARA"},
                        {"type": "text", "text": " first "},
                        {"type": "emoji", "name": "eyes"},
                    ],
                },
                {
                    "type": "rich_text_preformatted",
                    "elements": [{"type": "text", "text": f"v1 {HALF} 50 %"}],
                },
            ],
        },
        {
            "type": "image",
            "image_url": "/page/chart.svg",
            "alt_text": "Share of v2 over time",
            "title": {"type": "plain_text", "text": "Share of v2"},
        },
        {
            "type": "actions",
            "block_id": "pick",
            "elements": [
                {
                    "type": "static_select",
                    "action_id": "arm",
                    "placeholder": {"type": "plain_text", "text": "Choose an arm"},
                    "options": options,
                }
            ],
        },
        {"type": "hologram"},
    ]


def messages() -> list[Json]:
    """#deploys, oldest first, replies included under their thread."""
    root = ts(60)
    return [
        message(0, "U03OLE", "The fix for *4412* is in v2 since this morning, `api:2.4.1`."),
        message(20, "U03OLE", "Who can move some traffic?"),
        message(40, "U01JIN", "On it :eyes: <@U03OLE>, watch <#C02INCIDENT|incidents> please"),
        message(60, "U0BOT", "Promoting api to v2 50 %", blocks=card(), reply_count=2),
        message(65, "U0BOT", "Queued by <@U01JIN>, operation `op-7f3a`.", thread_ts=root),
        message(70, "U0BOT", "Patched VirtualService `api`: v1 90 → 50, v2 10 → 50.", thread_ts=root),
        message(
            90,
            "U01JIN",
            "> half is enough for now\nI'll look again later, see <https://example.org/4412|ticket 4412> ~or not~",
        ),
        message(
            120, "U0BOT", "Refused: *checkout* is frozen until 14:00. Ask <@U02MARA>, or wait.", ephemeral_to="U01JIN"
        ),
        message(130, "U0BOT", "Only for mara", ephemeral_to="U02MARA"),
        message(
            140, "USLACKBOT", "`/mesh` failed with the error `operation_timeout`", notice=True, ephemeral_to="U01JIN"
        ),
        message(300, "U0BOT", "Services", blocks=gallery()),
        message(700, "U02MARA", "Log of the run:\n" + "\n".join(f"line {n}: nothing unusual" for n in range(60))),
        message(720, "U02MARA", "averyverylongwordwithoutanyspace" * 8, edited=True),
        message(740, "U03OLE", HOSTILE),
        message(800, "U0BOT", "Promoting web to v2 20 %", blocks=card("Promoting web to v2 20 %")),
    ]


def world() -> Json:
    """Answer of /page/world."""
    healthy = {"errors": 0.0, "latency_ms": 0}
    return {
        "prometheus": True,
        "alerts": [],
        "services": [
            {
                "namespace": "mesh-demo",
                "service": "api",
                "route": {"kind": "VirtualService", "name": "api"},
                "rps": 120.0,
                "arms": [
                    {
                        "name": "v1",
                        "weight": 90,
                        "share": 90.1,
                        "rps": 108.1,
                        "success": 99.95,
                        "p99_ms": 182.0,
                        "broken": dict(healthy),
                    },
                    {
                        "name": "v2",
                        "weight": 10,
                        "share": 9.9,
                        "rps": 11.9,
                        "success": 99.9,
                        "p99_ms": 171.0,
                        "broken": dict(healthy),
                    },
                ],
            },
            {
                "namespace": "mesh-demo",
                "service": "checkout",
                "route": {"kind": "HTTPRoute", "name": "checkout-split"},
                "rps": 41.5,
                "arms": [
                    {
                        "name": "v1",
                        "weight": 100,
                        "share": 100.0,
                        "rps": 41.5,
                        "success": 99.99,
                        "p99_ms": 95.0,
                        "broken": dict(healthy),
                    },
                    {
                        "name": "v2",
                        "weight": 0,
                        "share": 0.0,
                        "rps": 0.0,
                        "success": None,
                        "p99_ms": None,
                        "broken": dict(healthy),
                    },
                ],
            },
        ],
    }
