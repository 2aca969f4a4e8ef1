"""Imports: who is taken, who never comes back, what is kept as proof, and what an interrupted one leaves."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clock import NOON
from exchange_desk import Desk
from hypothesis import given
from hypothesis import strategies as st
from mail_shop import Asker, Place

from deliverability.address import Address
from engine.audience import batches, consent, dossier, proof, subscriptions, trials
from engine.audience.consent import Answer
from engine.audience.contacts import contact_facts, ensure_contact, find_contact
from engine.audience.fields import Field, Kind, declared
from engine.audience.ledger import Broken, canonical
from engine.audience.lists import ListError
from engine.audience.suppression import Reason, lift, suppress
from engine.audience.trials import ImportSettings
from engine.exchange import importing, taking
from engine.exchange.columns import TARGETS, MappingError, Plan, Shaper, match
from engine.exchange.importing import ImportedAlready
from engine.exchange.people import BadRow
from engine.exchange.rows import Row
from engine.exchange.taking import commit, take
from engine.sending.permission import may_send
from mta.ports import Tx
from mta.queue.delivery import Stream

ANN = Address.parse("ann@example.org")
SALT = b"thirty-two unguessable octets..."
JSON = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.lists(st.text(max_size=5), max_size=3)
)
PEOPLE = (
    "E-Mail,Vorname,Nachname,Shoe size,City\nann@example.org,Ann,Archer,38,Haifa\nbob@example.org,Bob,Baker,44.5,Köln\n"
)


@pytest.fixture
def desk(place: Place, tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(place, tmp_path)
    yield desk
    counted = desk.rows(
        "SELECT list_id, state, count(*) FROM subscription GROUP BY list_id, state ORDER BY list_id, state"
    )
    kept = desk.rows("SELECT list_id, state, people FROM list_figure WHERE people <> 0 ORDER BY list_id, state")
    desk.store.close()
    assert kept == counted, "the figures of the lists are what counting finds"


def many(count: int) -> str:
    return "address,name\n" + "".join(f"p{each}@example.org,Person {each}\n" for each in range(count))


def test_people_of_a_file_are_contacts_with_fields_on_the_lists(desk: Desk) -> None:
    done = desk.take(desk.file(PEOPLE), lists=("tea", "news"), tags=("fair",), locale="de")
    assert (done.taken, done.made, done.refused, done.seq) == (2, 2, 0, 1)
    ann, bob = desk.contacts()
    assert (ann["name"], ann["locale"], ann["shoe_size"], ann["city"]) == ("Ann Archer", "de", 38, "Haifa")
    assert bob["shoe_size"] == 44.5
    assert desk.standings()[:2] == [
        ("ann@example.org", "news", "confirmed", "import 1"),
        ("ann@example.org", "tea", "confirmed", "import 1"),
    ]
    assert desk.rows("SELECT DISTINCT tag FROM tag") == [("fair",)]
    assert desk.rows("SELECT DISTINCT name, data FROM event") == [("contact.tagged", '{"tag": "fair"}')], "no welcome"


def test_two_spellings_in_one_file_are_one_contact_with_two_rows(desk: Desk) -> None:
    done = desk.take(desk.file("address,city\nAnn@example.org,\nann@EXAMPLE.org,Haifa\n"))
    assert (done.taken, done.made) == (2, 1)
    assert desk.contacts()[0]["city"] == "Haifa"


def test_a_known_contact_keeps_what_it_has_unless_it_is_written_over(desk: Desk) -> None:
    desk.take(desk.file("address,name,city\nann@example.org,Ann,\n", "one.csv"))
    desk.take(desk.file("address,name,city\nann@example.org,Anna,Haifa\n", "two.csv"))
    assert (desk.contacts()[0]["name"], desk.contacts()[0]["city"]) == ("Ann", "Haifa")
    desk.take(desk.file("address,name,city\nann@example.org,Anna,Köln\n", "three.csv"), overwrite=True)
    assert (desk.contacts()[0]["name"], desk.contacts()[0]["city"]) == ("Anna", "Köln")


# -- nobody comes back


def leave(desk: Desk, everything: bool) -> None:
    answer, asker = Answer("Yes", salt=SALT), Asker()
    asked = desk.store.write_now(lambda tx: subscriptions.subscribe(tx, "tea", ANN, answer=answer, ask=asker, now=NOON))
    ids = (asked.contact_id, asked.list_id, asker.asked[0].asked_ms)
    desk.store.write_now(lambda tx: subscriptions.confirm(tx, *ids, answer=answer, now=NOON))
    which = consent.ALL_LISTS if everything else asked.list_id
    desk.store.write_now(lambda tx: subscriptions.unsubscribe(tx, asked.contact_id, which, answer=answer, now=NOON))


@pytest.mark.parametrize("everything", [True, False])
def test_who_has_left_stays_away(desk: Desk, everything: bool) -> None:
    leave(desk, everything)
    done = desk.take(desk.file(PEOPLE))
    assert ("ann@example.org", "tea", "unsubscribed", "command") in desk.standings()
    assert done.stopped == (1 if everything else 0)
    contact = desk.store.read_now(lambda tx: find_contact(tx, ANN))
    assert contact is not None
    refused = desk.store.read_now(lambda tx: may_send(tx, ANN.key, Stream.MARKETING))
    assert refused == ("unsubscribe" if everything else "no confirmed subscription")


def test_who_has_left_stays_away_after_being_merged_too(desk: Desk) -> None:
    leave(desk, everything=False)

    def merge(tx: Tx) -> None:
        kept = ensure_contact(tx, Address.parse("keep@example.org"), now=NOON)
        ann = find_contact(tx, ANN)
        assert ann is not None
        dossier.merge(tx, ann, kept, by="dana", now=NOON)

    desk.store.write_now(merge)
    assert desk.take(desk.file(PEOPLE), lists=("tea", "news")).stopped == 1
    assert [each[:3] for each in desk.standings() if each[0] == str(ANN)] == [(str(ANN), "news", "confirmed")]
    tea = desk.store.read_now(lambda tx: may_send(tx, ANN.key, Stream.MARKETING, 1))
    assert tea == "unsubscribe"


@pytest.mark.parametrize("reason", [Reason.HARD_BOUNCE, Reason.COMPLAINT, Reason.MANUAL])
def test_who_is_suppressed_is_on_no_list_afterwards(desk: Desk, reason: Reason) -> None:
    desk.store.write_now(lambda tx: suppress(tx, ANN.key, reason, now=NOON))
    assert desk.take(desk.file(PEOPLE)).stopped == 1
    assert [each[0] for each in desk.standings()] == ["bob@example.org"]


def test_who_is_suppressed_of_one_list_gets_onto_the_other(desk: Desk) -> None:
    desk.store.write_now(lambda tx: suppress(tx, ANN.key, Reason.MANUAL, list_id=1, now=NOON))
    desk.take(desk.file(PEOPLE), lists=("tea", "news"))
    assert [name for who, name, *_ in desk.standings() if who == "ann@example.org"] == ["news"]


def test_who_was_erased_is_not_even_a_contact(desk: Desk) -> None:
    leave(desk, False)
    contact = desk.store.read_now(lambda tx: find_contact(tx, ANN))
    assert contact is not None
    desk.store.write_now(lambda tx: dossier.erase(tx, contact, ANN.key, salt=SALT, now=NOON))
    path = desk.file(PEOPLE)
    assert (desk.take(path).refused, len(desk.contacts())) == (1, 1)
    assert "had their data erased" in desk.quarantined(path)


def test_who_waits_for_a_confirmation_goes_on_waiting(desk: Desk) -> None:
    desk.store.write_now(
        lambda tx: subscriptions.subscribe(tx, "tea", ANN, answer=Answer("Yes", salt=SALT), ask=Asker(), now=NOON)
    )
    desk.take(desk.file(PEOPLE))
    assert ("ann@example.org", "tea", "unconfirmed", "command") in desk.standings()


# -- rows that can't be taken


BAD = [
    ("ann@example", "has no dot"),
    ("", "empty"),
    ("ann@example.org\r\nBcc: all@example.org", r"address: it holds a control character \(U\+000D\)"),
    ("f6@shop.lab\r\nRCPT TO:<x@shop.lab>", "address: it holds a control character"),
    ("ann@example.org\n", "address: it holds a control character"),
    ("f6@shop.lab RCPT TO:<x@shop.lab>", "address"),
    ("f6@shop.lab <x@shop.lab>", "address"),
    ("MAIL FROM:<x@shop.lab>", "address"),
    ("<a@shop.lab> <x@shop.lab>", "address"),
    ("Ann <x@shop.lab> (home)", "address"),
    ("аnn@example.org", "made to look like"),
    ("ann@exаmple.org", "made to look like"),
    ("ann@аррӏе.com", "made to look like"),
    ("ann@[127.0.0.1]", "brackets"),
    ("ann(comment)@example.org", "comment"),
    ("ann@@example.org", "more than one @"),
    ("a..b@example.org", "two in a row"),
    ("=?utf-8?q?a?=@example.org", "encoded word"),
    ("x" * 65 + "@example.org", "longer than 64"),
]


def test_every_bad_row_is_in_the_quarantine_with_its_number_and_reason_and_can_be_mended(desk: Desk) -> None:
    body = "".join(f'"{address}",{number}\n' for number, (address, _) in enumerate(BAD))
    path = desk.file(f"address,city\n{body}good@example.org,last\n")
    done = desk.take(path)
    assert (done.taken, done.refused) == (1, len(BAD))
    import csv
    import re

    with path.with_name("people.csv.quarantine.csv").open(newline="", encoding="utf-8") as file:
        kept = list(csv.DictReader(file))
    for number, (row, (_, words)) in enumerate(zip(kept, BAD, strict=True)):
        assert row["quarantined_row"] == str(number + 2) and row["city"] == str(number)
        assert re.search(words, row["quarantined_because"]), row
    mended = desk.quarantined(path).replace("ann@example\n", "").replace("ann@@example.org", "mended@example.org")
    assert desk.take(desk.file(mended, "mended.csv")).taken == 1
    assert [each["address"] for each in desk.contacts()] == ["good@example.org", "mended@example.org"]


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("shoe_size", "big", "not a number"),
        ("locale", "klingon!", "locale"),
        ("zone", "Mars/Base", "zone"),
        ("birthday", "31.3.1990", "birthday"),
        ("tags", "x" * 80, "tag"),
        ("asked", "yesterday", "asked"),
    ],
)
def test_values_that_are_none_are_refused_with_their_column(desk: Desk, column: str, value: str, words: str) -> None:
    path = desk.file(f"address,{column}\nann@example.org,{value}\n")
    assert desk.take(path).seq is None, "an import of nobody is none"
    assert words in desk.quarantined(path)
    assert desk.rows("SELECT count(*) FROM import_batch") == [(0,)]


def test_template_syntax_is_plain_text(desk: Desk) -> None:
    desk.take(desk.file('address,name,city\nann@example.org,{{ 7*7 }},"{{ 7*7 }}<script>"\n'))
    ann = desk.contacts()[0]
    assert ann["name"] == "{{ 7*7 }}" and ann["city"] == "{{ 7*7 }}<script>"


@pytest.mark.parametrize("column", ["name", "first_name", "last_name", "external_id"])
@pytest.mark.parametrize("name", ["Eve\r\nBcc: victim@shop.lab", "Eve\tX", "Eve\x1b[2J", "Eve\u2028X", "Eve\x85X"])
def test_a_name_with_a_control_character_is_quarantined_and_not_folded(desk: Desk, column: str, name: str) -> None:
    path = desk.file(f'address,{column}\neve@example.org,"{name}"\n')
    assert desk.take(path).refused == 1 and desk.contacts() == []
    assert f"{column}: it holds a control character" in desk.quarantined(path)


def test_an_address_may_stand_behind_a_name(desk: Desk) -> None:
    cells = ("Ann <ann@example.org>", '"Bob, the Baker" <bob@example.org>', "<cy@example.org>")
    desk.take(desk.file("\n".join(json.dumps({"address": each}) for each in cells), "p.jsonl"))
    assert [each["address"] for each in desk.contacts()] == ["ann@example.org", "bob@example.org", "cy@example.org"]


def test_a_quarantine_runs_no_formula(desk: Desk) -> None:
    path = desk.file('address,city\n=1+1,"=HYPERLINK(""x"")"\n')
    desk.take(path)
    assert "'=1+1,\"'=HYPERLINK" in desk.quarantined(path)


def test_two_people_with_one_external_id_are_not_both_taken(desk: Desk) -> None:
    path = desk.file("address,customer id\nann@example.org,7\nbob@example.org,7\n")
    assert (desk.take(path).taken, desk.take(path, again=True).taken) == (1, 1)
    assert "another contact has 7" in desk.quarantined(path)


@given(st.dictionaries(st.sampled_from([*TARGETS, "shoe_size", "city"]), st.text(max_size=30) | JSON, max_size=12))
def test_no_values_take_the_shaper_down(cells: dict[str, Any]) -> None:
    fields = {"shoe_size": Field("shoe_size", Kind.NUMBER), "city": Field("city", Kind.TEXT)}
    columns = match(["address", *(each for each in cells if each != "address")], {}, fields)
    shape = Shaper(Plan(columns, fields, ((1, "tea"),)), by_name=True)
    try:
        person = shape(Row(2, {"address": "ann@example.org"} | cells))
    except BadRow as err:
        assert str(err)
    else:
        assert canonical(person.facts).decode() and "\n" not in person.name


# -- columns


@pytest.mark.parametrize(
    ("header", "targets"),
    [
        ("E-Mail;First name;Last name;Birthday", "address first_name last_name birthday"),
        ("דוא״ל;שם פרטי;שם משפחה;שפה", "address first_name last_name locale"),
        ("Электронная почта;Имя;Фамилия;Дата рождения", "address name last_name birthday"),
        ("邮箱;姓名;生日;语言", "address name birthday locale"),
        ("電子郵件;姓名;生日;標籤", "address name birthday tags"),
        ("mail;Shoe size;something", "address field:shoe_size -"),
    ],
)
def test_usual_headers_are_understood_in_five_languages(desk: Desk, header: str, targets: str) -> None:
    fields = desk.store.read_now(declared)
    assert [target for _, target in match(header.split(";"), {}, fields)] == targets.split()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"nowhere": "address"}, 'no column "nowhere"'),
        ({"a": "shoo_size"}, "neither a declared field"),
        ({"a": "address", "b": "address"}, "two columns are address"),
        ({}, "no column holds the address"),
    ],
)
def test_columns_that_do_not_fit_are_refused_in_words(desk: Desk, said: dict[str, str], words: str) -> None:
    with pytest.raises(MappingError, match=words):
        match(["a", "b"], said, desk.store.read_now(declared))


def test_a_list_that_is_not_there_is_refused_before_anything_is_written(desk: Desk) -> None:
    with pytest.raises(ListError, match="no list coffee"):
        desk.take(desk.file(PEOPLE), lists=("coffee",))
    assert desk.contacts() == []


def test_json_lines_bring_fields_and_tags(desk: Desk) -> None:
    desk.take(
        desk.file(
            '{"address": "ann@example.org", "shoe_size": 38, "tags": ["a", "b"], "name": null}\n{"address": 7}\n',
            "p.jsonl",
        )
    )
    assert desk.contacts()[0]["shoe_size"] == 38
    assert desk.rows("SELECT tag FROM tag ORDER BY tag") == [("a",), ("b",)]
    assert '"quarantined_row": 2' in desk.quarantined(desk.folder / "p.jsonl")


def test_a_dry_run_reads_all_and_writes_nothing(desk: Desk) -> None:
    desk.store.write_now(lambda tx: suppress(tx, ANN.key, Reason.MANUAL, now=NOON))
    counted, prepared = desk.try_out(desk.file(PEOPLE + "no address,,,,\n"), lists=("tea",))
    assert (counted.rows, counted.good, counted.known, counted.stopped) == (3, 2, 0, 1)
    assert list(counted.reasons.values()) == [1]
    assert dict(prepared.tables[0][1])["Shoe size"] == "field:shoe_size"
    assert desk.contacts() == [] and desk.rows("SELECT count(*) FROM import_batch") == [(0,)]


# -- an interrupted one


class Killed(Exception):
    pass


@pytest.mark.parametrize("at", [1, 3, 14])
def test_an_import_that_is_killed_goes_on_without_doubling(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    lines = many(1500).splitlines(keepends=True)
    lines[5] = "nobody,x\n"
    lines[1400] = "nobody either,x\n"
    path = desk.file("".join(lines))
    count = 0

    def dying(tx: Tx, *args: Any, **more: Any) -> Any:
        nonlocal count
        count += 1
        if count > at:
            raise Killed
        return take(tx, *args, **more)

    monkeypatch.setattr(importing, "take", dying)
    monkeypatch.setattr(importing, "CHUNK_MAX", 100)
    with pytest.raises(Killed):
        desk.take(path)
    contact = desk.store.read_now(lambda tx: find_contact(tx, Address.parse("p0@example.org")))
    assert contact is not None
    refusal = desk.store.read_now(lambda tx: may_send(tx, "p0@example.org", Stream.MARKETING))
    assert refusal == "import held back", "what is not whole is not written to"
    monkeypatch.setattr(importing, "take", take)
    done = desk.take(path)
    assert done.resumed and (done.taken, done.refused, done.made) == (1498, 2, 1498)
    assert desk.rows("SELECT count(*), count(DISTINCT contact_id) FROM import_row") == [(1498, 1498)]
    assert desk.quarantined(path).count(",nobody") == 2
    assert desk.store.read_now(lambda tx: batches.check(tx, 1)) == 1498
    assert desk.store.read_now(lambda tx: may_send(tx, "p0@example.org", Stream.MARKETING)) == ""


def test_a_file_that_turns_out_to_be_none_leaves_nothing_behind(desk: Desk) -> None:
    with pytest.raises(MappingError):
        desk.take(desk.file("colour\nred\n"))
    assert desk.rows("SELECT count(*) FROM import_batch") == [(0,)]


def test_addresses_alone_are_a_file_too(desk: Desk) -> None:
    assert desk.take(desk.file("ann@example.org\nbob@example.org\n")).taken == 2


def test_the_very_same_file_is_not_imported_twice_unless_it_is_asked_for(desk: Desk) -> None:
    path = desk.file(PEOPLE)
    desk.take(path)
    with pytest.raises(ImportedAlready, match="import 1 already"):
        desk.take(path)
    assert desk.take(path, again=True).made == 0


def test_a_refused_repeat_leaves_the_quarantine_that_somebody_mends(desk: Desk) -> None:
    path = desk.file("address\nann@example.org\nnobody\n")
    desk.take(path)
    with pytest.raises(ImportedAlready):
        desk.take(path)
    assert "nobody" in desk.quarantined(path)


def interrupted(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of which 100 rows are taken."""
    path = desk.file(many(300))

    def dying(tx: Tx, *args: Any, **more: Any) -> Any:
        if tx.one("SELECT 1 FROM contact LIMIT 1") is not None:
            raise Killed
        return take(tx, *args, **more)

    monkeypatch.setattr(importing, "take", dying)
    with pytest.raises(Killed):
        desk.take(path)
    monkeypatch.setattr(importing, "take", take)
    return path


def test_an_interrupted_import_goes_on_with_the_same_options_only_or_ends_as_it_is(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = interrupted(desk, monkeypatch)
    with pytest.raises(ImportedAlready, match="begun with other options"):
        desk.take(path, lists=("news",))
    assert importing.finish(desk.store, 1, SALT, NOON) == 1
    assert desk.store.read_now(lambda tx: batches.check(tx, 1)) == 100
    ((someone,),) = desk.rows("SELECT address FROM contact ORDER BY id LIMIT 1")
    assert proof.verify(octets_of(desk, someone)).entries[0].facts["import"]["how"] == "a fair"
    assert importing.finish(desk.store, 1, SALT, NOON) is None
    assert desk.take(path, lists=("news",), again=True).made == 200


def test_two_processes_do_not_go_on_with_one_import(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    path = interrupted(desk, monkeypatch)

    def while_another_goes_on(people: Any, salts: bytes) -> Any:
        desk.store.write_now(lambda tx: tx.execute("UPDATE import_batch SET taken = taken + 1"))
        return commit(people, salts)

    monkeypatch.setattr(importing, "commit", while_another_goes_on)
    with pytest.raises(ImportedAlready, match="another process"):
        desk.take(path)
    assert desk.rows("SELECT count(*) FROM import_row") == [(100,)]


# -- the ledger


def octets_of(desk: Desk, address: str) -> bytes:
    made = desk.store.read_now(
        lambda tx: proof.build(tx, Address.parse(address), hostname="mail.shop.example", now=NOON)
    )
    assert made is not None
    return made


def test_a_batch_is_one_entry_and_each_of_its_people_has_a_proof_of_their_own(desk: Desk) -> None:
    desk.take(desk.file(many(2500)), wording="Yes, letters please.")
    assert desk.store.read_now(consent.check)[:2] == (1, 0)
    for number in (0, 1, 1023, 1024, 2047, 2048, 2499):
        made = octets_of(desk, f"p{number}@example.org")
        found = proof.verify(made)
        (told,) = found.entries
        assert told.act == "imported" and told.facts["address"] == f"p{number}@example.org"
        assert told.facts["wording"] == "Yes, letters please." and told.facts["row"] == number + 2
        assert told.facts["import"]["who"] == "olga" and told.facts["import"]["how"] == "a fair"
        assert told.facts["lists"] == told.facts["kept"] == {"tea": "confirmed"} and "suppressed" not in told.facts
        other = f"p{number + 1}@example.org" if number < 2499 else "p0@example.org"
        assert other.encode() not in made
        assert len(made) < 6000, "a path of hashes, not the rows of the others"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b'"place": 1', b'"place": 0', "not among the rows"),
        (b"p1@example.org", b"p2@example.org", "not among the rows"),
        (b'\\"confirmed\\"', b'\\"forgotten\\"', "not among the rows"),
        (b'"rows": [', b'"rows": [{"seq": 1}, ', "lacks its number"),
    ],
)
def test_a_bent_row_does_not_verify(desk: Desk, old: bytes, new: bytes, words: str) -> None:
    desk.take(desk.file(many(5)))
    made = octets_of(desk, "p1@example.org")
    assert old in made
    with pytest.raises(Broken, match=words):
        proof.verify(made.replace(old, new))


def test_erasing_somebody_leaves_the_root_and_every_other_proof(desk: Desk) -> None:
    desk.take(desk.file(many(1100)))
    before = proof.verify(octets_of(desk, "p8@example.org"))
    gone = desk.store.read_now(lambda tx: find_contact(tx, Address.parse("p7@example.org")))
    assert gone is not None
    desk.store.write_now(lambda tx: dossier.erase(tx, gone, "p7@example.org", salt=SALT, now=NOON))
    assert desk.rows("SELECT salt, facts, contact_id FROM import_row WHERE file_row = 9") == [("", "", None)]
    assert desk.store.read_now(lambda tx: batches.check(tx, 1)) == 1100
    assert proof.verify(octets_of(desk, "p8@example.org")).head == before.head
    assert not any("p7@example.org" in row[0] for row in desk.rows("SELECT facts FROM import_row"))


def said_and_kept(desk: Desk, address: str) -> tuple[Any, Any, Any]:
    facts = proof.verify(octets_of(desk, address)).entries[-1].facts
    assert desk.store.read_now(lambda tx: batches.check(tx, 1))
    return facts["lists"], facts["kept"], facts.get("suppressed")


@pytest.mark.parametrize(
    ("everything", "kept", "reasons"),
    [(False, {"tea": "unsubscribed"}, None), (True, {"tea": "unsubscribed"}, ["unsubscribe"])],
)
def test_the_proof_of_who_left_and_was_imported_says_that_they_stayed_away(
    desk: Desk, everything: bool, kept: Any, reasons: Any
) -> None:
    leave(desk, everything)
    desk.take(desk.file(PEOPLE))
    assert said_and_kept(desk, "ann@example.org") == ({"tea": "confirmed"}, kept, reasons)
    assert said_and_kept(desk, "bob@example.org") == ({"tea": "confirmed"}, {"tea": "confirmed"}, None)


def test_the_proof_of_who_was_suppressed_and_imported_says_so(desk: Desk) -> None:
    desk.store.write_now(lambda tx: suppress(tx, ANN.key, Reason.HARD_BOUNCE, now=NOON))
    desk.store.write_now(lambda tx: suppress(tx, "bob@example.org", Reason.MANUAL, list_id=1, now=NOON))
    desk.take(desk.file(PEOPLE), lists=("tea", "news"))
    kept = {"tea": "suppressed", "news": "suppressed"}
    assert said_and_kept(desk, "ann@example.org")[1:] == (kept, ["hard bounce"])
    assert said_and_kept(desk, "bob@example.org")[1:] == ({"tea": "suppressed", "news": "confirmed"}, None)


def test_the_proof_of_who_was_erased_came_back_as_a_buyer_and_was_imported_says_so(desk: Desk) -> None:
    leave(desk, False)
    contact = desk.store.read_now(lambda tx: find_contact(tx, ANN))
    assert contact is not None
    desk.store.write_now(lambda tx: dossier.erase(tx, contact, ANN.key, salt=SALT, now=NOON))
    desk.store.write_now(lambda tx: ensure_contact(tx, ANN, now=NOON))
    desk.take(desk.file(PEOPLE))
    assert said_and_kept(desk, "ann@example.org")[1:] == ({"tea": "suppressed"}, ["erased"])


def test_an_import_fills_nothing_of_who_was_erased_until_an_operator_lifts_that(desk: Desk) -> None:
    leave(desk, False)
    contact = desk.store.read_now(lambda tx: find_contact(tx, ANN))
    assert contact is not None
    desk.store.write_now(lambda tx: dossier.erase(tx, contact, ANN.key, salt=SALT, now=NOON))
    desk.store.write_now(lambda tx: ensure_contact(tx, ANN, now=NOON))

    def ann() -> list[tuple[object, ...]]:
        sql = "SELECT name, (SELECT count(*) FROM tag t WHERE t.contact_id = c.id) FROM contact c WHERE key = ?"
        return desk.store.read_now(lambda tx: tx.query(sql, (ANN.key,)))

    people = "address,name,tags\nann@example.org,Ann Archer,gold\n"
    desk.take(desk.file(people))
    desk.take(desk.file(people + "\n"), overwrite=True)
    assert ann() == [("", 0)]
    desk.store.write_now(lambda tx: lift(tx, ANN.key, by="test", why="they asked", now=NOON))
    desk.take(desk.file(people + "\n\n"))
    assert ann() == [("Ann Archer", 1)]


def test_the_proof_of_who_waits_for_a_confirmation_says_so(desk: Desk) -> None:
    answer = Answer("Yes", salt=SALT)
    desk.store.write_now(lambda tx: subscriptions.subscribe(tx, "tea", ANN, answer=answer, ask=Asker(), now=NOON))
    desk.take(desk.file(PEOPLE))
    assert said_and_kept(desk, "ann@example.org")[1] == {"tea": "unconfirmed"}


def test_rows_of_before_they_said_what_came_of_them_verify(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "_told", lambda person, *more: person.facts)
    desk.take(desk.file(PEOPLE))
    assert "kept" not in proof.verify(octets_of(desk, "ann@example.org")).entries[0].facts


def test_a_changed_row_is_found_by_the_check(desk: Desk) -> None:
    desk.take(desk.file(many(5)))
    desk.store.write_now(lambda tx: tx.execute("UPDATE import_row SET facts = '{}' WHERE leaf = 3"))
    with pytest.raises(Broken, match="were changed"):
        desk.store.read_now(lambda tx: batches.check(tx, 1))


def test_mail_to_an_imported_person_cites_the_batch_s_entry(desk: Desk) -> None:
    desk.take(desk.file(PEOPLE))
    facts = desk.store.read_now(lambda tx: contact_facts(tx, 1))
    head = desk.store.read_now(consent.head)
    assert head is not None and facts["consent"] == {"entry": 1, "hash": head.hash}
    assert desk.store.read_now(lambda tx: dossier.export(tx, 1))["imports"][0]["row"] == 2


# -- the trial


def mailed(desk: Desk, contact: int, gone: bool, settings: ImportSettings) -> None:
    def work(tx: Tx) -> None:
        trials.sent(tx, contact, settings, NOON)
        if gone:
            trials.bounced(tx, contact, settings, NOON)

    desk.store.write_now(work)


def test_a_batch_that_bounces_is_held_until_somebody_releases_it(desk: Desk) -> None:
    desk.take(desk.file(many(60)))
    settings, key = ImportSettings(bounce_limit=10, bounce_after=20), "p59@example.org"
    for number in range(1, 21):
        assert desk.store.read_now(lambda tx: trials.held_back(tx, [key])) == set()
        mailed(desk, number, number <= 3, settings)
    assert desk.store.read_now(lambda tx: trials.held_back(tx, [key])) == set(), (
        "three are judged when the next one bounces"
    )
    mailed(desk, 21, True, settings)
    held = desk.store.read_now(lambda tx: trials.batch(tx, 1))
    assert held is not None and held.state == "held" and "4 of 21 mails" in held.why
    assert desk.store.read_now(lambda tx: may_send(tx, key, Stream.MARKETING)) == "import held back"
    assert desk.store.read_now(lambda tx: may_send(tx, key, Stream.TRANSACTIONAL)) == ""
    assert desk.store.write_now(lambda tx: trials.release(tx, 1, by="olga", why="old shop", now=NOON))
    assert desk.store.read_now(lambda tx: may_send(tx, key, Stream.MARKETING)) == ""
    mailed(desk, 22, True, settings)
    assert desk.store.read_now(lambda tx: trials.held_back(tx, [key])) == set(), "it is not watched any more"


def test_who_confirmed_themselves_is_not_held_with_the_batch(desk: Desk) -> None:
    desk.take(desk.file(PEOPLE))
    desk.store.write_now(lambda tx: tx.execute("UPDATE import_batch SET state = 'held'"))
    answer, asker = Answer("Yes", salt=SALT), Asker()
    asked = desk.store.write_now(
        lambda tx: subscriptions.subscribe(tx, "news", ANN, answer=answer, ask=asker, now=NOON)
    )
    ids = (asked.contact_id, asked.list_id, asker.asked[0].asked_ms)
    desk.store.write_now(lambda tx: subscriptions.confirm(tx, *ids, answer=answer, now=NOON))
    assert desk.store.read_now(lambda tx: may_send(tx, ANN.key, Stream.MARKETING)) == ""
    assert desk.store.read_now(lambda tx: may_send(tx, "bob@example.org", Stream.MARKETING)) == "import held back"
