"""The life of DKIM keys: by its functions with a clock that moves, and by the commands against a real name server."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from clock import FakeClock
from lab_thread import LabThread
from mail_shop import Place, open_store

from deliverability.settings import DkimSettings
from deliverability.signing.keys import Algorithm, generate_key
from engine import keys
from engine.commands import domain_life, run
from engine.keys import CannotSwitch, KeyState
from engine.lab import zones
from engine.store.groups import GroupStore
from engine.system import SystemClock

DOMAIN = "shop.example"
REST = timedelta(days=7)
pytestmark = pytest.mark.usefixtures("patient_dns")


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


class Shop:
    """An installation whose daemon does not run, a name server, and the commands."""

    def __init__(self, folder: Path, lab: LabThread, capsys: pytest.CaptureFixture[str]) -> None:
        self.lab, self.state, self._capsys = lab, folder / "state", capsys
        (folder / "posthouse.toml").write_text(
            f'hostname = "mail.shop.example"\n[daemon]\nstate_dir = "state"\n[bounces]\ndomain = "bounce.shop.example"\n'
            f'[routing]\nresolvers = ["{lab.dns_address}"]\n[lab]\nenabled = true\n'
        )

    def says(self, *words: str, code: int = 0) -> str:
        """What `posthouse domain` says to these words."""
        self._capsys.readouterr()
        done = run(["domain", *words])
        said = self._capsys.readouterr()
        assert done == code, said.err
        return said.out + said.err

    def publish(self, stem: str, domain: str = DOMAIN) -> None:
        for each in json.loads(self.says("records", domain, "--json")):
            if each["name"].startswith(stem):
                zones.publish(self.lab.state, each["name"], "TXT", each["value"])

    def listed(self) -> dict[str, str]:
        return {row["selector"]: row["state"] for row in json.loads(self.says("list", "--json"))}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Shop]:
    monkeypatch.setenv("POSTHOUSE_CONFIG", str(tmp_path / "posthouse.toml"))
    with LabThread(tmp_path / "lab") as lab:
        yield Shop(tmp_path, lab, capsys)


def test_keys_are_changed_only_when_every_name_server_shows_the_new_ones(shop: Shop) -> None:
    shop.says("add", DOMAIN, "--selector", "old")
    assert "not" not in shop.says("list")
    assert "shown by 0 of 1" in shop.says("check", DOMAIN, code=1)
    shop.publish("old")
    assert shop.says("check", DOMAIN).count("shown by 1 of 1") == 2

    assert "goes on signing" in shop.says("add", DOMAIN, "--selector", "new")
    assert shop.listed() == {"olde": "active", "oldr": "active", "newe": "new", "newr": "new"}
    refusal = shop.says("switch", DOMAIN, code=1)
    assert "not shown by every name server" in refusal and "nothing was changed" in refusal
    shop.publish("new")
    shop.says("check", DOMAIN)
    assert shop.listed()["newr"] == "published"

    # One of two servers of the zone is not there: what it shows nobody knows.
    host, _, _ = shop.lab.dns_address.rpartition(":")
    zones.publish(shop.lab.state, DOMAIN, "NS", "ns1.dns.lab.", "ns2.dns.lab.")
    zones.publish(shop.lab.state, "ns1.dns.lab", "A", host)
    zones.publish(shop.lab.state, "ns2.dns.lab", "A", "127.0.0.250")
    assert "ns2.dns.lab: 127.0.0.250 does not answer" in shop.says("switch", DOMAIN, code=1)
    zones.publish(shop.lab.state, "ns2.dns.lab", "A", host)

    said = shop.says("switch", DOMAIN, "--now")
    assert "newe and newr" in said and "leave the record of oldr published until" in said
    assert shop.listed() == {"olde": "retiring", "oldr": "retiring", "newe": "active", "newr": "active"}
    assert "may still be under way" in shop.says("drop", DOMAIN, "oldr", code=1)
    assert "signs shop.example's mail" in shop.says("drop", DOMAIN, "newr", code=1)


def test_a_new_key_can_be_dropped_and_made_again(shop: Shop) -> None:
    shop.says("add", DOMAIN, "--selector", "a")
    shop.says("add", DOMAIN, "--selector", "b")
    shop.says("drop", DOMAIN, "be")
    assert "has a key with the selector br already" in shop.says("add", DOMAIN, "--selector", "b", code=2)
    assert sorted(each.name for each in (shop.state / "keys").iterdir()) == [
        "shop.example.ae.pem", "shop.example.ar.pem", "shop.example.br.pem",
    ]  # fmt: skip
    shop.says("drop", DOMAIN, "br")
    shop.says("add", DOMAIN, "--selector", "b")
    for _ in range(2):
        shop.says("add", DOMAIN)
    assert len(shop.listed()) == 8, "a second pair on one day has a name of its own"
    assert "has no key c" in shop.says("switch", DOMAIN, "--selector", "c", code=2)
    assert "there are no keys for none.example" in shop.says("check", "none.example", code=1)


class Ticking(FakeClock):
    """Three seconds go by whenever somebody looks at it."""

    def now(self) -> datetime:
        self.advance(timedelta(seconds=3))
        return super().now()


def test_add_waits_until_it_is_seen_and_rotate_goes_through_the_whole_change(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Ticking(SystemClock().now())
    monkeypatch.setattr(domain_life, "clock", lambda store: clock)
    monkeypatch.setattr(domain_life, "AGAIN_SECONDS", 0.0)
    said = shop.says("add", DOMAIN, "--selector", "a", "--wait", "--for", "20s", code=1)
    assert "ae is not seen yet: the resolver: it shows no TXT record there" in said and "after 20s: not yet" in said
    shop.publish("a")
    assert "sign at once" in shop.says("add", "other.example", "--selector", "o")
    said = shop.says("rotate", DOMAIN)
    fresh = {name for name, state in shop.listed().items() if state == "new"}
    assert len(fresh) == 2 and all(f"{name}._domainkey.shop.example. IN TXT" in said for name in fresh)
    assert "_dmarc" not in said, "only what is new"
    for name in fresh:
        shop.publish(name)
    said = shop.says("rotate", DOMAIN, "--wait")
    assert "they sign from" in said and "every name server shows the keys that sign" in said
    assert {shop.listed()[name] for name in fresh} == {"active"} and shop.listed()["ar"] == "retiring"
    assert "there are no keys for none.example" in shop.says("rotate", "none.example", code=1)


def test_several_domains_are_added_at_once_with_what_they_share_printed_once(shop: Shop) -> None:
    said = shop.says("add", DOMAIN, "b\u00fccher.example", "--form", "provider")
    assert "Publish these records for b\u00fccher.example (xn--bcher-kva.example)" in said
    assert said.count("type MX") == 1 and "(below shop.example)" in said
    assert len(json.loads(shop.says("check", "--json", code=1))) == 4
    assert "--form is zone or provider" in shop.says("records", DOMAIN, "--form", "bind", code=2)


def test_somebody_else_s_key_is_taken_with_its_selector(shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "mail.private"
    file.write_bytes(generate_key(DOMAIN, "mail", Algorithm.RSA).to_pem())
    assert "--key needs one domain, and --selector" in shop.says("add", DOMAIN, "--key", str(file), code=2)
    shop.says("add", DOMAIN, "--key", str(file), "--selector", "mail")
    assert shop.listed() == {"mail": "active"}
    shop.publish("mail")
    assert "shown by 1 of 1" in shop.says("check", DOMAIN)
    file.write_text("-----BEGIN PUBLIC KEY-----\n")
    refusal = shop.says("add", "other.example", "--key", str(file), "--selector", "x", code=2)
    assert "give the private one" in refusal


def test_a_file_that_an_add_left_behind_is_named(shop: Shop) -> None:
    shop.says("add", "other.example", "--selector", "o")
    (shop.state / "keys" / "shop.example.ar.pem").touch()
    assert "left by an `add` that was cut short" in shop.says("add", DOMAIN, "--selector", "a", code=2)
    assert not (shop.state / "keys" / "shop.example.ae.pem").exists()


def test_new_keys_wait_for_what_resolvers_may_remember(shop: Shop) -> None:
    shop.says("add", DOMAIN, "--selector", "a")
    shop.says("add", DOMAIN, "--selector", "b")
    shop.publish("b")
    assert "resolvers may remember" in shop.says("switch", DOMAIN, code=1)
    assert shop.listed()["br"] == "published" and shop.listed()["ar"] == "active"
    shop.says("switch", DOMAIN, "--now")
    assert shop.listed()["br"] == "active"
    shop.publish("a")
    shop.says("switch", DOMAIN, "--selector", "ar", "--selector", "ae")
    assert shop.listed()["ar"] == "active", "going back to keys that were there all the time waits for nothing"
