"""The keeper of keys, with a real name server and a clock that moves: whatever happens, what signs is what DNS shows."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dkim
import pytest
from clock import FakeChance, FakeClock
from lab_thread import LabThread
from mail_shop import open_store

from deliverability.signing.keys import Algorithm, dns_record, generate_key
from engine import keys
from engine.config import Config, parse
from engine.domains import making, records
from engine.domains.keeper import KeyKeeper
from engine.domains.looking import look
from engine.keys import KeyState
from engine.lab import zones
from mta.ports import Tx, to_ms

DOMAIN = "shop.example"
pytestmark = pytest.mark.usefixtures("patient_dns")
MAIL = b"From: hello@shop.example\r\nTo: ann@example.org\r\nSubject: Hello\r\n\r\nHello\r\n"


class House:
    """A store, a folder of keys, and the lab's name server; `keeper` may be made anew at any time."""

    def __init__(self, folder: Path, lab: LabThread, extra: str = "") -> None:
        self.clock, self.lab = FakeClock(), lab
        self.store = open_store(folder, self.clock)
        self.config: Config = parse(
            f'hostname = "mail.shop.example"\n{extra}\n[daemon]\nstate_dir = "{folder}"\n[lab]\nenabled = true\n'
            f'[bounces]\ndomain = "bounce.shop.example"\n[routing]\nresolvers = ["{lab.dns_address}"]\n'
        )
        self.config.keys_path.mkdir()
        self.heard = 0
        self.restart()

    def restart(self) -> None:
        """A new process: nothing is remembered but what is durable."""
        self.keeper = KeyKeeper(self.store, self.clock, self.config, self._hear)

    def _hear(self) -> None:
        self.heard += 1

    def add(self, domain: str = DOMAIN, stem: str = "a") -> KeyState:
        made = making.pair(self.config, domain, self.clock.now(), stem)
        files = making.write_files(self.config, made)
        return self.store.write_now(lambda tx: keys.add(tx, list(zip(made, files, strict=True)), self.clock.now()))

    def publish(self, domain: str = DOMAIN) -> None:
        """What `posthouse domain records` prints of keys."""
        for each in self.kept(domain):
            if each.state is not KeyState.GONE:
                record = dns_record(each.load(self.config.keys_path))
                zones.publish(self.lab.state, record.name, "TXT", record.value)

    def pass_round(self, after: timedelta = timedelta()) -> None:
        self.clock.advance(after)
        asyncio.run(self.keeper.round())

    def kept(self, domain: str = DOMAIN) -> list[keys.KeptKey]:
        return self.store.read_now(lambda tx: keys.kept(tx, domain))

    def states(self, domain: str = DOMAIN) -> dict[str, str]:
        return {each.selector: str(each.state) for each in self.kept(domain)}

    def files(self) -> set[str]:
        return {each.name for each in self.config.keys_path.iterdir()}

    def verifies(self, content: bytes = b"") -> bool:
        """Whether mail that is signed now, or was signed before, verifies by what DNS shows."""
        signed = content or self.signed()
        zone = zones.read(self.lab.state / "zone.toml")

        def text(name: Any, **_: Any) -> bytes | None:
            found = zone.get(name.decode().rstrip("."), {}).get("TXT")
            return found[0].encode() if found else None

        verifier = dkim.DKIM(signed)
        return all(verifier.verify(number, dnsfunc=text) for number in range(2))

    def signed(self) -> bytes:
        ring = self.store.read_now(lambda tx: keys.load_keys(tx, self.config.keys_path, self.config.dkim))
        return ring.signers[DOMAIN].sign(MAIL, self.clock.now()) + MAIL

    @property
    def words(self) -> str:
        return "\n".join(words for _, words in self.keeper.alerts)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with LabThread(tmp_path / "lab") as lab:
        made = House(tmp_path, lab)
        yield made
        made.store.close()


DAY = timedelta(days=1)


@pytest.mark.parametrize("dies", [False, True])
def test_keys_are_changed_every_half_year_and_mail_verifies_at_each_moment(house: House, dies: bool) -> None:
    """With `dies` the process is a new one before each round: it goes on in each state."""

    def step(after: timedelta = timedelta()) -> None:
        if dies:
            house.restart()
        house.pass_round(after)

    assert house.add() is KeyState.ACTIVE
    step()
    assert "signed with ae fails" in house.words and "domain records" in house.words
    house.publish()
    step(timedelta(hours=7))
    assert house.words == "" and house.verifies()

    step(180 * DAY)
    fresh = {name for name, state in house.states().items() if state == "new"}
    assert len(fresh) == 2 and {"ae", "ar"}.isdisjoint(fresh)
    assert "publish what `posthouse domain records shop.example` prints" in house.words
    assert house.verifies() and house.states()["ar"] == "active"
    step(DAY)
    assert len(house.states()) == 4, "they are proposed once"

    house.publish()
    step(timedelta(hours=1))
    assert {house.states()[name] for name in fresh} == {"published"}
    assert "is signed with its new keys from" in house.words
    under_way = house.signed()
    assert b"s=ar;" in under_way
    step(timedelta(seconds=6))  # the lab's records live for five seconds
    house.pass_round(timedelta(minutes=1))
    assert {house.states()[name] for name in fresh} == {"active"} and house.states()["ar"] == "retiring"
    assert house.verifies() and house.verifies(under_way)
    assert b"s=ar;" not in house.signed()

    step(7 * DAY - timedelta(minutes=1))
    assert house.states()["ar"] == "retiring" and house.verifies(under_way)
    step(timedelta(hours=7))
    assert house.states()["ar"] == "gone" and not {name for name in house.files() if ".ar." in name}
    assert 'set ar._domainkey.shop.example to "v=DKIM1; p=", or remove it' in house.words
    zones.publish(house.lab.state, "ar._domainkey.shop.example", "TXT", records.withdrawn("x").value)
    zones.publish(house.lab.state, "ae._domainkey.shop.example", "TXT")
    step(timedelta(hours=7))
    assert house.states() == dict.fromkeys(fresh, "active") and house.words == ""
    assert house.verifies() and len(house.files()) == 2
    assert house.heard >= 2


class Died(Exception):
    """As if the process had been killed there."""


def test_it_may_die_before_and_after_each_thing_it_does(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before and after each commit and each change of a file, by a die; the next process goes on, and at each moment what
    signs verifies."""
    dice, deaths = FakeChance(7), 0
    write, write_file, unlink = house.store.write, keys.write_file, Path.unlink

    def falls() -> bool:
        nonlocal deaths
        deaths += (has_fallen := dice.uniform(0, 1) < 0.3)
        return has_fallen

    async def dying_write(work: Any, **how: Any) -> Any:
        if falls():
            raise Died
        done = await write(work, **how)
        if falls():
            raise Died
        return done

    def dying_write_file(*what: Any) -> str:
        name = write_file(*what)
        if falls():
            raise Died
        return name

    def dying_unlink(path: Path, **how: Any) -> None:
        if falls():
            raise Died
        unlink(path, **how)

    def until(question: Callable[[], bool], after: timedelta) -> None:
        for _ in range(300):
            if question():
                return
            house.restart()
            with contextlib.suppress(Died):
                house.pass_round(after)
            assert house.verifies(), house.states()
        raise AssertionError(house.states())

    house.add()
    house.publish()
    house.pass_round(180 * DAY - timedelta(hours=1))
    monkeypatch.setattr(house.store, "write", dying_write)
    monkeypatch.setattr(keys, "write_file", dying_write_file)
    monkeypatch.setattr(Path, "unlink", dying_unlink)
    minute = timedelta(minutes=1)
    until(lambda: "new" in house.states().values(), timedelta(hours=1))
    house.publish()
    until(lambda: house.states()["ar"] == "retiring", minute)
    until(
        lambda: house.states()["ar"] == "gone" and not {".ar.", ".ae."} & {each[12:16] for each in house.files()}, DAY
    )
    for selector in ("ar", "ae"):
        zones.publish(house.lab.state, f"{selector}._domainkey.shop.example", "TXT")
    until(lambda: set(house.states().values()) == {"active"}, minute)
    assert deaths > 5 and len(house.states()) == 2


def test_what_a_process_that_died_left_behind_harms_nothing(house: House) -> None:
    # between the file and its row
    for each in making.pair(house.config, DOMAIN, house.clock.now()):
        keys.write_file(house.config.keys_path, each)
    orphans = house.files()
    made = making.pair(house.config, DOMAIN, house.clock.now())
    assert {each.selector for each in made} == {"ph20260302-2r", "ph20260302-2e"}
    files = making.write_files(house.config, made)
    house.store.write_now(lambda tx: keys.add(tx, list(zip(made, files, strict=True)), house.clock.now()))
    house.publish()
    house.pass_round()
    assert house.verifies() and house.words == ""
    # between the row that says gone and the file
    house.add(stem="b")
    house.publish()
    house.store.write_now(lambda tx: keys.switch(tx, DOMAIN, ["br", "be"], house.clock.now()))
    house.clock.advance(8 * DAY)
    house.store.write_now(lambda tx: keys.end_retired(tx, making.rest_of(house.config), house.clock.now()))
    assert len(house.files()) == 6
    house.restart()
    house.pass_round()
    assert house.files() == orphans | {"shop.example.br.pem", "shop.example.be.pem"}
    assert house.verifies()


def test_a_wrong_record_and_a_silent_server_keep_new_keys_from_signing(house: House) -> None:
    house.add()
    house.publish()
    house.pass_round()
    house.add(stem="b")
    for each in house.kept():
        if each.selector.startswith("b"):
            other = generate_key(DOMAIN, each.selector, Algorithm(each.algorithm))
            zones.publish(house.lab.state, dns_record(other).name, "TXT", dns_record(other).value)
    house.pass_round(timedelta(minutes=2))
    assert house.states()["br"] == "new" and "p= differs" in house.words
    house.publish()
    house.pass_round(timedelta(minutes=2))
    assert house.states()["br"] == "published"
    host, _, _ = house.lab.dns_address.rpartition(":")
    zones.publish(house.lab.state, DOMAIN, "NS", "ns1.dns.lab.", "ns2.dns.lab.")
    zones.publish(house.lab.state, "ns1.dns.lab", "A", host)
    zones.publish(house.lab.state, "ns2.dns.lab", "A", "127.0.0.250")
    house.pass_round(timedelta(minutes=2))
    assert house.states()["br"] == "published" and "ns2.dns.lab: 127.0.0.250 does not answer" in house.words
    zones.publish(house.lab.state, DOMAIN, "NS", "ns1.dns.lab.")
    zones.publish(house.lab.state, "br._domainkey.shop.example", "TXT")
    house.pass_round(timedelta(minutes=2))
    assert house.states()["br"] == "new", "what is no longer shown is not published"
    assert house.states()["ar"] == "active" and house.verifies()


def test_old_keys_stay_while_those_that_sign_are_not_to_be_seen(house: House) -> None:
    house.add()
    house.publish()
    house.add(stem="b")
    house.store.write_now(lambda tx: keys.switch(tx, DOMAIN, ["br", "be"], house.clock.now()))
    house.pass_round(30 * DAY)
    assert house.states()["ar"] == "retiring" and "signed with be fails" in house.words
    house.publish()
    house.pass_round(timedelta(hours=7))
    assert house.states() == {"ae": "gone", "ar": "gone", "be": "active", "br": "active"}


def test_several_domains_subdomains_and_names_of_other_scripts_are_kept_beside_each_other(house: House) -> None:
    idn = "xn--bcher-kva.example"
    for domain, stem in ((DOMAIN, "a"), (idn, "a"), ("news.shop.example", "n")):
        house.add(domain, stem)
        house.publish(domain)
    house.pass_round()
    assert house.states("news.shop.example") == {"ne": "published", "nr": "published"}, "its parent signs for it"
    house.pass_round(timedelta(minutes=2))
    assert house.states("news.shop.example") == {"ne": "active", "nr": "active"}
    assert house.states(idn) == {"ae": "active", "ar": "active"} and house.words == ""
    assert records.readable(idn) == "bücher.example (xn--bcher-kva.example)"


def test_a_selector_that_is_an_alias_is_followed(house: House) -> None:
    house.add()
    for each in house.kept():
        record = dns_record(each.load(house.config.keys_path))
        zones.publish(house.lab.state, record.name, "CNAME", f"{each.selector}.keys.dns.lab.")
        zones.publish(house.lab.state, f"{each.selector}.keys.dns.lab", "TXT", record.value)
    seen = [asyncio.run(look(house.config, each)) for each in house.kept()]
    assert [each.shown for each in seen] == [True, True]


def test_a_key_whose_file_is_gone_is_said_and_never_switched_to(house: House) -> None:
    house.add()
    house.publish()
    house.add(stem="b")
    house.publish()
    (house.config.keys_path / "shop.example.br.pem").unlink()
    house.pass_round()
    house.pass_round(timedelta(minutes=5))
    assert house.states()["br"] == "new" and house.states()["ar"] == "active"
    assert "shop.example.br.pem of" not in house.words and "can't be used" in house.words


def test_no_key_of_a_folder_that_can_t_be_written_is_made(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.add()
    house.publish()
    house.pass_round()

    def full(*_: Any) -> str:
        raise OSError("no space left on device")

    monkeypatch.setattr(keys, "write_file", full)
    house.pass_round(181 * DAY)
    assert set(house.states()) == {"ae", "ar"} and "have signed for long" in house.words
    assert house.verifies()


def test_nothing_is_made_and_nothing_switched_where_settings_say_so(tmp_path: Path) -> None:
    with LabThread(tmp_path / "lab") as lab:
        house = House(tmp_path, lab, '[dkim]\nrotate_every = "0s"\nswitch = false\n')
        house.add()
        house.publish()
        house.pass_round(400 * DAY)
        assert set(house.states()) == {"ae", "ar"}
        house.add(stem="b")
        house.publish()
        house.pass_round(timedelta(hours=1))
        house.pass_round(timedelta(hours=1))
        assert house.states()["br"] == "published" and "`posthouse domain switch shop.example`" in house.words
        house.store.close()


def test_a_key_that_is_to_be_dropped_and_signs_meanwhile_stays(house: House) -> None:
    house.add()
    house.add(stem="b")
    (key,) = [each for each in house.kept() if each.selector == "br"]
    house.store.write_now(lambda tx: keys.switch(tx, DOMAIN, ["br", "be"], house.clock.now()))

    def drop(tx: Tx) -> bool:
        return keys.drop(tx, key)

    assert not house.store.write_now(drop)
    assert house.states()["br"] == "active"
    assert to_ms(house.clock.now()) > 0


# -- the records


def test_every_record_is_there_in_both_forms(house: House) -> None:
    made = making.pair(house.config, DOMAIN, house.clock.now())
    found = records.needed(house.config, DOMAIN, made, house.clock.now())
    assert [(each.kind, each.name) for each in found] == [
        ("TXT", "ph20260302r._domainkey.shop.example"), ("TXT", "ph20260302e._domainkey.shop.example"),
        ("TXT", "_dmarc.shop.example"), ("TXT", "shop.example"), ("TXT", "mail.shop.example"), ("MX", "bounce.shop.example"),
        ("TXT", "bounce.shop.example"), ("TXT", "_smtp._tls.bounce.shop.example"), ("TXT", "_mta-sts.bounce.shop.example"),
    ]  # fmt: skip
    rsa = found[0]
    strings = rsa.zone_line.partition("( ")[2].rpartition(" )")[0].split('" "')
    assert "".join(strings).strip('"') == rsa.value and max(map(len, strings)) <= 256
    assert rsa.provider_lines(DOMAIN)[1:] == [
        "name  ph20260302r._domainkey   (below shop.example)",
        f"value {rsa.value}",
    ]
    other = records.needed(house.config, "other.example", [], house.clock.now())
    assert ("other.example._report._dmarc.bounce.shop.example", "v=DMARC1") in [
        (each.name, each.value) for each in other
    ]
    assert [each.name for each in found if each.when] == ["shop.example", "_mta-sts.bounce.shop.example"]


def test_spf_names_the_addresses_that_mail_leaves_from(tmp_path: Path) -> None:
    config = parse(
        'hostname = "mail.shop.example"\n[sources.a]\naddress = ["192.0.2.1", "2001:db8::1"]\n'
        f'[daemon]\nstate_dir = "{tmp_path}"\n'
    )
    (spf,) = [each for each in records.needed(config, DOMAIN, [], FakeClock().now()) if each.name == DOMAIN]
    assert spf.value == "v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 ~all"
