"""The consent ledger and the file that proves what one person agreed to."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clock import NOON
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mail_shop import Asker, Place, make_list, open_store

from deliverability.address import Address
from engine.audience import consent, dossier, ledger, proof, subscriptions
from engine.audience.consent import Act, Answer
from engine.audience.contacts import contact_facts, ensure_contact, find_contact
from engine.audience.ledger import Broken
from engine.commands import run
from engine.store.groups import GroupStore

ANN, BOB, DANA = (Address.parse(f"{each}@example.org") for each in ("ann", "bob", "dana"))
FORM = Answer("Yes, send me the letters. כן", "he", "form", "192.0.2.7", "Browser/1", salt=b"unguessable")


@pytest.fixture
def store(place: Place) -> Iterator[GroupStore]:
    store = open_store(place)
    store.write_now(make_list)
    for each in (DANA, ANN, DANA):
        join_and_leave(store, each)
    yield store
    store.close()


def join_and_leave(store: GroupStore, who: Address) -> None:
    asker = Asker()
    store.write_now(lambda tx: subscriptions.subscribe(tx, "tea", who, answer=FORM, ask=asker, now=NOON))
    asking = asker.asked[0]
    ids = (asking.contact["id"], 1, asking.asked_ms)
    store.write_now(lambda tx: subscriptions.confirm(tx, *ids, answer=FORM, now=NOON))
    store.write_now(lambda tx: subscriptions.unsubscribe(tx, ids[0], 1, answer=FORM, now=NOON))


def octets_of(store: GroupStore, who: Address = ANN) -> bytes:
    made = store.read_now(lambda tx: proof.build(tx, who, hostname="mail.shop.example", now=NOON))
    assert made is not None
    return made


def test_a_proof_tells_what_was_shown_and_answered_and_verifies_alone(store: GroupStore) -> None:
    found = proof.verify(octets_of(store))
    assert [(each.seq, each.act) for each in found.entries] == [(4, "asked"), (5, "confirmed"), (6, "withdrawn")]
    assert found.address == "ann@example.org" and found.head.seq == 9
    asked = found.entries[0]
    assert asked.at == NOON and asked.facts["wording"] == FORM.wording and asked.facts["list"] == "tea"
    assert asked.facts["mail"]["message_id"] == "<901@shop.example>"
    assert b"dana@example.org" not in octets_of(store), "nobody else is in it"


def test_the_hash_that_a_mail_cites_is_found_in_the_chain(store: GroupStore) -> None:
    made = octets_of(store)
    assert proof.verify(made, head=json.loads(made)["chain"][1][4]).address == "ann@example.org"
    with pytest.raises(Broken, match="no entry in the file has the hash"):
        proof.verify(made, head="0" * 64)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_one_changed_octet_is_found(store: GroupStore, data: st.DataObject) -> None:
    made = octets_of(store)
    place = data.draw(st.integers(0, len(made) - 1))
    octet = data.draw(st.integers(0, 255).filter(lambda value: value != made[place]))
    with pytest.raises(Broken):
        proof.verify(made[:place] + bytes([octet]) + made[place + 1 :])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda made: made["chain"].pop(2), "entry 6 is missing"),
        (lambda made: made["chain"].pop(0), "entry 4 is not in the chain|does not follow|was changed"),
        (lambda made: made["chain"].insert(1, made["chain"][0]), "entry 5 is missing"),
        (lambda made: made["chain"][0].__setitem__(2, "confirmed"), "entry 4 was changed"),
        (lambda made: made["chain"][0].__setitem__(1, "now"), "row 1 of the chain"),
        (lambda made: made["chain"][0].__setitem__(2, "\ud800"), "row 1 of the chain has letters that no entry has"),
        (lambda made: made["chain"].clear(), "the chain is empty"),
        (lambda made: made["entries"].clear(), "no entry about the person"),
        (lambda made: made["entries"][0].pop("salt"), "lacks its number, salt or facts"),
        (lambda made: made["entries"][0].update(seq=99), "entry 99 is not in the chain"),
        (lambda made: made["entries"][0].update(facts="{}"), "the facts of entry 4 were changed"),
        (lambda made: made.update(address="mallory@example.org"), "about another address"),
        (lambda made: made.update(format="letter"), "no proof of consent"),
        (lambda made: made.pop("entries"), '"entries" is missing'),
    ],
)
def test_a_changed_file_is_refused_with_the_place(store: GroupStore, change: Any, words: str) -> None:
    made = json.loads(octets_of(store))
    del made["sha256"]
    change(made)
    with pytest.raises(Broken, match=words):
        proof.verify(proof.seal(made))  # whoever changes it can count the sum again


def ledger_of_my_own(facts: str, act: str = "asked") -> bytes:
    """What somebody can write who commits to whatever they like."""
    made = ledger.link(1, 1, act, ledger.commit_to(b"s", facts.encode()), ledger.GENESIS)
    return proof.seal({
        "format": proof.FORMAT, "installation": "x.example", "made": "now", "address": "ann@example.org",
        "entries": [{"seq": 1, "salt": b"s".hex(), "facts": facts}], "rows": [], "previous": ledger.GENESIS,
        "chain": [[1, 1, act, made.commitment, made.hash]],
    })  # fmt: skip


@pytest.mark.parametrize("facts", ["{}", "[]", "no JSON", "[" * 100_000, '{"address": 7}'])
def test_facts_that_are_none_are_refused_in_words(facts: str) -> None:
    with pytest.raises(Broken, match="the facts of entry 1 name no address"):
        proof.verify(ledger_of_my_own(facts))


def test_a_ledger_of_somebody_s_own_moves_no_cursor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "odd.json"
    path.write_bytes(
        ledger_of_my_own('{"address": "ann@example.org", "wording": "\\u001b[2J", "mail": 7, "import": {}}')
    )
    assert run(["consent", "verify", str(path)]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_what_was_said_for_a_merged_mailbox_is_not_in_the_proof_of_the_one_that_is_left(store: GroupStore) -> None:
    ann, dana = (store.read_now(lambda tx, who=who: find_contact(tx, who)) for who in (ANN, DANA))  # type: ignore[misc]
    assert ann is not None and dana is not None
    store.write_now(lambda tx: dossier.merge(tx, dana, ann, by="olga", now=NOON))
    made = octets_of(store)
    assert [each.seq for each in proof.verify(made).entries] == [4, 5, 6]
    assert b"dana@example.org" not in made
    bob = store.write_now(lambda tx: ensure_contact(tx, BOB, now=NOON))
    store.write_now(lambda tx: dossier.merge(tx, ann, bob, by="olga", now=NOON))
    assert store.read_now(lambda tx: proof.build(tx, BOB, hostname="x.example", now=NOON)) is None


@pytest.mark.parametrize("octets", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_proof_is_said_to_be_none(octets: bytes) -> None:
    with pytest.raises(Broken):
        proof.verify(octets)


def test_erasing_a_person_leaves_a_chain_that_verifies(store: GroupStore) -> None:
    ann = store.read_now(lambda tx: find_contact(tx, ANN))
    assert ann is not None
    before = store.read_now(consent.check)
    assert before[:2] == (9, 0)
    assert store.write_now(lambda tx: consent.forget(tx, ann)) == 3
    assert store.read_now(consent.check) == (9, 3, before[2])
    assert store.read_now(lambda tx: proof.build(tx, ANN, hostname="x.example", now=NOON)) is None
    assert len(proof.verify(octets_of(store, DANA)).entries) == 6, "others can still be proven"


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("UPDATE consent_entry SET act = 'confirmed' WHERE seq = 4", "entry 4 was changed"),
        ("UPDATE consent_entry SET at_ms = at_ms + 1 WHERE seq = 9", "entry 9 was changed"),
        ("DELETE FROM consent_entry WHERE seq = 1", "entry 1 is missing"),
        ("DELETE FROM consent_entry WHERE seq = 5", "entry 5 is missing"),
        ("UPDATE consent_fact SET facts = replace(facts, 'Yes', 'Oui') WHERE seq = 4", "the facts of entry 4"),
    ],
)
def test_whoever_edits_the_database_is_found_out(store: GroupStore, sql: str, words: str) -> None:
    store.write_now(lambda tx: tx.execute(sql))
    with pytest.raises(Broken, match=words):
        store.read_now(consent.check)


def test_a_mail_cites_the_youngest_yes_that_still_holds(store: GroupStore) -> None:
    ann = store.read_now(lambda tx: find_contact(tx, ANN))
    assert ann is not None
    assert store.read_now(lambda tx: consent.cited(tx, ann)) is None, "they left"
    asker = Asker()
    store.write_now(lambda tx: subscriptions.subscribe(tx, "tea", ANN, answer=FORM, ask=asker, now=NOON.replace(day=3)))
    asked_ms = asker.asked[0].asked_ms
    store.write_now(lambda tx: subscriptions.confirm(tx, ann, 1, asked_ms, answer=FORM, now=NOON.replace(day=3)))
    yes = store.read_now(lambda tx: consent.cited(tx, ann))
    assert yes is not None and (yes.seq, yes.act) == (11, Act.CONFIRMED)
    facts = store.read_now(lambda tx: contact_facts(tx, ann))
    assert facts["consent"] == {"entry": 11, "hash": yes.hash}


def test_the_same_salt_drawn_once_never_hides_two_entries(store: GroupStore) -> None:
    entries = json.loads(octets_of(store))["entries"]
    assert len({each["salt"] for each in entries}) == len(entries) == 3


def test_the_arithmetic_is_what_the_document_says() -> None:
    """Vectors that another program can check itself against; docs/consent.md names them."""
    facts = ledger.canonical({"wording": "Yes — כן", "address": "ann@example.org"})
    assert facts == '{"address":"ann@example.org","wording":"Yes — כן"}'.encode()
    commitment = ledger.commit_to(bytes(32), facts)
    assert commitment == "ffd820f2e10475542390d0dd2eab0b7266a10998c1df196da2ab9748740cc490"
    assert (
        ledger.link(1, 1_772_452_800_000, "asked", commitment, ledger.GENESIS).hash
        == "2f30c7a51e0a523379156183b0ff1d02425cb9729b8df659a21fb16ae8dcb40a"
    )


def test_the_command_verifies_a_file_and_names_what_was_changed(
    store: GroupStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "ann.json"
    file.write_bytes(octets_of(store))
    assert run(["consent", "verify", str(file)]) == 0
    assert "It verifies: 3 entries about ann@example.org" in capsys.readouterr().out
    file.write_bytes(file.read_bytes().replace(b"192.0.2.7", b"192.0.2.8", 1))
    assert run(["consent", "verify", str(file)]) == 1
    assert "the facts of entry 4 were changed" in capsys.readouterr().err
    assert run(["consent", "verify", str(tmp_path / "none.json")]) == 2


@pytest.mark.parametrize("empty", ["", " ", "sha256="])
def test_an_empty_hash_is_none_that_was_looked_for(
    store: GroupStore, tmp_path: Path, capsys: pytest.CaptureFixture[str], empty: str
) -> None:
    file = tmp_path / "ann.json"
    file.write_bytes(octets_of(store))
    assert run(["consent", "verify", str(file), "--hash", empty]) == 2
    said = capsys.readouterr()
    assert "--hash is empty" in said.err and "It verifies" not in said.out
