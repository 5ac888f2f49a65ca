"""What `help` says of every verb: how it is written, what it does, and examples that can be typed as they stand."""

from __future__ import annotations

from dataclasses import dataclass

from mesh.domain.commands import Verb


@dataclass(frozen=True)
class VerbHelp:
    """What `help` says of one verb."""

    usage: str
    summary: str
    examples: tuple[str, ...]


VERBS: dict[Verb, VerbHelp] = {
    Verb.STATUS: VerbHelp("status [service]", "Weights, shares and ready pods now", ("status api", "status")),
    Verb.GATES: VerbHelp("gates <service>", "Judge the gates now and show the numbers", ("gates api",)),
    Verb.PLAN: VerbHelp("plan <changing command>", "Show what would change, change nothing", ("plan promote api 50",)),
    Verb.HISTORY: VerbHelp("history <service>", "The latest changes of a service", ("history api",)),
    Verb.INCIDENTS: VerbHelp(
        "incidents [service]", "What is open now: alerts that hold promotions", ("incidents", "incidents api")
    ),
    Verb.DIGEST: VerbHelp(
        "digest [now|list]",
        "What a channel should know: rollouts, drift, gates, the week; or which digests there are and when",
        ("digest", "digest now -n mesh-demo", "digest list"),
    ),
    Verb.WHOAMI: VerbHelp("whoami", "Your id, groups and rights", ("whoami",)),
    Verb.CAN: VerbHelp(
        "can <command>",
        "Say whether you may do that, by which role and within which limits; nothing is done",
        ("can promote api 50", "can freeze all --reason incident"),
    ),
    Verb.FREEZES: VerbHelp("freezes", "What is frozen now, and what will be next", ("freezes",)),
    Verb.HELP: VerbHelp("help [verb]", "This text, or one verb in detail", ("help", "help promote")),
    Verb.PROMOTE: VerbHelp(
        "promote <service> [<version>] <weight>[%]",
        "Move the canary to this share, if the gates pass",
        ("promote api 50", "promote api v2 25%", 'promote api 100 --reason "hotfix 4412"'),
    ),
    Verb.SET: VerbHelp(
        "set <service> <version>=<weight> …",
        "Write these weights (parts, not per cent; others stay), if the gates pass",
        ("set api v1=70 v2=30",),
    ),
    Verb.ROLLBACK: VerbHelp(
        "rollback <service> [to <version>]",
        "All traffic back to stable, at once, no gates; the version says which one that is, where nobody knows",
        ("rollback api", "rollback api to v1"),
    ),
    Verb.UNDO: VerbHelp(
        "undo [operation|service]", "Restore the weights from before a change", ("undo", "undo op-k3v9x2m4ta")
    ),
    Verb.ADOPT: VerbHelp("adopt <service>", "Take weights that somebody else wrote for our own", ("adopt api",)),
    Verb.REAPPLY: VerbHelp(
        "reapply <service>", "Write our last weights again, over somebody else's, if the gates pass", ("reapply api",)
    ),
    Verb.CANARY: VerbHelp(
        "canary <service> [<version>] [5,25,confirm,100] [every 5m] [on-failure hold|rollback]",
        "Raise the canary's share step by step while it is judged all the time; what is left out, the strategy says",
        (
            "canary api",
            "canary api v2 5,25,50,100 every 5m",
            "canary api 5,25,confirm,50,100 on-failure hold",
            "canary api --strategy careful",
        ),
    ),
    Verb.PAUSE: VerbHelp("pause <service>", "Take no more steps for now; the canary is still judged", ("pause api",)),
    Verb.RESUME: VerbHelp("resume <service>", "Go on with a rollout that is paused or held", ("resume api",)),
    Verb.SKIP: VerbHelp("skip <service>", "Take the next step now: do not wait for the end of the bake", ("skip api",)),
    Verb.CONFIRM: VerbHelp(
        "confirm <service>", "Let a rollout take the step that waits for somebody", ("confirm api",)
    ),
    Verb.ABORT: VerbHelp(
        "abort <service>",
        "End a rollout: all traffic back to stable, at once",
        ("abort api", 'abort api --reason "customers complain"'),
    ),
    Verb.FREEZE: VerbHelp(
        "freeze <service>|all [for 2h] --reason why",
        "Let nobody give a canary more traffic, also not with --force; going back stays possible. "
        "-n or -c alone freeze a namespace or a cluster",
        ('freeze api for 2h --reason "incident 4412"', "freeze all --reason holidays", "freeze -n shop --reason audit"),
    ),
    Verb.UNFREEZE: VerbHelp(
        "unfreeze <service>|all|<id>",
        "Lift the freezes that were made with exactly these words, or the one of that id",
        ("unfreeze api", "unfreeze op-k3v9x2m4ta", "unfreeze -n shop"),
    ),
    Verb.APPROVALS: VerbHelp("approvals", "What waits for approval, and what you may vote on", ("approvals",)),
    Verb.APPROVE: VerbHelp(
        "approve <operation>", "Agree to a change that waits for approval", ("approve op-k3v9x2m4ta",)
    ),
    Verb.DENY: VerbHelp(
        "deny <operation>",
        "End a change that waits for approval",
        ("deny op-k3v9x2m4ta", 'deny op-k3v9x2m4ta --reason "not during the sale"'),
    ),
}
"""Every verb, in the order `help` shows them."""

MEANT: dict[str, Verb] = {
    "unpause": Verb.RESUME,
    "continue": Verb.RESUME,
    "stop": Verb.ABORT,
    "cancel": Verb.ABORT,
    "rollout": Verb.CANARY,
    "lock": Verb.FREEZE,
    "unlock": Verb.UNFREEZE,
    "thaw": Verb.UNFREEZE,
}
"""Words of other tools, for "did you mean": no word is near enough to them, or the wrong one (`unpause`, pause)."""


def usage(verb: Verb) -> str:
    """Return `Usage: /mesh …` for one verb."""
    return f"Usage: /mesh {VERBS[verb].usage}"
