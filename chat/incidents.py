"""The card of an incident, drawn wholly from its record and what surrounds it; and the list of what is open. Pure.

The order is that of every card: which service, where, alerts, weights, rollout, chart, changes, times, buttons.
All that alerts say is a stranger's: it stands in code spans, cut.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

from chat.blocks import Block, Button, Confirm, Message, actions, context, header, image, message, section
from chat.cards import change_in_short
from chat.charts import Chart, chart_of_hour, known, milliseconds, span, sparkline
from chat.escape import DAY_AND_TIME, Markup, bold, channel, code, date, esc, fence, join, shorten, user
from chat.figures import counted, percent, short_name
from chat.phases import rollout_of
from chat.phrases import sign, was_forced
from chat.steering import STEER, steering_buttons
from chat.tables import more, route_table
from mesh.domain.commands import Verb
from mesh.domain.incidents import ENDED, Alert, Incident, Scene
from mesh.domain.operations import Operation
from mesh.domain.points import Point
from mesh.operations.telling import where

ROLL_BACK = "meshbot.incident.rollback"
FREEZE = "meshbot.incident.freeze"
STATUS = "meshbot.incident.status"
"""What Slack sends when one is pressed; the button's value is the incident's id. Hold is the rollout's own Pause."""
FREEZES = "freeze" in {str(verb) for verb in Verb}
"""Whether there is such a command: a button for one that nobody understands helps nobody."""
MOST_ALERTS = 8
MOST_OVER = 3
MOST_ROUTES = 4
MOST_LISTED = 20
_NAME, _SEVERITY, _SUMMARY = 80, 20, 200
"""Characters of a stranger's words."""


def incident_card(incident: Incident, scene: Scene) -> Message:
    """Draw the card of an incident as things stand."""
    return message(incident_sentence(incident), list(_blocks(incident, scene)))


def digest(incident: Incident, drawn: Message) -> str:
    """Return what tells this drawing from others, and one of the end from all before it."""
    whole = json.dumps([drawn.text, drawn.blocks], sort_keys=True).encode()
    return ("" if incident.open else ENDED) + hashlib.sha256(whole).hexdigest()[:20]


def incident_sentence(incident: Incident) -> Markup:
    """Return the card as one sentence, for notifications and screen readers."""
    target = incident.target
    place = esc(f"{_title(incident)} in {target.cluster} / {target.namespace}.")
    first = next(iter(incident.firing), None)
    return join(" ", [place, _named(first) if first else esc(_capital(incident.why_ended))])


def incidents_answer(incidents: Sequence[Incident]) -> Message:
    """List what is open, the oldest first: service, alerts, since when, and where its card is."""
    if not incidents:
        line = esc("No incident is open.")
        return message(line, [section(line)])
    text = esc(f"{counted(len(incidents), 'incidents')} open.")
    lines = [_listed(one) for one in incidents[:MOST_LISTED]]
    hidden = [esc(line) for line in more(len(incidents) - MOST_LISTED, "incidents")]
    return message(text, [header("Open incidents"), *(section(line) for line in (*lines, *hidden))])


def _listed(incident: Incident) -> Markup:
    target, firing = incident.target, incident.firing
    what = bold(esc(f"{target.service} in {target.cluster} / {target.namespace}"))
    hidden = esc(f"and {len(firing) - 1} more") if len(firing) > 1 else Markup("")
    alerts = join(" ", [_named(firing[0]), hidden]) if firing else Markup("")
    card = join(" ", [esc("card in"), channel(incident.channel)]) if incident.card else Markup("")
    return join(" · ", [what, alerts, date(incident.opened_at, shown=DAY_AND_TIME), card, code(incident.id)])


def _blocks(incident: Incident, scene: Scene) -> Iterator[Block]:
    yield header(_title(incident))
    yield context([_where(incident)])
    yield section(join("\n", list(_alerts(incident))))
    if incident.open:
        yield context([_consequence(incident, scene)])
    yield from _weights(scene)
    if scene.rollout is not None:
        yield section(_rollout(scene.rollout))
    yield from _chart(incident, scene)
    if incident.chart:
        yield image(incident.chart, spoken_chart(incident, scene))
    if scene.recent:
        yield section(join("\n", [bold(esc("Latest changes")), *(_change(one) for one in scene.recent)]))
    yield context([_times(incident)])
    yield actions(list(_buttons(incident, scene)))


def _title(incident: Incident) -> str:
    service = incident.target.service
    if not incident.open:
        return f"Incident of {service}: over"
    return f"Incident of {service}: {counted(len(incident.firing), 'alerts')} firing"


def _where(incident: Incident) -> Markup:
    state = (":rotating_light:", "Firing") if incident.open else (":white_check_mark:", "Resolved")
    target = incident.target
    return join(
        " · ",
        [
            join(" ", [esc(state[0]), bold(esc(state[1]))]),
            esc(f"{target.cluster} / {target.namespace}"),
            code(incident.id),
        ],
    )


def _alerts(incident: Incident) -> Iterator[Markup]:
    """Yield those that fire, the oldest first, then those that are over, the newest first."""
    firing = incident.firing
    for one in firing[:MOST_ALERTS]:
        yield _alert(one)
    yield from (esc(line) for line in more(len(firing) - MOST_ALERTS, "alerts that fire"))
    over = sorted((one for one in incident.alerts if not one.firing), key=lambda one: -one.ended_at)
    for one in over[:MOST_OVER]:
        yield _alert(one)
    yield from (esc(line) for line in more(len(over) - MOST_OVER, "alerts that are over"))


def _alert(alert: Alert) -> Markup:
    """Return `• firing HighErrorRate, critical, since 12:04:31: summary`."""
    state = esc("• :red_circle: firing") if alert.firing else esc("• :white_circle: resolved")
    at = [esc("since"), date(alert.since)] if alert.firing else [date(alert.since), esc("to"), date(alert.ended_at)]
    return join(" ", [state, _named(alert), *at, code(shorten(alert.summary, _SUMMARY))])


def _named(alert: Alert) -> Markup:
    severity = code(shorten(alert.severity, _SEVERITY))
    return join(", ", [code(shorten(alert.name, _NAME)) or esc("an alert without a name"), severity])


def _consequence(incident: Incident, scene: Scene) -> Markup:
    service = incident.target.service
    if scene.refuses:
        return esc(
            f"Until it is over nothing raises a canary of {service} without --force, and no rollout of it takes a "
            "step. Rolling back always works."
        )
    return esc(f"Promotions of {service} are not held up by it: the configuration says `warn`.")


def _weights(scene: Scene) -> Iterator[Block]:
    if scene.unread:
        yield section(join(" ", [esc(":warning: The weights could not be read:"), esc(shorten(scene.unread, 300))]))
    for route in scene.statuses[:MOST_ROUTES]:
        yield section(route_table(route))
    for line in more(len(scene.statuses) - MOST_ROUTES, "routes"):
        yield context([esc(line)])


def _rollout(operation: Operation) -> Markup:
    rollout = rollout_of(operation)
    said = where(operation) if rollout and operation.plan else "about to begin"
    return join(" ", [bold(esc("Rollout under way:")), esc(said) + esc(","), code(operation.id)])


def _chart(incident: Incident, scene: Scene) -> Iterator[Block]:
    """Yield the last hour of the two arms in characters, five minutes a cell; nothing where nothing was measured."""
    points = incident.points
    if not any(point.canary.requests or point.stable.requests for point in points):
        return
    names = _roles(scene)
    lines: list[str] = []
    for role, arms in (("stable", _as_stable(points)), ("canary", points)):
        if any(point.canary.requests for point in arms):
            lines += [f"{short_name(names.get(role, role))} ({role})", *sparkline(arms).split("\n")]
    yield section(join("\n", [bold(esc("The last hour")), fence(lines)]))


def chart_of_incident(incident: Incident, scene: Scene) -> Chart:
    """Return the chart of the last hour of its two arms."""
    names = _roles(scene)
    outcome = f"{counted(len(incident.firing), 'alerts')} firing" if incident.open else "incident over"
    return chart_of_hour(
        incident.target.service, outcome, (names.get("canary", ""), names.get("stable", "")), incident.points
    )


def spoken_chart(incident: Incident, scene: Scene) -> str:
    """Return what the picture shows, for whom does not see it: where each arm's line ends."""
    shown = chart_of_incident(incident, scene)
    lines = [
        f"{short_name(line.name)}: success {percent(known(line.success)[-1])}"
        + (f", p99 {milliseconds(known(line.p99_ms)[-1])}" if known(line.p99_ms) else "")
        for line in (shown.canary, shown.stable)
        if known(line.success)
    ]
    return (
        f"Chart of {shown.service} over {span(shown.length_s)}. At last {'; '.join(lines) or 'nothing was measured'}."
    )


def _roles(scene: Scene) -> dict[str, str]:
    return {arm.role: arm.name for route in scene.statuses for arm in route.arms if arm.role}


def _as_stable(points: Sequence[Point]) -> list[Point]:
    return [replace(point, canary=point.stable) for point in points]


def _change(operation: Operation) -> Markup:
    found = sign(operation)
    forced = bold(esc("FORCED")) if was_forced(operation) else Markup("")
    what = join(" ", [esc(found.emoji), bold(esc(found.word)), esc(shorten(change_in_short(operation), 160))])
    when = date(operation.created_at, shown=DAY_AND_TIME)
    return join(" · ", [what, forced, when, user(operation.actor.user), code(operation.id)])


def _times(incident: Incident) -> Markup:
    opened = join(" ", [esc("Opened"), date(incident.opened_at, shown=DAY_AND_TIME)])
    if incident.open:
        return opened
    ended = join(" ", [esc("over"), date(incident.ended_at, shown=DAY_AND_TIME) + esc(f": {incident.why_ended}.")])
    return join(" · ", [opened, ended])


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


# --- buttons -------------------------------------------------------------------------------------------------------


def _buttons(incident: Incident, scene: Scene) -> Iterator[Button]:
    """Yield what can be done now; whether who presses may do it is asked when it is pressed."""
    service = incident.target.service
    if incident.open and _away(scene):
        yield _roll_back(incident)
    if incident.open and scene.rollout is not None:
        yield from _hold(scene.rollout)
    if incident.open and FREEZES:
        yield _freeze(incident)
    yield Button("Status", STATUS, incident.id, f"Status of {service}")


def _away(scene: Scene) -> bool:
    """Tell whether any traffic is not on the one stable arm, or nobody can say."""
    if scene.unread:
        return True
    return any(arm.share > 0 for route in scene.statuses for arm in route.arms if arm.role != "stable")


def _roll_back(incident: Incident) -> Button:
    target = incident.target
    what = f"all traffic to {short_name(incident.stable)}" if incident.stable else "all traffic to the stable arm"
    question = f"This sends {what} of {target.service} in {target.cluster} / {target.namespace}, at once."
    confirm = Confirm(f"Roll back {target.service}?", question, "Roll back")
    return Button("Roll back", ROLL_BACK, incident.id, f"Roll back {target.service}", "danger", confirm)


def _hold(rollout: Operation) -> Iterator[Button]:
    """Yield the rollout's own Pause under the name that people look for in an incident."""
    pause = next(action for action, verb in STEER.items() if verb is Verb.PAUSE)
    found = rollout_of(rollout)
    for button in steering_buttons(rollout, found) if found else ():
        if button.action_id == pause:
            yield replace(button, label="Hold", spoken=f"Hold the canary of {rollout.target.service}")


def _freeze(incident: Incident) -> Button:
    service = incident.target.service
    confirm = Confirm(f"Freeze {service}?", f"For an hour nothing raises a canary of {service}.", "Freeze")
    return Button("Freeze", FREEZE, incident.id, f"Freeze {service} for an hour", "", confirm)
