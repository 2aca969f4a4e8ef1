"""What a scheduler remembers of sites and domains that it carried mail to has an end."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from house_carrier import PATIENCE, Carrier, running
from mail_shop import Place

from deliverability.shaping.share import Report, Share
from mta.queue.delivery import State
from mta.routing.hops import Demand, Level
from mta.routing.policy import Reported
from mta.routing.routes import Route


async def until(carrier: Carrier, is_so: Callable[[], bool], seconds: float = 2) -> None:
    """Until it is so, while the clock goes on and the scheduler looks again and again."""
    async with asyncio.timeout(PATIENCE):
        while not is_so():
            carrier.clock.advance(timedelta(seconds=seconds))
            carrier.scheduler.wake()
            await carrier.store.read(lambda tx: tx.one("SELECT 1"))


async def test_what_a_site_s_domains_demand_goes_with_their_ways(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mta.outbound.lanes.ROUTES_MAX", 3)
    domains = [f"{letter}.example" for letter in "abcdefghij"]
    trial = Demand(Level.MAY, "MTA-STS testing", is_trial=True)
    async with running(place, connection_deliveries=1) as carrier:
        for each in domains:
            hosts = carrier.roads.anywhere.hosts
            carrier.roads.by_domain[each] = Route("site", hosts, trial, reported=Reported(each, "sts"))
            await carrier.hand_over(f"ann@{each}")
        await carrier.until_states(*[State.DELIVERED] * len(domains))

        def known() -> int:
            return max(len(lane.demands) + len(lane.reported) for lane in carrier.scheduler._lanes)

        await until(carrier, lambda: known() <= 6)


async def test_an_alarm_of_a_site_s_pace_is_gone_once_it_rang(place: Place) -> None:
    carriers: list[Carrier] = []

    def hear(**said: Any) -> None:
        for each in map(Report.from_dict, said.get("sites", ())):
            share = Share(2, per_connection=10, rate=100.0, burst=1.0, version=1)
            asyncio.get_running_loop().call_soon(carriers[0].scheduler.use_shares, {each.site: share.to_dict()})

    async with running(place, tell=hear) as carrier:
        carriers.append(carrier)
        alarms = carrier.scheduler.courier._alarms
        await carrier.hand_over(*(f"{name}@a.example" for name in ("ann", "bob", "cat")))
        await until(carrier, lambda: bool(alarms), seconds=0)
        await until(carrier, lambda: len(carrier.hop.kept) == 3)
        await carrier.until_states(*[State.DELIVERED] * 3)
        await until(carrier, lambda: not alarms)
