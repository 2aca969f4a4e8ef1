"""The doctor without a daemon: what the configuration, the database and the files say, and the network or a file for DNS."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from deliverability.address import AddressError, parse_domain
from deliverability.doctor.facts import House
from deliverability.doctor.model import NotKnown
from engine.commands.common import config, refuse
from engine.commands.dns import answers
from engine.config import Config
from engine.control import place
from engine.control.examined import answer
from engine.control.protocol.doctor import DoctorReport
from engine.doctor import gathering
from engine.doctor.asking import of_file, with_lists_of
from engine.doctor.practice import seen_from, web_certificate, world_of
from engine.doctor.visit import Report, visit
from engine.sending.compose import Composer
from engine.sending.resources import Resources
from engine.store.lab_time import read_offset
from engine.store.migrate import SchemaMismatch
from engine.store.opening import store_at
from engine.system import SystemChance, SystemClock, SystemNet
from mta.ports import StoreTrouble

NO_SECRET = bytes(32)  # the links of a mail that nobody gets


@dataclass(frozen=True, slots=True)
class Assumed:
    """What somebody says instead of the configuration and the network; "" and () for nothing."""

    dns: Path | None
    addresses: tuple[str, ...]
    helo: str
    bounces: str

    def noted(self, house: House) -> House:
        """A house whose doors nobody tried, since a daemon is asked only about what is so."""
        given = {"--dns": self.dns, "--ip": self.addresses, "--helo": self.helo, "--bounces": self.bounces}
        names = ", ".join(name for name, value in given.items() if value)
        return replace(house, no_listeners=f"not tried: no daemon is asked with {names}") if names else house


def examine(names: Sequence[str], assumed: Assumed, config_path: Path | None) -> DoctorReport:
    """The examination; what is asked wrongly ends the command with 2."""
    settings, clock = _settings(config_path), SystemClock()
    house = _house(settings, clock) if settings else House(now=clock.now())
    try:
        helo, bounces = (parse_domain(each) if each else "" for each in (assumed.helo, assumed.bounces))
        house = seen_from(assumed.noted(house), assumed.addresses, helo, bounces)
        domains = gathering.domains_of(house, names)
    except AddressError as err:
        refuse(str(err), code=2)
    except ValueError:
        refuse("--ip takes an IP address", "such as --ip 198.51.100.7", code=2)
    except NotKnown as err:
        refuse(str(err), "`posthouse doctor shop.example`", code=2)
    report = asyncio.run(_visit(house, domains, assumed.dns, settings or Config(hostname=helo or "localhost"), clock))
    return answer(report, clock.now())


async def _visit(
    house: House, domains: Sequence[str], file: Path | None, settings: Config, clock: SystemClock
) -> Report:
    seconds = settings.doctor.patience.total_seconds()
    if file is not None:
        dns = answers(file)
        return await visit(with_lists_of(house, dns), domains, of_file(dns), seconds)
    net = SystemNet()
    if shown := await web_certificate(settings, net, clock):
        house = replace(house, certificates=(*(house.certificates or ()), shown))
    return await visit(house, domains, world_of(settings, net, clock).ask, seconds)


def _settings(given: Path | None) -> Config | None:
    """The configuration; None where there is none and nobody named one."""
    if given is None and not place.is_there(place.LOCAL_CONFIG) and not place.is_there(place.SYSTEM_CONFIG):
        return None
    return config(given)


def _house(settings: Config, clock: SystemClock) -> House:
    house = gathering.of_config(settings, clock.now())
    resources = Resources([settings.templates] if settings.templates else [])
    composer = Composer(settings.mail, resources, NO_SECRET, settings.web.base_url, settings.bounces.domain)
    house = gathering.with_sample(house, composer, SystemChance().octets(16))
    try:
        store = store_at(settings.database_place, clock)
        if not store.exists():
            return house
        store.open()
        store.check_schema()
        now = clock.now() + store.read_now(read_offset)
        house = store.read_now(lambda tx: gathering.of_store(replace(house, now=now), settings, tx))
        store.close()
    except (SchemaMismatch, StoreTrouble, OSError) as err:
        print(f"posthouse: keys and figures are not looked at: {err}", file=sys.stderr)
    return house
