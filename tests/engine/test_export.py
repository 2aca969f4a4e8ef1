"""Everything as a folder, and back: a new machine knows all that the old one knew, and can prove it."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from clock import NOON, FakeChance, FakeClock
from exchange_desk import Desk
from mail_shop import Asker, Place, open_store

from deliverability.address import Address
from deliverability.bounces.verp import Forged
from engine.audience import consent, dossier, proof, subscriptions
from engine.audience.consent import Answer
from engine.audience.contacts import Change, change, ensure_contact, find_contact
from engine.audience.suppression import Reason, is_suppressed, suppress
from engine.commands import run
from engine.config import parse
from engine.exchange import folder as folders
from engine.exchange.folder import Files, FolderError, rows_of, shapes
from engine.exchange.restoring import Folder, Restored, RowRefused, restore
from engine.flow.definition import Definition, check
from engine.flow.known import Known
from engine.house import House
from engine.running.book import apply_flow
from engine.store import machine
from engine.store.groups import GroupStore
from mta.ports import Tx
from mta.queue.delivery import Stream

ANN, GONE = Address.parse("ann@example.org"), Address.parse("gone@example.org")
SALT = b"thirty-two unguessable octets..."
FLOW = (
    "name: hello\ntitle: Hello\nstream: transactional\ntrigger: {event: order.placed}\nsteps:\n  - send: order-thanks\n"
)


def fill(desk: Desk) -> None:
    """A house with some of everything."""
    desk.take(desk.file("address,name,city\nx@example.org,=cmd(),Köln\ny@example.org,Дана,\nz@example.org,,\n"))

    def work(tx: Tx) -> None:
        asker, answer = Asker(), Answer("Yes. כן", "he", "form", "192.0.2.7", "Browser/1", salt=SALT)
        for who in (ANN, GONE):
            asked = subscriptions.subscribe(tx, "tea", who, answer=answer, ask=asker, now=NOON)
            subscriptions.confirm(
                tx, asked.contact_id, asked.list_id, asker.asked[-1].asked_ms, answer=answer, now=NOON
            )
        ann, gone = find_contact(tx, ANN), find_contact(tx, GONE)
        assert ann is not None and gone is not None
        change(tx, ann, Change(external_id="c-1", tags=frozenset({"gold"}), fields={"shoe_size": 38.5}), NOON)
        suppress(tx, "spam@example.org", Reason.COMPLAINT, evidence="a report", now=NOON)
        dossier.erase(tx, gone, GONE.key, salt=SALT, now=NOON)
        definition = check(FLOW, "hello.yaml", Known(templates={"order-thanks"}))
        assert isinstance(definition, Definition), definition
        apply_flow(tx, definition, FLOW, NOON)
        tx.execute(
            "INSERT INTO event (name, contact_id, key, data, source, message_id, at_ms, matched)"
            " VALUES ('order.placed', ?, '7', '{\"total\": 5}', 'header', 9, 5, 0)",
            (ann,),
        )
        tx.execute(
            "INSERT INTO meta (key, value) VALUES ('clock_offset_ms', '5'), ('reputation', '{\"attempt\": 900}')"
        )
        tx.execute(
            "INSERT INTO reputation_day (day, provider, source, domain, stream, what, count, reply, rule, message_id)"
            " VALUES (20000, 'gmail', 'default', 'shop.example', 1, 'bounced:spam', 3, '550 no', 'spam', 9)"
        )

    desk.store.write_now(work)


def exported(desk: Desk, path: Path, files: Files | None = None) -> Path:
    folders.write(desk.store, path, files or Files({}), hostname="old.example", now=NOON, tell=lambda name, count: None)
    return path


def back(store: GroupStore, path: Path, *, resume: bool = True) -> Restored:
    return restore(store, Folder.open(path), FakeClock(), resume=resume, tell=lambda name, count: None)


@pytest.fixture
def desk(places: Callable[[], Place], tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(places(), tmp_path)
    fill(desk)
    yield desk
    desk.store.close()


@pytest.fixture
def empty(places: Callable[[], Place]) -> Iterator[GroupStore]:
    store = open_store(places())
    yield store
    store.close()


def all_of(store: GroupStore) -> dict[str, list[tuple[Any, ...]]]:
    """Every row that an export holds, without what points at mail, and what says which machine this is."""
    of_a_machine = folders.OF_THIS_MACHINE | {machine.KEY}
    found = {}
    for shape in shapes():
        kept = [place for place, name in enumerate(shape.columns) if name not in folders.POINTERS]
        rows = [row for row in rows_of(store, shape) if shape.name != "meta" or row[0] not in of_a_machine]
        found[shape.name] = [tuple(row[place] for place in kept) for row in rows]
    return found


def test_a_new_machine_holds_what_the_old_one_held(desk: Desk, empty: GroupStore, tmp_path: Path) -> None:
    done = back(empty, exported(desk, tmp_path / "out"))
    assert all_of(empty) == all_of(desk.store)
    assert (done.entries, done.imported) == (5, 3)
    assert done.rows["contact"] == 4 and done.rows["flow"] == 1
    made = [desk.store.read_now(lambda tx: proof.build(tx, ANN, hostname="h", now=NOON)) for _ in (1,)]
    assert made == [empty.read_now(lambda tx: proof.build(tx, ANN, hostname="h", now=NOON))]
    assert empty.read_now(lambda tx: is_suppressed(tx, [GONE.key], Stream.MARKETING)) == {GONE.key: "erased"}


def test_a_new_machine_goes_on_counting_where_the_old_one_was(desk: Desk, empty: GroupStore, tmp_path: Path) -> None:
    back(empty, exported(desk, tmp_path / "out"))
    highest = empty.read_now(lambda tx: tx.one("SELECT max(id) FROM contact"))
    assert highest is not None
    fresh = empty.write_now(lambda tx: ensure_contact(tx, Address.parse("new@example.org"), now=NOON))
    assert fresh > highest[0]
    empty.write_now(
        lambda tx: subscriptions.subscribe(
            tx, "news", Address.parse("new@example.org"), answer=Answer("Yes", salt=SALT), ask=Asker(), now=NOON
        )
    )
    assert empty.read_now(consent.check)[0] == 6


def test_a_new_machine_gives_no_id_that_somebody_had_who_is_no_more(
    desk: Desk, empty: GroupStore, tmp_path: Path
) -> None:
    last = desk.store.write_now(lambda tx: ensure_contact(tx, Address.parse("last@example.org"), now=NOON))
    desk.store.write_now(lambda tx: dossier.erase(tx, last, "last@example.org", salt=SALT, now=NOON))
    back(empty, exported(desk, tmp_path / "out"))
    assert empty.write_now(lambda tx: ensure_contact(tx, Address.parse("new@example.org"), now=NOON)) > last


def test_a_bounce_of_mail_that_the_old_machine_sent_names_no_delivery_of_the_new_one(
    desk: Desk, empty: GroupStore, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(b"s" * 32)
    config = parse(f'hostname = "mail.shop.example"\n[daemon]\nstate_dir = "{tmp_path}"\n')
    old = House.build(config, desk.store, desk.clock, FakeChance())
    back(empty, exported(desk, tmp_path / "out"))
    new = House.build(config, empty, desk.clock, FakeChance())
    asked = old.tokens.make(1, NOON, "bounce.example").partition("@")[0]
    assert (old.tokens.read(asked, NOON), new.tokens.read(asked, NOON)) == (1, Forged())
    made = new.tokens.make(1, NOON, "bounce.example").partition("@")[0]
    assert (old.tokens.read(made, NOON), new.tokens.read(made, NOON)) == (Forged(), 1)


def test_flows_are_paused_unless_the_old_machine_is_gone(desk: Desk, empty: GroupStore, tmp_path: Path) -> None:
    assert back(empty, exported(desk, tmp_path / "out"), resume=False).paused == 1
    assert empty.read_now(lambda tx: tx.query("SELECT name, state FROM flow")) == [("hello", "paused")]


def test_the_folder_is_text_that_others_can_read(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "own" / "mail").mkdir(parents=True)
    (tmp_path / "own" / "mail" / "x.txt.j2").write_text("Hi")
    out = exported(desk, tmp_path / "out", Files({"templates": tmp_path / "own", "secret": tmp_path / "none"}))
    assert (out / "flows" / "hello.yaml").read_text() == FLOW
    assert (out / "templates" / "mail" / "x.txt.j2").read_text() == "Hi" and not (out / "secret").exists()
    rows = [json.loads(line) for line in (out / "tables" / "contact.jsonl").read_text("utf-8").splitlines()]
    assert rows[1]["name"] == "Дана" and rows[0]["name"] == "=cmd()"
    assert out.stat().st_mode & 0o077 == 0
    events = [json.loads(line) for line in (out / "tables" / "event.jsonl").read_text("utf-8").splitlines()]
    assert {each["message_id"] for each in events} == {None}, "mail stays where it is"
    assert "gone@example.org" not in "".join(each.read_text("utf-8") for each in (out / "tables").iterdir())


def test_a_folder_that_is_there_is_not_written_over(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(FolderError, match="there already"):
        exported(desk, tmp_path / "out")


def test_a_database_that_holds_somebody_is_not_filled(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="not empty"):
        back(desk.store, exported(desk, tmp_path / "out"))


def bend(manifest: Path, **values: Any) -> None:
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | values))


@pytest.mark.parametrize("which", ["octet", "missing", "schema", "format", "json", "escape", "table", "row"])
def test_a_folder_that_is_not_as_it_was_written_is_refused(
    desk: Desk, empty: GroupStore, tmp_path: Path, which: str
) -> None:
    import hashlib

    out = exported(desk, tmp_path / "out")
    manifest, contacts = out / "manifest.json", out / "tables" / "contact.jsonl"
    kept = json.loads(manifest.read_text())["sha256"]
    if which == "octet":
        contacts.write_bytes(contacts.read_bytes().replace(b"example", b"exempel", 1))
    elif which == "missing":
        contacts.unlink()
    elif which == "schema":
        bend(manifest, schema=["0001_first"])
    elif which == "format":
        bend(manifest, format="another")
    elif which == "json":
        manifest.write_text("{")
    elif which == "escape":
        bend(manifest, sha256=kept | {"../../etc/passwd": "0"})
    elif which == "table":
        bend(manifest, sha256={name: value for name, value in kept.items() if "contact.jsonl" not in name})
    elif which == "row":
        contacts.write_text('{"id": 1}\n')
        bend(manifest, sha256=kept | {"tables/contact.jsonl": hashlib.sha256(contacts.read_bytes()).hexdigest()})
    with pytest.raises(FolderError):
        back(empty, out)
    assert empty.read_now(lambda tx: tx.query("SELECT count(*) FROM list")) == [(0,)], "and nothing was written"


@pytest.mark.parametrize("change", ["twice", "kind"])
def test_rows_that_the_database_does_not_take_are_said_in_words(
    desk: Desk, empty: GroupStore, tmp_path: Path, change: str
) -> None:
    import hashlib

    out = exported(desk, tmp_path / "out")
    contacts, manifest = out / "tables" / "contact.jsonl", out / "manifest.json"
    lines = contacts.read_text("utf-8").splitlines()
    lines.append(lines[0] if change == "twice" else lines[0].replace('"id":1,', '"id":{"$base64":"AA=="},'))
    contacts.write_text("\n".join(lines) + "\n", "utf-8")
    kept = json.loads(manifest.read_text())["sha256"]
    bend(manifest, sha256=kept | {"tables/contact.jsonl": hashlib.sha256(contacts.read_bytes()).hexdigest()})
    with pytest.raises(RowRefused, match="a row of contact is refused"):
        back(empty, out)


# -- commands, and the table for spreadsheets


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "posthouse.toml").write_text('hostname = "m.example"\n[daemon]\nstate_dir = "var"\n')
    (tmp_path / "old" / "var").mkdir()
    desk = Desk(tmp_path / "old" / "var", tmp_path)
    fill(desk)
    desk.store.close()
    (tmp_path / "old" / "var" / "secret").write_bytes(b"s" * 32)
    monkeypatch.setenv("POSTHOUSE_CONFIG", str(tmp_path / "old" / "posthouse.toml"))
    return tmp_path


def test_commands_carry_a_house_from_one_machine_to_another(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, new = str(shop / "out"), ["--config", str(shop / "new" / "posthouse.toml")]
    assert run(["export", out]) == 0
    assert "4  contact" in capsys.readouterr().out
    assert run(["restore", out, *new]) == 0
    said = capsys.readouterr().out
    assert "5 entries of consent and 3 imported rows verify" in said and "1 flows are paused" in said
    assert (shop / "new" / "var" / "secret").read_bytes() == b"s" * 32
    assert run(["consent", "check", *new]) == 0
    assert run(["restore", out, *new]) == 2 and run(["export", out]) == 2
    assert "not empty" in capsys.readouterr().err
    assert run(["export", str(shop / "plain"), "--no-secrets"]) == 0
    assert not (shop / "plain" / "secret").exists() and not (shop / "plain" / "posthouse.toml").exists()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nosuch", "is not there"),
        ("file", "is no folder of a backup or an export"),
        ("folder", "is no exported folder: it has no manifest.json"),
        ("odd", "can't be read: Is a directory"),
    ],
)
def test_what_is_no_folder_of_a_backup_is_refused_for_what_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, why: str
) -> None:
    config = tmp_path / "posthouse.toml"
    config.write_text('hostname = "m.example"\n[daemon]\nstate_dir = "var"\n')
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "odd" / "manifest.json").mkdir(parents=True)
    assert run(["restore", str(tmp_path / name), "--config", str(config)]) == 2
    assert capsys.readouterr().err == f"posthouse: {tmp_path / name} {why}\n  nothing was written\n"


def test_a_running_daemon_is_not_exported_from_unless_it_is_said(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from engine.lock import Lock

    lock = Lock(shop / "old" / "var")
    try:
        assert run(["export", str(shop / "out")]) == 1
        assert "--running" in capsys.readouterr().err and not (shop / "out").exists()
        assert run(["export", str(shop / "out"), "--running"]) == 0
    finally:
        lock.release()


def test_a_table_runs_no_formula_and_is_read_back_as_it_was(shop: Path, tmp_path: Path) -> None:
    file = shop / "people.csv"
    assert run(["contact", "export", "--csv", "--out", str(file)]) == 0
    assert "'=cmd()" in file.read_text("utf-8")
    again = Desk(shop / "new", tmp_path)
    assert again.take(file, lists=()).refused == 0
    with closing(sqlite3.connect(shop / "old" / "var" / "posthouse.db")) as old:
        before = old.execute("SELECT address, name, fields, external_id FROM contact ORDER BY address").fetchall()
    assert again.rows("SELECT address, name, fields, external_id FROM contact ORDER BY address") == before
    again.store.close()


def test_a_list_s_people_are_exported_by_its_name(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["contact", "export", "--csv", "--list", "tea"]) == 0
    said = capsys.readouterr().out
    assert "ann@example.org" in said and said.startswith("address,name,locale,zone,birthday,external_id,tags,confirmed")
    assert run(["contact", "export", "--csv", "--list", "coffee"]) == 2 and run(["contact", "export"]) == 2
