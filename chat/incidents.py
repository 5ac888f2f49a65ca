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
from chat.chart_words import span, sparkline
from chat.charts import Chart, Line, chart_of_hour, known
from chat.escape import DAY_AND_TIME, Markup, bold, channel, code, date, esc, fence, join, shorten, tell, user
from chat.figures import counted, milliseconds, percent, short_name
from chat.findings import unclear_line
from chat.locales import Locale, heard, many, mark, speaking, tr
from chat.phases import rollout_of
from chat.phrases import sign, was_forced
from chat.steering import STEER, steering_buttons
from chat.tables import more, route_table
from mesh.domain.commands import Target, Verb
from mesh.domain.incidents import ENDED, Alert, Incident, Scene
from mesh.domain.operations import Operation
from mesh.domain.points import Point
from mesh.operations.telling import where
from mesh.ports import Open

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
    where = esc(tr("{what} in {place}.", what=_title(incident), place=_place(incident)))
    first = next(iter(incident.firing), None)
    return join(" ", [where, _named(first) if first else esc(_capital(heard(incident.why_ended)))])


def incidents_answer(found: Open) -> Message:
    """List what is open, the oldest first: service, alerts, since when, where its card is; and what cannot be read."""
    incidents, unread = found.known, [_unread(*one) for one in list(found.unread.items())[:MOST_LISTED]]
    if not incidents:
        line = esc(tr("No other incident is open.") if unread else tr("No incident is open."))
        return message(line, [section(line) for line in (*unread, line)])
    text = esc(many("{count} incident open.", "{count} incidents open.", len(incidents)))
    lines = [_listed(one) for one in incidents[:MOST_LISTED]]
    hidden = [esc(line) for line in more(len(incidents) - MOST_LISTED, mark("… and {count} more incidents"))]
    return message(text, [header(tr("Open incidents")), *(section(line) for line in (*unread, *lines, *hidden))])


def _unread(target: Target, why: str) -> Markup:
    place = f"{target.cluster} / {target.namespace}"
    what = bold(esc(tr("{what} in {place}", what=target.service, place=place)))
    return join(" ", [esc(":warning:"), tell("{what}: {why}", what=what, why=esc(shorten(heard(why), 300)))])


def _listed(incident: Incident) -> Markup:
    target, firing = incident.target, incident.firing
    what = bold(esc(tr("{what} in {place}", what=target.service, place=_place(incident))))
    alerts = _named(firing[0]) if firing else Markup("")
    if len(firing) > 1:
        alerts = tell("{alert} and {count} more", alert=alerts, count=esc(str(len(firing) - 1)))
    card = tell("card in {channel}", channel=channel(incident.channel)) if incident.card else Markup("")
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
        yield section(join("\n", [bold(esc(tr("Latest changes"))), *(_change(one) for one in scene.recent)]))
    yield context([_times(incident)])
    yield actions(list(_buttons(incident, scene)))


def _title(incident: Incident) -> str:
    service = incident.target.service
    if not incident.open:
        return tr("Incident of {service}: over", service=service)
    return tr("Incident of {service}: {alerts} firing", service=service, alerts=counted(len(incident.firing), "alerts"))


def _where(incident: Incident) -> Markup:
    state = (":rotating_light:", tr("Firing")) if incident.open else (":white_check_mark:", tr("Resolved"))
    return join(
        " · ",
        [
            join(" ", [esc(state[0]), bold(esc(state[1]))]),
            esc(_place(incident)),
            code(incident.id),
        ],
    )


def _alerts(incident: Incident) -> Iterator[Markup]:
    """Yield those that fire, the oldest first, then those that are over, the newest first."""
    firing = incident.firing
    for one in firing[:MOST_ALERTS]:
        yield _alert(one)
    yield from (esc(line) for line in more(len(firing) - MOST_ALERTS, mark("… and {count} more alerts that fire")))
    over = sorted((one for one in incident.alerts if not one.firing), key=lambda one: -one.ended_at)
    for one in over[:MOST_OVER]:
        yield _alert(one)
    yield from (esc(line) for line in more(len(over) - MOST_OVER, mark("… and {count} more alerts that are over")))


def _alert(alert: Alert) -> Markup:
    """Return `• firing HighErrorRate, critical, since 12:04:31: summary`."""
    told = {"alert": _named(alert), "since": date(alert.since)}
    if alert.firing:
        said = join(" ", [esc("• :red_circle:"), tell("firing {alert} since {since}", **told)])
    else:
        ended = tell("resolved {alert} {since} to {until}", until=date(alert.ended_at), **told)
        said = join(" ", [esc("• :white_circle:"), ended])
    return join(" ", [said, code(shorten(alert.summary, _SUMMARY))])


def _named(alert: Alert) -> Markup:
    severity = code(shorten(alert.severity, _SEVERITY))
    return join(", ", [code(shorten(alert.name, _NAME)) or esc(tr("an alert without a name")), severity])


def _consequence(incident: Incident, scene: Scene) -> Markup:
    service = incident.target.service
    if scene.refuses:
        said = tr(
            "Until it is over nothing raises a canary of {service} without --force, and no rollout of it takes a "
            "step. Rolling back always works.",
            service=service,
        )
        return esc(said)
    return esc(tr("Promotions of {service} are not held up by it: the configuration says `warn`.", service=service))


def _weights(scene: Scene) -> Iterator[Block]:
    if scene.unread:
        why = esc(shorten(heard(scene.unread), 300))
        yield section(join(" ", [esc(":warning:"), tell("The weights could not be read: {why}", why=why)]))
    for route in scene.statuses[:MOST_ROUTES]:
        yield section(join("\n", [route_table(route), unclear_line(route)]))
    for line in more(len(scene.statuses) - MOST_ROUTES, mark("… and {count} more routes")):
        yield context([esc(line)])


def _rollout(operation: Operation) -> Markup:
    rollout = rollout_of(operation)
    said = heard(where(operation)) if rollout and operation.plan else tr("about to begin")
    return join(" ", [bold(esc(tr("Rollout under way:"))), esc(said) + esc(","), code(operation.id)])


def _chart(incident: Incident, scene: Scene) -> Iterator[Block]:
    """Yield the last hour of the two arms in characters, five minutes a cell; nothing where nothing was measured."""
    points = incident.points
    if not any(point.canary.requests or point.stable.requests for point in points):
        return
    names = _roles(scene)
    lines: list[str] = []
    for role, arms in (("stable", _as_stable(points)), ("canary", points)):
        if any(point.canary.requests for point in arms):
            said = tr(_ROLES[role])
            lines += [f"{short_name(names.get(role, said))} ({said})", *sparkline(arms).split("\n")]
    yield section(join("\n", [bold(esc(tr("The last hour"))), fence(lines)]))


_ROLES = {"stable": mark("stable"), "canary": mark("canary")}


def chart_of_incident(incident: Incident, scene: Scene) -> Chart:
    """Return the chart of the last hour of its two arms; its words are English, as the letters of its font."""
    names = _roles(scene)
    with speaking(Locale.EN):
        outcome = f"{counted(len(incident.firing), 'alerts')} firing" if incident.open else "incident over"
    return chart_of_hour(
        incident.target.service, outcome, (names.get("canary", ""), names.get("stable", "")), incident.points
    )


def spoken_chart(incident: Incident, scene: Scene) -> str:
    """Return what the picture shows, for whom does not see it: where each arm's line ends."""
    shown = chart_of_incident(incident, scene)
    lines = "; ".join(_at_last(line) for line in (shown.canary, shown.stable) if known(line.success))
    return tr(
        "Chart of {service} over {time}. At last {lines}.",
        service=shown.service,
        time=span(shown.length_s),
        lines=lines or tr("nothing was measured"),
    )


def _at_last(line: Line) -> str:
    success = tr("{arm}: success {share}", arm=short_name(line.name), share=percent(known(line.success)[-1]))
    return f"{success}, p99 {milliseconds(known(line.p99_ms)[-1])}" if known(line.p99_ms) else success


def _roles(scene: Scene) -> dict[str, str]:
    return {arm.role: arm.name for route in scene.statuses for arm in route.arms if arm.role}


def _as_stable(points: Sequence[Point]) -> list[Point]:
    return [replace(point, canary=point.stable) for point in points]


def _change(operation: Operation) -> Markup:
    found = sign(operation)
    forced = bold(esc(tr("FORCED"))) if was_forced(operation) else Markup("")
    what = join(" ", [esc(found.emoji), bold(esc(found.word)), esc(shorten(change_in_short(operation), 160))])
    when = date(operation.created_at, shown=DAY_AND_TIME)
    return join(" · ", [what, forced, when, user(operation.actor.user), code(operation.id)])


def _times(incident: Incident) -> Markup:
    opened = tell("Opened {when}", when=date(incident.opened_at, shown=DAY_AND_TIME))
    if incident.open:
        return opened
    why = esc(heard(incident.why_ended))
    ended = tell("over {when}: {why}.", when=date(incident.ended_at, shown=DAY_AND_TIME), why=why)
    return join(" · ", [opened, ended])


def _place(incident: Incident) -> str:
    return f"{incident.target.cluster} / {incident.target.namespace}"


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
    yield Button(tr("Status"), STATUS, incident.id, tr("Status of {service}", service=service))


def _away(scene: Scene) -> bool:
    """Tell whether any traffic is not on the one stable arm, or nobody can say."""
    if scene.unread:
        return True
    return any(arm.share > 0 for route in scene.statuses for arm in route.arms if arm.role != "stable")


def _roll_back(incident: Incident) -> Button:
    target = incident.target
    question = tr(
        "This sends all traffic to {stable} of {service} in {place}, at once.",
        stable=short_name(incident.stable) or tr("the stable arm"),
        service=target.service,
        place=_place(incident),
    )
    label = tr("Roll back")
    confirm = Confirm(tr("Roll back {service}?", service=target.service), question, label)
    spoken = tr("Roll back {service}", service=target.service)
    return Button(label, ROLL_BACK, incident.id, spoken, "danger", confirm)


def _hold(rollout: Operation) -> Iterator[Button]:
    """Yield the rollout's own Pause under the name that people look for in an incident."""
    pause = next(action for action, verb in STEER.items() if verb is Verb.PAUSE)
    found = rollout_of(rollout)
    for button in steering_buttons(rollout, found) if found else ():
        if button.action_id == pause:
            spoken = tr("Hold the canary of {service}", service=rollout.target.service)
            yield replace(button, label=tr("Hold"), spoken=spoken)


def _freeze(incident: Incident) -> Button:
    service = incident.target.service
    follows = tr("For an hour nothing raises a canary of {service}.", service=service)
    confirm = Confirm(tr("Freeze {service}?", service=service), follows, tr("Freeze"))
    return Button(tr("Freeze"), FREEZE, incident.id, tr("Freeze {service} for an hour", service=service), "", confirm)
