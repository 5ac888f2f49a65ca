"""Incidents on memory: which service an alert is about, one card, and what an open incident holds up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from mesh.domain.audit import verify
from mesh.domain.catalog import Alerting, Catalog, Channels, Cluster, Service
from mesh.domain.commands import Target
from mesh.domain.errors import Unavailable
from mesh.domain.gates import Limits
from mesh.domain.incidents import EXPIRES_S, Incident
from mesh.domain.operations import State
from mesh.domain.plans import Plan
from mesh.domain.rollouts import Happening, Phase
from mesh.domain.routes import Route
from mesh.operations.incident_cards import SLOTS, show
from mesh.operations.incidents import about, open_incidents
from mesh.ports import Open
from tests.builders import command, healthy
from tests.mesh.operations.alarm import INC, AlarmBench, alarm, alert, shown
from tests.mesh.operations.bench import surroundings, virtual_service
from tests.mesh.operations.voyage import Voyage

API = Target("demo", "mesh-demo", "api")


def over(bench: AlarmBench) -> None:
    """The alert is taken back."""
    alarm(bench, alert(firing=False, since=bench.time.at))


# --- which service ---------------------------------------------------------------------------------------------------

CATALOG = Catalog(
    (Cluster("prod", namespace="shop"), Cluster("edge", namespace="web")),
    (
        Service("api", cluster="prod"),
        Service("api", cluster="edge", namespace="web"),
        Service("cart", namespace="shop"),
    ),
)
ABOUT = [
    ({"service": "api", "cluster": "prod", "namespace": "mesh-demo"}, "prod/mesh-demo/api"),
    ({"service": "api", "cluster": "edge", "namespace": "web"}, "edge/web/api"),
    ({"service": "api"}, "prod/shop/api"),
    ({"service": "kube-state-metrics", "destination_service_name": "cart"}, "prod/shop/cart"),
    ({"destination_service_name": "api", "destination_service_namespace": "pay"}, "prod/pay/api"),
    ({"service": "nosuch"}, ""),
    ({"service": "cart", "namespace": "other"}, ""),
    ({"service": "api", "cluster": "nosuch"}, ""),
    ({"alertname": "Watchdog"}, ""),
    ({"service": ""}, ""),
    ({"service": "api; rm -rf /"}, ""),
]


@pytest.mark.parametrize(("labels", "target"), ABOUT)
def test_labels_name_a_configured_service_or_none(labels: Mapping[str, str], target: str) -> None:
    """The first service label that names a configured one counts; an unknown cluster or service is none."""
    found = about(CATALOG, labels)
    assert (str(found) if found else "") == target


def test_the_configuration_says_which_labels_count() -> None:
    """Another label can name the service; then the usual ones mean nothing."""
    catalog = replace(CATALOG, alerting=Alerting(service_labels=("deployment",)))
    assert about(catalog, {"service": "api"}) is None
    assert str(about(catalog, {"deployment": "api"})) == "prod/shop/api"


# --- one card --------------------------------------------------------------------------------------------------------


def test_an_alert_becomes_one_card_that_is_edited() -> None:
    """The first drawing says that it fires, the last that it is over; all is one message in the incident's channel."""
    bench = AlarmBench()
    [incident_id] = alarm(bench).incidents
    first = shown(bench)
    assert first.id == incident_id
    assert first.card is not None
    assert first.card.channel == INC
    over(bench)
    last = shown(bench)
    assert last.settled
    [drawings] = bench.incident_cards.cards.values()
    assert "1 alert firing" in drawings[0].text
    assert "over" in drawings[-1].text
    assert bench.incidents.due == {}
    assert [entry["step"] for entry in bench.audit()] == ["incident opened", "incident closed"]
    assert verify(bench.log.entries(), bench.log.head()) is None


def test_a_pair_of_alertmanagers_in_parallel_makes_one_incident() -> None:
    """Eight messages at once: one incident, one opening on record, one card."""
    bench = AlarmBench()
    start = threading.Barrier(8)

    def send() -> None:
        start.wait()
        alarm(bench)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for _ in range(3):
        shown(bench)
    assert [entry["step"] for entry in bench.audit()] == ["incident opened"]
    assert len(bench.incident_cards.cards) == 1


def test_the_card_has_what_surrounds_the_incident() -> None:
    """Weights now, the latest changes with who made them, and the chart of the last hour."""
    bench = AlarmBench()
    bench.do("promote api 50")
    alarm(bench)
    incident = shown(bench)
    assert len(incident.points) == SLOTS + 1
    assert incident.stable == "v1"
    [drawings] = bench.incident_cards.cards.values()
    drawn = str(drawings[-1].blocks)
    for part in (
        "50 %",
        "promote api to v2 50",
        "<@U0JIN>",
        "The last hour",
        "success",
        "p99",
        "HighErrorRate",
        "Roll back",
    ):
        assert part in drawn, part


def test_a_dead_metrics_server_and_a_dead_cluster_leave_a_card() -> None:
    """What cannot be read is said, and the alert is told all the same."""
    bench = AlarmBench(readings={"v1": "Prometheus did not answer in 3 s"})
    bench.cluster.client.broken = Unavailable("The API server of demo did not answer.")
    alarm(bench)
    assert shown(bench).points == ()
    [drawings] = bench.incident_cards.cards.values()
    assert "could not be read" in str(drawings[-1].blocks)
    assert "Roll back" in str(drawings[-1].blocks)


def test_an_alert_of_no_service_is_ignored() -> None:
    """It is counted, and there is neither incident nor entry."""
    bench = AlarmBench()
    heard = alarm(bench, alert(service="nosuch"), alert(namespace="", fingerprint="f2"))
    assert (len(heard.incidents), heard.ignored) == (1, 1)
    assert alarm(bench, alert(service="nosuch")).incidents == ()


def test_without_a_channel_there_is_an_incident_and_no_card() -> None:
    """It holds promotions all the same, and ends by itself."""
    bench = AlarmBench()
    bench.channel = ""
    alarm(bench)
    assert shown(bench).card is None
    assert bench.incident_cards.cards == {}
    bench.time.at += EXPIRES_S
    assert not shown(bench).open
    assert bench.incidents.due == {}


def test_what_nobody_repeats_ends_on_record_and_on_the_card() -> None:
    """The worker that draws the card ends it; whoever is asked before that knows it as well."""
    bench = AlarmBench()
    alarm(bench)
    shown(bench)
    bench.time.at += EXPIRES_S
    assert open_incidents(bench.desk, command("incidents")) == Open()
    assert bench.do("promote api 50").state is State.SUCCEEDED
    assert not shown(bench).open
    assert bench.audit()[-1]["text"] == "nobody repeated it for 5 h"


# --- interruptions ---------------------------------------------------------------------------------------------------


MORTAL = 8
"""Steps of a first drawing: two drawings, each written into the outbox and onto record, with a before and an after."""


class Died(BaseException):
    """A worker that is gone from one line to the next."""


def _dies(bench: AlarmBench, line: int) -> bool:
    """Let a worker die at its `line`-th step that can be seen from outside; False where it comes to its end before."""
    steps = 0

    def mortal(act: Callable[..., Incident]) -> Callable[..., Incident]:
        def step(*args: object) -> Incident:
            survive()
            found = act(*args)
            survive()
            return found

        return step

    def survive() -> None:
        nonlocal steps
        steps += 1
        if steps == line:
            raise Died

    cards, kept = bench.incident_cards, bench.incidents
    originals = [(cards, "show"), (kept, "commit")]
    for part, name in originals:
        setattr(part, name, mortal(getattr(part, name)))
    try:
        shown(bench)
    except Died:
        return True
    finally:
        for part, name in originals:
            delattr(part, name)
    return False


@pytest.mark.parametrize("line", range(1, 14))
def test_killed_between_any_two_lines_there_is_one_card(line: int) -> None:
    """Before and after each write: the next worker neither loses the card nor has another one posted."""
    bench = AlarmBench()
    alarm(bench)
    assert _dies(bench, line) or line > MORTAL
    shown(bench)
    over(bench)
    _dies(bench, line)
    assert shown(bench).settled
    assert len(bench.incident_cards.cards) == 1
    [drawings] = bench.incident_cards.cards.values()
    assert "over" in drawings[-1].text


def test_a_store_that_is_away_leaves_it_to_the_clock() -> None:
    """Nothing is lost: it stays due, and the next try shows it."""
    bench = AlarmBench()
    alarm(bench)

    def away(incident: Incident, scene: object) -> Incident:
        raise Unavailable("Redis did not answer.")

    bench.incident_cards.show = away  # type: ignore[method-assign]  # a broken outbox
    with pytest.raises(Unavailable):
        shown(bench)
    assert bench.incidents.due
    del bench.incident_cards.show  # mended
    assert shown(bench).card is not None


def test_a_message_heard_while_the_card_is_drawn_is_not_lost() -> None:
    """What the bot writes beside the worker stays, and is drawn next."""
    bench = AlarmBench()
    alarm(bench)
    plain = bench.incident_cards.show

    def meanwhile(incident: Incident, scene: object) -> Incident:
        over(bench)
        return plain(incident, scene)  # type: ignore[arg-type]  # handed through

    bench.incident_cards.show = meanwhile  # type: ignore[method-assign]  # a message at the worst moment
    shown(bench)
    del bench.incident_cards.show  # the plain one again
    assert shown(bench).settled
    assert len(bench.incident_cards.cards) == 1


# --- what it holds up ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["promote api 50", "set api v1=50 v2=50", "canary api v2 25,50 every 30s"])
def test_what_raises_a_canary_is_refused(text: str) -> None:
    """The refusal names the incident, nothing is patched, and the row is on record."""
    bench = AlarmBench()
    [incident_id] = alarm(bench).incidents
    asked = bench.ask(text)
    trip = Voyage(bench)
    trip.id = asked.id
    trip.work()
    refused = bench.operations.get(asked.id)
    assert refused.done
    assert bench.weights() == [90, 10]
    assert f"incident {incident_id}: HighErrorRate (critical)" in refused.outcome
    if text.startswith("promote"):
        assert refused.state is State.REFUSED
        assert "/mesh incidents api" in refused.choices


@pytest.mark.parametrize("text", ["rollback api", "promote api 5", "set api v1=95 v2=5"])
def test_what_lowers_a_canary_is_always_allowed(text: str) -> None:
    """Going back must work while everything is on fire."""
    bench = AlarmBench()
    alarm(bench)
    assert bench.do(text).state is State.SUCCEEDED


def test_undo_is_judged_by_what_it_raises() -> None:
    """Undoing a promotion sends traffic back and is allowed; undoing a rollback would raise the canary, and is not."""
    bench = AlarmBench()
    bench.do("promote api 50")
    alarm(bench)
    assert bench.do("undo").state is State.SUCCEEDED
    assert bench.weights() == [90, 10]
    bench.do("rollback api")
    refused = bench.do("undo")
    assert (refused.state, bench.weights()) == (State.REFUSED, [100, 0])


def test_adopting_weights_is_always_allowed() -> None:
    """It moves no traffic."""
    bench = AlarmBench(services=(Service("api", stable="v1", canary="v2"),))
    bench.do("promote api 20")
    drifted = bench.route_object()
    drifted["spec"]["http"][0]["route"][0]["weight"] = 70
    drifted["spec"]["http"][0]["route"][1]["weight"] = 30
    alarm(bench)
    assert bench.do("adopt api").state is State.SUCCEEDED
    drifted = bench.route_object()
    drifted["spec"]["http"][0]["route"][0]["weight"] = 90
    drifted["spec"]["http"][0]["route"][1]["weight"] = 10
    assert bench.do("reapply api").state is State.REFUSED


def test_an_incident_of_another_service_holds_up_nothing() -> None:
    """And neither does one that is over."""
    bench = AlarmBench(services=(Service("api"), Service("web")))
    alarm(bench, alert(service="web", since=bench.time.at))
    assert bench.do("promote api 20").state is State.SUCCEEDED
    alarm(bench)
    over(bench)
    assert bench.do("promote api 30").state is State.SUCCEEDED


def test_warn_only_warns() -> None:
    """The configuration can say so for a service; the row passes and names the incident."""
    bench = AlarmBench(services=(Service("api", incidents="warn"),))
    alarm(bench)
    done = bench.do("promote api 50")
    assert done.state is State.SUCCEEDED
    assert [row.verdict for row in done.gates if row.name == "alerts"] == ["pass"]
    assert "HighErrorRate" in str(bench.cards.cards[done.id][-1].blocks)


def test_force_overrules_it_loudly() -> None:
    """Like every gate: a fix may be what has to be rolled out."""
    bench = AlarmBench()
    alarm(bench)
    done = bench.do('promote api 50 --force --reason "this is the fix"')
    assert done.state is State.SUCCEEDED
    assert "forced" in bench.audit_steps(done)


def test_where_the_store_cannot_say_it_holds() -> None:
    """Not known is not allowed; going back needs no answer."""
    bench = AlarmBench()
    bench.incidents.broken = Unavailable("Redis did not answer.")
    refused = bench.do("promote api 50")
    assert refused.state is State.REFUSED
    assert "whether an incident is open is not known" in refused.outcome
    assert bench.do("rollback api").state is State.SUCCEEDED


def test_gates_and_plans_say_it() -> None:
    """`gates` and dry runs show the row, so nobody has to try."""
    bench = AlarmBench()
    alarm(bench)
    for text in ("gates api", "plan promote api 50"):
        read = bench.do(text)
        assert [row.verdict for row in read.gates if row.name == "alerts"] == ["fail"], text
    assert not [row for row in bench.do("plan rollback api").gates if row.name == "alerts"]


# --- rollouts --------------------------------------------------------------------------------------------------------


def voyage() -> Voyage:
    """A rollout's way, without a warm-up."""
    service = Service("api", stable="v1", canary="v2", limits=Limits(warm_up_s=0.0))
    return Voyage(AlarmBench(services=(service,)))


def test_a_rollout_is_held_blind_by_its_own_services_unreadable_incident_only() -> None:
    """A newer meshbot wrote one during a roll-out: the other services' canaries go on, this one's is not raised."""
    trip = voyage()
    trip.start()
    web = replace(trip.operation.target, service="web")
    trip.bench.incidents.unread = {web: "A newer meshbot wrote it."}
    trip.look(1)
    assert trip.phase is Phase.BAKING
    assert list(open_incidents(trip.bench.desk, command("incidents web")).unread) == [web]
    assert open_incidents(trip.bench.desk, command("incidents api")) == Open()
    trip.bench.incidents.unread = {trip.operation.target: "A newer meshbot wrote it."}
    before = trip.bench.weights()
    trip.look(200)
    assert (trip.phase, trip.bench.weights()) == (Phase.HELD, before)
    assert trip.operation.rollout is not None
    assert "A newer meshbot wrote it" in trip.operation.rollout.why


def test_a_rollout_is_held_and_goes_on_by_itself() -> None:
    """It keeps its weights while an incident is open; after it, it bakes anew and goes on to its end."""
    trip = voyage()
    trip.start()
    trip.look(1)
    alarm(trip.bench)
    trip.look(1)
    assert trip.phase is Phase.HELD
    rollout = trip.operation.rollout
    assert rollout is not None
    assert rollout.cause is Happening.INCIDENT
    assert "HighErrorRate" in rollout.why
    trip.look(20)
    assert (trip.phase, trip.bench.weights()) == (Phase.HELD, [75, 25])
    alarm(trip.bench, alert(firing=False, since=trip.bench.time.at))
    trip.until(Phase.COMPLETED)
    assert trip.weights == [[90, 10], [75, 25], [50, 50], [0, 100]]


def test_a_step_that_an_incident_barred_is_taken_when_it_is_over() -> None:
    """It opens between the look that lets the step go and the patch: held, and later that very step is written."""
    trip = voyage()
    trip.start()
    plain = trip.bench.cluster.patch

    def never(plan: Plan, target: Target) -> Route:
        raise AssertionError("the step must not be written")

    trip.look(5)
    trip.bench.cluster.patch = never  # type: ignore[method-assign]  # nothing may be written meanwhile
    original = trip.work
    fired = False

    def work() -> None:
        nonlocal fired
        if trip.phase is Phase.MOVING and not fired:
            fired = True
            alarm(trip.bench)
        original()

    trip.work = work  # type: ignore[method-assign]  # the alert comes at the worst moment
    trip.until(Phase.HELD)
    assert fired
    rollout = trip.operation.rollout
    assert rollout is not None
    assert (rollout.cause, rollout.at) == (Happening.BARRED, 1)
    assert trip.bench.weights() == [75, 25]
    trip.look(10)
    assert trip.phase is Phase.HELD
    trip.bench.cluster.patch = plain  # type: ignore[method-assign]  # as it was
    alarm(trip.bench, alert(firing=False, since=trip.bench.time.at))
    trip.until(Phase.COMPLETED)
    assert trip.weights == [[90, 10], [75, 25], [50, 50], [0, 100]]


def test_a_bad_canary_is_turned_back_while_an_incident_is_open() -> None:
    """Held for an incident it is still judged: what is its own doing still turns it back."""
    trip = voyage()
    trip.start()
    alarm(trip.bench)
    trip.look(1)
    trip.bench.metrics.readings["v2"] = healthy(success=90.0)
    trip.until(Phase.TURNED_BACK)
    assert trip.bench.weights() == [100, 0]


def test_people_may_steer_back_while_an_incident_is_open() -> None:
    """Abort works; resume writes nothing while the incident is open."""
    trip = voyage()
    trip.start()
    alarm(trip.bench)
    trip.look(1)
    trip.say("resume api")
    trip.look(2)
    assert (trip.phase, trip.bench.weights()) == (Phase.HELD, [75, 25])
    assert trip.say("abort api").state is State.SUCCEEDED
    trip.until(Phase.ABORTED)
    assert trip.bench.weights() == [100, 0]


def test_several_routes_give_a_card_without_a_chart() -> None:
    """Of two weighted routes nobody can say which one the alert means."""
    objects = [virtual_service(), virtual_service(name="api-other"), *surroundings()]
    bench = AlarmBench(objects=objects)
    alarm(bench)
    assert shown(bench).points == ()
    assert Channels().incidents == ""
    assert show(shown(bench).id, bench.stage).open
