"""Credentials: the table, the allowance, the check of passwords, and what a mail may say."""

from datetime import timedelta

import pytest
from clock import NOON, FakeChance
from mail_shop import Place, open_store

from engine import credentials
from engine.credentials import Credentials, CredentialTrouble, RateExceeded, Revoked, hash_of
from engine.intake.permission import NOT_YOUR_DOMAIN, NOT_YOUR_STREAM, ONE_FROM, refusal
from engine.store.groups import GroupStore
from mta.inbound.transaction import Grant
from mta.ports import StoreBusy
from mta.queue.delivery import Stream

SHOP = Grant("shop", frozenset({"shop.example", "tea.example"}), Stream.MARKETING, 60, 100_000, dsn=False)
PASSWORD = "correct horse"


def with_shop(place: Place, grant: Grant = SHOP) -> GroupStore:
    store = open_store(place)
    store.write_now(lambda tx: credentials.add(tx, grant, hash_of(PASSWORD), NOON))
    return store


def spend(store: GroupStore, deliveries: int, after: float) -> None:
    store.write_now(lambda tx: credentials.spend(tx, "shop", deliveries, NOON + timedelta(seconds=after)))


async def test_the_right_password_gives_what_was_granted_and_a_wrong_one_nothing(place: Place) -> None:
    store = with_shop(place)
    checks = Credentials(store, FakeChance())
    for _ in range(2):  # the second time it is recognised
        assert await checks.authenticate("shop", PASSWORD) == SHOP
    for name, password in (("shop", "wrong"), ("nobody", PASSWORD), ("SHOP", PASSWORD), ("shop", "")):
        assert await checks.authenticate(name, password) is None
    store.write_now(lambda tx: credentials.set_password(tx, "shop", hash_of("other")))
    assert await checks.authenticate("shop", PASSWORD) is None
    assert await checks.authenticate("shop", "other") == SHOP
    store.write_now(lambda tx: credentials.remove(tx, "shop"))
    assert await checks.authenticate("shop", "other") is None
    checks.close()
    store.close()


async def test_an_unknown_name_costs_as_much_as_a_wrong_password(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    store, checked = with_shop(place), []
    verify = credentials._verify
    monkeypatch.setattr(credentials, "_verify", lambda kept, said: checked.append(kept) or verify(kept, said))
    checks = Credentials(store, FakeChance())
    await checks.authenticate("shop", "wrong")
    await checks.authenticate("nobody", "wrong")
    assert len(checked) == 2
    assert [each.split("$")[1:4] for each in checked] == [["argon2id", "v=19", "m=19456,t=2,p=1"]] * 2
    checks.close()
    store.close()


async def test_too_many_waiting_passwords_are_put_off(place: Place) -> None:
    store = with_shop(place)
    checks = Credentials(store, FakeChance())
    checks._waiting = credentials._WAITING
    with pytest.raises(StoreBusy):
        await checks.authenticate("shop", PASSWORD)
    checks.close()
    store.close()


def test_a_name_is_given_once_and_must_be_there_to_be_changed(place: Place) -> None:
    store = with_shop(place)
    with pytest.raises(CredentialTrouble, match="already"):
        store.write_now(lambda tx: credentials.add(tx, SHOP, "x", NOON))
    for act in (lambda tx: credentials.remove(tx, "x"), lambda tx: credentials.set_password(tx, "x", "y")):
        with pytest.raises(CredentialTrouble, match="no credential x"):
            store.write_now(act)
    assert store.read_now(credentials.every) == [SHOP]


def test_an_allowance_is_spent_and_fills_up_evenly(place: Place) -> None:
    store = with_shop(place)
    spend(store, 60, 0)
    with pytest.raises(RateExceeded):
        spend(store, 1, 0.5)
    spend(store, 1, 1)
    with pytest.raises(RateExceeded) as exceeded:
        spend(store, 2, 2)
    assert not exceeded.value.never
    spend(store, 30, 31)
    with pytest.raises(RateExceeded) as exceeded:
        spend(store, 61, 1000)
    assert exceeded.value.never


def test_without_a_rate_nothing_is_counted_and_without_a_credential_nothing_goes(place: Place) -> None:
    store = with_shop(place, Grant("shop"))
    spend(store, 1_000_000, 0)
    assert store.read_now(lambda tx: tx.one("SELECT spent_until_ms FROM credential")) == (0,)
    store.write_now(lambda tx: credentials.remove(tx, "shop"))
    with pytest.raises(Revoked):
        spend(store, 1, 0)


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ("From: a@shop.example", None),
        ("from: Tea <a@TEA.example>", None),
        ("From: Group: a@shop.example, b@tea.example;", None),
        ("From: a@evil.example", NOT_YOUR_DOMAIN),
        ("From: a@sub.shop.example", NOT_YOUR_DOMAIN),
        ("From: a@shop.example.evil.example", NOT_YOUR_DOMAIN),
        ("From: a@shop.example, b@evil.example", NOT_YOUR_DOMAIN),
        ('From: "a@shop.example" <a@evil.example>', NOT_YOUR_DOMAIN),
        ('From: "a@evil.example" <a@shop.example>', NOT_YOUR_DOMAIN),
        ("From: a@shop.example\r\n ,b@evil.example", NOT_YOUR_DOMAIN),
        ('From: a@shop.example, "x y"@evil.example', NOT_YOUR_DOMAIN),
        ("From: a@shop.example, a@(c)evil.example", NOT_YOUR_DOMAIN),
        ("From: a@shop.example, a@[192.0.2.1]", NOT_YOUR_DOMAIN),
        ("From: a@shop.example, =?utf-8?q?b=40evil.example?=", NOT_YOUR_DOMAIN),
        ("From: nobody", NOT_YOUR_DOMAIN),
        ("From:", NOT_YOUR_DOMAIN),
        ("From: a@shop.example\r\nFrom: a@shop.example", ONE_FROM),
        ("From: a@shop.example\r\nFROM : b@evil.example", ONE_FROM),
        ("Sender: a@shop.example", ONE_FROM),
    ],
)
def test_the_author_is_of_one_of_the_credential_s_domains(fields: str, refused: object) -> None:
    assert refusal(SHOP, f"Subject: x\r\n{fields}\r\n".encode(), None) == refused
    assert refusal(Grant("free"), f"{fields}\r\n".encode(), None) is None


def test_the_stream_is_the_credential_s() -> None:
    head = b"From: a@shop.example\r\n"
    assert refusal(SHOP, head, Stream.MARKETING) is None
    assert refusal(SHOP, head, Stream.TRANSACTIONAL) == NOT_YOUR_STREAM
