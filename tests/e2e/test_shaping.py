"""Shaping, seen from outside: the lab's sites complain above a rate, refuse everybody, and are suspended.

Lab time goes forward in steps of a second, so that ten minutes of pace take half one.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from house import DaemonTrouble, hand_over, letter
from house_lab import NO_SPREAD, WRITER, LabTown, lab_town

from engine.control.client import ControlError, part
from engine.control.protocol.shaping import SiteShaping, Wait, Why, WhyDelivery, WhyMessage

pytestmark = pytest.mark.e2e

_A_TURN = 3.0  # seconds after which the clock goes on where nothing came of it
_BEHIND, _NEARLY = 6, 0.8  # attempts; of the pace
SETTINGS = {
    **NO_SPREAD,
    "shaping": {
        "limits": {
            "campaign:spring": {"per_minute": 5},
            "campaign:narrow": {"connections": 1},
            "mx.no-tls.lab": {"per_second": 20},
            "mx.no-ehlo.lab": {"per_minute": 5},
        }
    },
}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabTown]:
    with lab_town(tmp_path_factory.mktemp("shaping"), SETTINGS) as town:
        yield town
        assert town.daemon.audit().balances


def bulk(town: LabTown, domain: str, count: int, first: int = 0) -> None:
    """Marketing mail to so many people of a domain."""
    with town.daemon.smtp() as smtp:
        for number in range(first, first + count):
            to = f"p{number}@{domain}"
            hand_over(smtp, WRITER, [to], letter(to, X_Posthouse_Stream="marketing"))


def show(town: LabTown, site: str) -> SiteShaping:
    return town.daemon.control.get(SiteShaping, f"/v1/shaping/{part(site)}")


def why(town: LabTown, site: str) -> Why:
    return town.daemon.control.get(Why, f"/v1/why/{part(site)}")


def why_waiting(town: LabTown, message: int, limit: str) -> WhyDelivery:
    """What a message's only delivery waits for, as soon as this limit is what binds (the heartbeats of carriers say so)."""

    def told() -> WhyDelivery | None:
        [each] = town.daemon.control.get(WhyMessage, f"/v1/messages/{message}/why").deliveries
        return each if each.waits and each.waits[0].limit == limit else None

    return town.daemon.until(told)


def waits_of(town: LabTown, message: int) -> tuple[Wait, ...]:
    """All that a message's only delivery waits for."""
    [each] = town.daemon.control.get(WhyMessage, f"/v1/messages/{message}/why").deliveries
    return each.waits


def attempts(town: LabTown, domain: str) -> list[tuple[Any, ...]]:
    """(lab time in ms, outcome) of every attempt at a domain, in order."""
    return town.daemon.rows(
        "SELECT a.at_ms, a.outcome FROM attempt a JOIN delivery d ON d.id = a.delivery_id WHERE d.domain = ? ORDER BY a.at_ms",
        domain,
    )


def step(town: LabTown, seconds: int) -> None:
    for _ in range(seconds):
        town.daemon.advance("1s")


def step_with_carriers(town: LabTown, site: str, until_ms: int) -> None:
    """Steps up to a moment, no faster than carriers come along on a busy machine: where they fall behind the pace that they
    were given, the clock waits for another attempt."""
    due, made = 0.0, len(attempts(town, site))
    while (told := show(town, site)).now_ms < until_ms:
        step(town, 1)
        now = len(attempts(town, site))
        pace = min((row.value for row in told.limits if row.name == "learnt rate"), default=0.0)
        due = max(0.0, due + made - now + (0.0 if told.paused_ms else _NEARLY * pace / 60))
        made = now
        if due > _BEHIND:
            with suppress(DaemonTrouble):
                town.daemon.until(lambda now=now: len(attempts(town, site)) > now, patience=_A_TURN)  # type: ignore[misc]
            due -= 2


def test_a_site_that_answers_421_above_a_rate_gets_nearly_that_rate_and_others_do_not_notice(town: LabTown) -> None:
    bulk(
        town, "busy.lab", 1200
    )  # more than it takes in a quarter of an hour, and in the minutes that this may take here
    town.daemon.until(lambda: any(outcome == "deferred" for _, outcome in attempts(town, "busy.lab")))
    number = town.submit("ann.meanwhile@shop.lab")
    town.daemon.until(lambda: town.daemon.state_of(number) == "delivered")

    def pause() -> Why | None:
        """The first may be over by now: then the clock goes on to the next."""
        if (said := why(town, "busy.lab")).limit == "pause":
            return said
        step(town, 1)
        return None

    told = town.daemon.until(pause)
    assert told and "slow down" in told.text and told.frees_ms is not None

    began = town.daemon.overview().now_ms
    step_with_carriers(town, "busy.lab", began + 14 * 60_000)
    tried = attempts(town, "busy.lab")
    minutes = [
        sum(outcome == "delivered" and minute <= (at - began) // 60_000 < minute + 1 for at, outcome in tried)
        for minute in range(5, 14)
    ]
    assert 0.8 * 60 <= sum(minutes) / len(minutes) <= 60, minutes
    later = [outcome for at, outcome in tried if at > began]
    assert later.count("deferred") < 0.02 * len(tried)
    town.daemon.until(lambda: any(row.name == "learnt rate" and row.binds for row in show(town, "busy.lab").limits))
    # It rests when its pace has grown to where it refuses.
    town.daemon.until(lambda: why(town, "busy.lab").limit in ("rate", "pause"))


def test_what_was_learnt_survives_a_restart(town: LabTown) -> None:
    def rate() -> list[float]:
        return [row.value for row in show(town, "busy.lab").limits if row.name == "learnt rate"]

    # While it waits nothing more is learnt, however long all of it takes.
    town.daemon.act("shaping/suspend", scope="site", name="busy.lab", why="to compare", by="ann", **{"for": "1d"})
    moving = "SELECT 1 FROM delivery WHERE domain = 'busy.lab' AND state IN (1, 2)"
    town.daemon.until(lambda: not town.daemon.rows(moving))
    [before] = rate()
    assert town.daemon.stop() == 0
    town.daemon.restart()
    town.submit("ann.again@busy.lab")
    [after] = town.daemon.until(lambda: _is_known(town, "busy.lab") and rate())
    # What was on its way may have been told it was too much once more: a fifth less.
    assert 0.75 * before <= after <= 1.1 * before


def _is_known(town: LabTown, site: str) -> bool:
    try:
        return bool(show(town, site).limits)
    except ControlError:
        return False


def test_transactional_mail_overtakes_bulk_within_a_second_where_the_site_has_a_limit(town: LabTown) -> None:
    """A second is what the site takes in one, so that no machine is too slow for it."""
    bulk(town, "no-tls.lab", 300)
    between, left = (
        "SELECT count(*) FROM attempt a JOIN delivery o ON o.id = a.delivery_id, delivery d WHERE d.message_id = ?"
        " AND o.domain = d.domain AND o.id <> d.id AND a.at_ms >= d.created_ms AND a.at_ms < d.ended_ms",
        "SELECT count(*) FROM delivery o, delivery d WHERE d.message_id = ? AND o.domain = d.domain"
        " AND o.created_ms < d.created_ms AND (o.ended_ms IS NULL OR o.ended_ms > d.ended_ms)",
    )
    for number in range(8):
        bulk(town, "no-tls.lab", 60, 300 + 60 * number)  # while this machine is busy, they leave
        message = town.submit(f"ann.urgent{number}@no-tls.lab")
        town.daemon.until(lambda message=message: town.daemon.state_of(message) == "delivered")
        assert town.daemon.rows(between, message)[0][0] <= 20
        assert town.daemon.rows(left, message)[0][0] > 0, "the bulk was gone before it could be overtaken"
    in_seconds: dict[int, int] = {}
    for at, _ in attempts(town, "no-tls.lab"):
        in_seconds[at // 1000] = in_seconds.get(at // 1000, 0) + 1
    assert max(in_seconds.values()) <= 20
    town.daemon.act("queue/cancel", domain="no-tls.lab", by="ann", why="it was overtaken")


def test_no_minute_holds_more_than_its_limit_over_all_carriers(town: LabTown) -> None:
    bulk(town, "no-ehlo.lab", 25)
    step(town, 200)
    times = [at for at, _ in attempts(town, "no-ehlo.lab")]
    assert len(times) >= 9
    assert all(sum(at <= each < at + 60_000 for each in times) <= 5 for at in times)
    [row] = [row for row in show(town, "no-ehlo.lab").limits if row.name == "per_minute"]
    assert row.value == 5 and row.origin == 'posthouse.toml shaping.limits."mx.no-ehlo.lab"'


def test_a_known_provider_has_its_limits_from_the_file_and_the_slots_of_all_carriers_keep_to_them(
    town: LabTown,
) -> None:
    bulk(town, "gmail.lab", 60)
    town.daemon.until(lambda: len(attempts(town, "gmail.lab")) >= 60)
    found = show(town, "gmail.lab")
    assert found.provider == "gmail"
    limits = {row.name: row for row in found.limits}
    assert limits["connections"].value == 5 and limits["connections"].origin == "providers.toml gmail"
    assert sum(share.slots for share in found.shares) <= 5
    printed = town.daemon.command("shaping", "show", "gmail.lab")
    assert "providers.toml gmail" in printed.stdout, printed.stderr
    assert json.loads(town.daemon.command("shaping", "show", "gmail.lab", "--json").stdout)["provider"] == "gmail"


def test_a_domain_that_refuses_everybody_is_paused_and_not_believed(town: LabTown) -> None:
    for number in range(25):
        town.submit(f"unknown.g{number}@guarded.lab")
    town.daemon.until(lambda: town.daemon.rows("SELECT 1 FROM suspension WHERE name = 'guarded.lab'"))
    town.daemon.until(
        lambda: not town.daemon.rows("SELECT 1 FROM delivery WHERE domain = 'guarded.lab' AND state IN (1, 2)")
    )
    assert town.daemon.rows("SELECT key FROM suppression WHERE key LIKE '%@guarded.lab'") == []
    assert any("guarded.lab" in alert.text and "bounce guard" in alert.text for alert in town.daemon.overview().alerts)
    number = town.submit("ann@guarded.lab")
    other = town.submit("ann.other@shop.lab")  # the same site, another domain
    town.daemon.until(lambda: town.daemon.state_of(other) == "delivered")
    assert town.daemon.state_of(number) == "queued"
    assert why(town, "guarded.lab").origin == "bounce guard"
    done = town.daemon.command("shaping", "resume", "guarded.lab", "--domain")
    assert done.returncode == 0, done.stderr
    town.daemon.until(lambda: town.daemon.state_of(number) == "delivered")


def test_a_suspended_site_waits_says_who_and_why_and_goes_on_by_itself(town: LabTown) -> None:
    town.submit("ann.first@slow.lab")
    town.mail_for("ann.first@slow.lab")
    done = town.daemon.command("shaping", "suspend", "slow.lab", "--for", "20 min", "--why", "their postmaster asked")
    assert done.returncode == 0, done.stderr
    number = town.submit("ann.second@slow.lab")
    told = town.daemon.until(lambda: (said := why(town, "slow.lab")).limit == "site suspended" and said)
    assert told.waiting and told.text == "their postmaster asked"
    town.daemon.advance("10 min")
    assert town.daemon.state_of(number) == "queued"
    town.daemon.advance("11 min")
    town.daemon.until(lambda: town.daemon.state_of(number) == "delivered")


def test_what_makes_no_sense_is_refused_in_words(town: LabTown) -> None:
    for words, code in (
        (["suspend", "x.lab", "--why", " "], 2),
        (["suspend", "x.lab", "--why", "w", "--for", "5 dyas"], 2),
        (["resume", "x.lab"], 1),
        (["show", "nobody.lab"], 1),
    ):
        refused = town.daemon.command("shaping", *words)
        assert refused.returncode == code and refused.stderr.startswith("posthouse: "), words
    assert town.daemon.command("why", "nobody.lab").returncode == 1


def campaign_attempts(town: LabTown) -> list[int]:
    rows = town.daemon.rows(
        "SELECT a.at_ms FROM attempt a JOIN delivery d ON d.id = a.delivery_id WHERE d.campaign = 'spring' ORDER BY a.at_ms"
    )
    return [row[0] for row in rows]


def has_tried_more_than(town: LabTown, count: int) -> bool:
    return len(campaign_attempts(town)) > count


def test_a_campaign_s_limit_holds_over_all_sites_and_survives_a_restart_while_other_mail_passes(town: LabTown) -> None:
    for number in range(12):
        for domain in ("shop.lab", "gmail.lab"):
            town.submit(f"c{number}.spring@{domain}", X_Posthouse_Campaign="spring", X_Posthouse_Stream="marketing")
    town.daemon.until(lambda: len(campaign_attempts(town)) == 5)
    other = town.submit("ann.beside@shop.lab")
    town.daemon.until(lambda: town.daemon.state_of(other) == "delivered")
    [(waiting,)] = town.daemon.rows("SELECT max(message_id) FROM delivery WHERE campaign = 'spring' AND state = 0")
    limit = "campaign:spring per_minute"  # beside it a site's slow start may bind, while a carrier keeps its connection
    told = town.daemon.until(lambda: [each for each in waits_of(town, waiting) if each.limit == limit])
    assert "shaping.limits" in told[0].origin
    town.daemon.until(lambda: [(row.value, row.used) for row in show(town, "campaign:spring").limits] == [(5, 5)])

    step(town, 1)  # so that what was spent is written down
    assert town.daemon.stop() == 0
    town.daemon.restart()
    after = town.submit("ann.after@shop.lab")
    town.daemon.until(lambda: town.daemon.state_of(after) == "delivered")
    tried = campaign_attempts(town)
    assert sum(at < tried[0] + 60_000 for at in tried) == 5, "this one's minute, however long all of it took"
    town.daemon.advance("40s")
    # Carriers share what is free at their own pace: the clock waits for them, and goes on where none is.
    for _ in range(30):
        if len(tried := campaign_attempts(town)) >= 13:
            break
        town.daemon.advance("13s")
        with suppress(DaemonTrouble):
            town.daemon.until(partial(has_tried_more_than, town, len(tried)), patience=_A_TURN)
    assert len(campaign_attempts(town)) >= 13
    tried = campaign_attempts(town)
    assert max(sum(at - 60_000 < each <= at for each in tried) for at in tried) <= 5


def test_a_stream_that_is_suspended_waits_while_the_other_goes(town: LabTown) -> None:
    town.daemon.act("shaping/suspend", scope="stream", name="marketing", why="a test", by="ann", **{"for": "1h"})
    waits = town.submit("news.one@shop.lab", X_Posthouse_Stream="marketing")
    goes = town.submit("order.one@shop.lab")
    town.daemon.until(lambda: town.daemon.state_of(goes) == "delivered")
    told = why_waiting(town, waits, "stream suspended")
    assert (told.state, told.waits[0].origin) == ("queued", "ann")
    done = town.daemon.command("shaping", "resume", "marketing", "--stream")
    assert done.returncode == 0 and "goes on" in done.stdout
    town.daemon.until(lambda: town.daemon.state_of(waits) == "delivered")


def test_mail_that_waits_by_itself_is_told_of_and_what_put_it_off(town: LabTown) -> None:
    number = town.submit("greylist.why@ascii.lab")
    town.daemon.until(lambda: attempts(town, "ascii.lab") and town.daemon.state_of(number) == "queued")
    told = town.daemon.until(lambda: (said := why(town, "ascii.lab")).limit == "retry" and said)
    assert (told.waiting, told.later) == (0, 1)
    assert told.frees_ms == told.later_ms is not None
    assert told.later_reply.startswith("450") and told.later_reply in told.text
    shown = town.daemon.command("why", "ascii.lab").stdout
    assert "ascii.lab: 0 due, 1 later" in shown and "nothing holds it back" not in shown


def test_mail_that_is_being_carried_says_by_whom(town: LabTown) -> None:
    number = town.submit("ann@stall-greeting.lab")
    town.daemon.until(lambda: town.daemon.state_of(number) == "in flight")
    [told] = town.daemon.until(
        lambda: (
            (said := town.daemon.control.get(WhyMessage, f"/v1/messages/{number}/why").deliveries)[0].carried_by
            and said
        )
    )
    assert told.carried_by.startswith("carrier-")
    said = town.daemon.command("why", str(number)).stdout
    assert f"carried by {told.carried_by}, for " in said and "; it was due " in said


def test_a_campaign_with_one_connection_has_one_over_all_sites_and_carriers(town: LabTown) -> None:
    with town.daemon.smtp() as smtp:
        for number in range(24):
            to = f"narrow{number}@{('shop.lab', 'gmail.lab', 'other.lab')[number % 3]}"
            hand_over(smtp, WRITER, [to], letter(to, X_Posthouse_Campaign="narrow"))
    rows = (
        "SELECT a.at_ms, a.took_ms FROM attempt a JOIN delivery d ON d.id = a.delivery_id WHERE d.campaign = 'narrow'"
    )
    times = town.daemon.until(lambda: (found := town.daemon.rows(rows + " ORDER BY a.at_ms, a.id"))[23:] and found)
    ends = [at + took for at, took in times]
    assert all(after[0] >= end - 1 for after, end in zip(times[1:], ends, strict=False)), "no two at once"
    [told] = show(town, "campaign:narrow").limits
    assert (told.name, told.value) == ("connections", 1)
    town.daemon.until(lambda: show(town, "campaign:narrow").limits[0].used == 0)  # told with the next beat
