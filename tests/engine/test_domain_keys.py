"""The life of DKIM keys: by its functions with a clock that moves, and by the commands against a real name server."""

import json
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from clock import FakeClock
from house import Daemon
from lab_thread import LabThread
from mail_shop import Place, open_store

from deliverability.settings import DkimSettings
from deliverability.signing.keys import Algorithm, generate_key
from engine import keys
from engine.keys import CannotSwitch, KeyState
from engine.lab import zones
from engine.store.groups import GroupStore

DOMAIN = "shop.example"
REST = timedelta(days=7)


@pytest.fixture
def store(place: Place) -> Iterator[GroupStore]:
    opened = open_store(place)
    yield opened
    opened.close()


def make(store: GroupStore, folder: Path, clock: FakeClock, selector: str, domain: str = DOMAIN) -> KeyState:
    key = generate_key(domain, selector, Algorithm.ED25519)
    file = keys.write_file(folder, key)
    return store.write_now(lambda tx: keys.add(tx, [(key, file)], clock.now()))


def states(store: GroupStore) -> dict[str, str]:
    return {each.selector: str(each.state) for each in store.read_now(keys.kept)}


def test_the_first_key_signs_at_once_and_the_next_waits_for_the_switch(store: GroupStore, tmp_path: Path) -> None:
    clock = FakeClock()
    assert make(store, tmp_path, clock, "one") is KeyState.ACTIVE
    assert make(store, tmp_path, clock, "two") is KeyState.NEW
    assert make(store, tmp_path, clock, "else", "other.example") is KeyState.ACTIVE
    clock.advance(timedelta(days=1))
    store.write_now(lambda tx: keys.switch(tx, DOMAIN, ["two"], clock.now()))
    assert states(store) == {"one": "retiring", "two": "active", "else": "active"}
    ring = store.read_now(lambda tx: keys.load_keys(tx, tmp_path, DkimSettings()))
    signature = ring.signers[DOMAIN].sign(b"From: a@shop.example\r\n\r\nx\r\n", clock.now())
    assert b"s=two;" in signature and signature.count(b"DKIM-Signature") == 1


def test_a_retired_key_is_gone_after_its_week_and_not_before(store: GroupStore, tmp_path: Path) -> None:
    clock = FakeClock()
    make(store, tmp_path, clock, "one")
    make(store, tmp_path, clock, "two")
    store.write_now(lambda tx: keys.switch(tx, DOMAIN, ["two"], clock.now()))
    clock.advance(REST - timedelta(seconds=1))
    assert store.write_now(lambda tx: keys.end_retired(tx, REST, clock.now())) == []
    clock.advance(timedelta(seconds=1))
    [gone] = store.write_now(lambda tx: keys.end_retired(tx, REST, clock.now()))
    assert gone.selector == "one" and states(store) == {"one": "gone", "two": "active"}


def test_a_switch_that_would_leave_nothing_to_sign_with_changes_nothing(store: GroupStore, tmp_path: Path) -> None:
    clock = FakeClock()
    make(store, tmp_path, clock, "one")
    make(store, tmp_path, clock, "two")
    store.write_now(lambda tx: keys.switch(tx, DOMAIN, ["two"], clock.now()))
    clock.advance(REST)
    store.write_now(lambda tx: keys.end_retired(tx, REST, clock.now()))
    for selectors in (["one"], ["never"], []):
        with pytest.raises(CannotSwitch):
            store.write_now(lambda tx, selectors=selectors: keys.switch(tx, DOMAIN, selectors, clock.now()))  # type: ignore[misc]
    assert states(store) == {"one": "gone", "two": "active"}


def test_a_subdomain_s_first_keys_wait_while_its_parent_s_sign(store: GroupStore, tmp_path: Path) -> None:
    clock = FakeClock()
    make(store, tmp_path, clock, "one")
    assert make(store, tmp_path, clock, "news", "news.shop.example") is KeyState.NEW
    ring = store.read_now(lambda tx: keys.load_keys(tx, tmp_path, DkimSettings()))
    signer = ring.signer("news.shop.example")
    assert signer is not None and signer.domain == DOMAIN
    store.write_now(lambda tx: keys.switch(tx, "news.shop.example", ["news"], clock.now()))
    ring = store.read_now(lambda tx: keys.load_keys(tx, tmp_path, DkimSettings()))
    signer = ring.signer("news.shop.example")
    assert signer is not None and signer.domain == "news.shop.example"


def test_a_retiring_key_may_sign_again(store: GroupStore, tmp_path: Path) -> None:
    clock = FakeClock()
    make(store, tmp_path, clock, "one")
    make(store, tmp_path, clock, "two")
    store.write_now(lambda tx: keys.switch(tx, DOMAIN, ["two"], clock.now()))
    store.write_now(lambda tx: keys.switch(tx, DOMAIN, ["one"], clock.now()))
    assert states(store) == {"one": "active", "two": "retiring"}


# -- the commands


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[tuple[Daemon, LabThread]]:
    """An installation whose daemon does not run, and a name server."""
    daemon = Daemon(tmp_path)
    with LabThread(tmp_path / "lab") as lab:
        daemon.configure({"routing": {"resolvers": [lab.dns_address]}})
        yield daemon, lab


def told(done: subprocess.CompletedProcess[str], code: int = 0) -> str:
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def publish(daemon: Daemon, lab: LabThread, stem: str) -> None:
    for each in json.loads(told(daemon.command("domain", "records", DOMAIN, "--json"))):
        if each["name"].startswith(stem):
            zones.publish(lab.state, each["name"], "TXT", each["value"])


def listed(daemon: Daemon) -> dict[str, str]:
    return {row["selector"]: row["state"] for row in json.loads(told(daemon.command("domain", "list", "--json")))}


def test_keys_are_changed_only_when_every_name_server_shows_the_new_ones(shop: tuple[Daemon, LabThread]) -> None:
    daemon, lab = shop
    told(daemon.command("domain", "add", DOMAIN, "--selector", "old"))
    assert "not" not in told(daemon.command("domain", "list"))
    assert "shown by 0 of 1" in told(daemon.command("domain", "check", DOMAIN), 1)
    publish(daemon, lab, "old")
    assert told(daemon.command("domain", "check", DOMAIN)).count("shown by 1 of 1") == 2

    assert "goes on signing" in told(daemon.command("domain", "add", DOMAIN, "--selector", "new"))
    assert listed(daemon) == {"olde": "active", "oldr": "active", "newe": "new", "newr": "new"}
    refusal = told(daemon.command("domain", "switch", DOMAIN), 1)
    assert "not shown by every name server" in refusal and "nothing was changed" in refusal
    publish(daemon, lab, "new")
    told(daemon.command("domain", "check", DOMAIN))
    assert listed(daemon)["newr"] == "published"

    # One of two servers of the zone is not there: what it shows nobody knows.
    host, _, _ = lab.dns_address.rpartition(":")
    zones.publish(lab.state, DOMAIN, "NS", "ns1.dns.lab.", "ns2.dns.lab.")
    zones.publish(lab.state, "ns1.dns.lab", "A", host)
    zones.publish(lab.state, "ns2.dns.lab", "A", "127.0.0.250")
    assert "ns2.dns.lab: 127.0.0.250 does not answer" in told(daemon.command("domain", "switch", DOMAIN), 1)
    zones.publish(lab.state, "ns2.dns.lab", "A", host)

    said = told(daemon.command("domain", "switch", DOMAIN, "--now"))
    assert "newe and newr" in said and "leave the record of oldr published until" in said
    assert listed(daemon) == {"olde": "retiring", "oldr": "retiring", "newe": "active", "newr": "active"}
    assert "may still be under way" in told(daemon.command("domain", "drop", DOMAIN, "oldr"), 1)
    assert "signs shop.example's mail" in told(daemon.command("domain", "drop", DOMAIN, "newr"), 1)


def test_a_new_key_can_be_dropped_and_made_again(shop: tuple[Daemon, LabThread]) -> None:
    daemon, _ = shop
    told(daemon.command("domain", "add", DOMAIN, "--selector", "a"))
    told(daemon.command("domain", "add", DOMAIN, "--selector", "b"))
    told(daemon.command("domain", "drop", DOMAIN, "be"))
    assert "has a key with the selector br already" in told(
        daemon.command("domain", "add", DOMAIN, "--selector", "b"), 2
    )
    assert sorted(each.name for each in (daemon.state / "keys").iterdir()) == [
        "shop.example.ae.pem", "shop.example.ar.pem", "shop.example.br.pem",
    ]  # fmt: skip
    told(daemon.command("domain", "drop", DOMAIN, "br"))
    told(daemon.command("domain", "add", DOMAIN, "--selector", "b"))
    for _ in range(2):
        told(daemon.command("domain", "add", DOMAIN))
    assert len(listed(daemon)) == 8, "a second pair on one day has a name of its own"
    assert "has no key c" in told(daemon.command("domain", "switch", DOMAIN, "--selector", "c"), 2)
    assert "there are no keys for none.example" in told(daemon.command("domain", "check", "none.example"), 1)
