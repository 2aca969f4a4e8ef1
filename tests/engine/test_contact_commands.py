"""People from the command line: who is written down, and who is not."""

import os
import pwd
from datetime import timedelta
from pathlib import Path

import pytest
from clock import NOON
from mail_shop import open_store

from deliverability.address import Address
from engine.audience import dossier, lists
from engine.audience.contacts import ensure_contact, find_contact
from engine.audience.suppression import BACK, Reason, is_suppressed, suppress
from engine.commands import run
from engine.config import load
from engine.house import ensure_state
from mta.ports import Tx
from mta.queue.delivery import Stream

ANN = Address.parse("ann@example.org")
Said = pytest.CaptureFixture[str]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration in force; its folder of state, with a database."""
    file = tmp_path / "posthouse.toml"
    file.write_text('hostname = "mail.shop.example"\n[daemon]\nstate_dir = "state"\n')
    monkeypatch.setenv("POSTHOUSE_CONFIG", str(file))
    ensure_state(load(file))
    open_store(tmp_path / "state").close()
    return tmp_path / "state"


def add(said: Said, address: str) -> tuple[int, str, str]:
    code = run(["contact", "add", address, "--source", "fair"])
    out, err = said.readouterr()
    return code, out, err


def test_who_was_erased_comes_back_with_a_word_and_without_marketing_mail(state: Path, capsys: Said) -> None:
    assert add(capsys, str(ANN)) == (0, "ann@example.org is written down\n", "")
    store = open_store(state)

    def erase(tx: Tx) -> None:
        contact_id = find_contact(tx, ANN)
        assert contact_id is not None
        dossier.erase(tx, contact_id, ANN.key, salt=b"s" * 16, now=NOON)

    store.write_now(erase)
    assert add(capsys, str(ANN)) == (0, f"ann@example.org is written down\n{BACK}\n", "")
    assert store.read_now(lambda tx: is_suppressed(tx, [ANN.key], Stream.MARKETING)) == {ANN.key: "erased"}
    store.close()


def test_a_user_without_a_name_can_write_people_down_and_is_in_the_journal_by_number(
    state: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nameless(uid: int) -> object:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", nameless)
    for name in ("SUDO_USER", "LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    assert add(capsys, str(ANN))[0] == 0
    store = open_store(state)
    me = f"uid {os.getuid()}"
    assert store.read_now(lambda tx: tx.query("SELECT peer, operator FROM act")) == [(me, me)]
    store.close()


def test_whoever_looks_at_a_person_is_told_what_stops_mail_to_them(state: Path, capsys: Said) -> None:
    add(capsys, str(ANN))
    store = open_store(state)

    def stop(tx: Tx) -> None:
        tea = lists.create(tx, "tea", title="Tea", now=NOON).id
        suppress(tx, ANN.key, Reason.UNSUBSCRIBE, list_id=tea, evidence="by one click", now=NOON)
        suppress(tx, ANN.key, Reason.PAUSED, until=NOON + timedelta(days=30), now=NOON)

    def forget(tx: Tx) -> None:
        contact_id = find_contact(tx, ANN)
        assert contact_id is not None
        dossier.erase(tx, contact_id, ANN.key, salt=b"s" * 16, now=NOON)
        ensure_contact(tx, ANN, now=NOON)  # an event, or a mail to them, brings them back

    store.write_now(stop)
    assert run(["contact", "show", str(ANN)]) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("suppressed")] == [
        "suppressed   paused since 2026-03-02T12:00 until 2026-04-01T12:00: no marketing mail",
        "suppressed   unsubscribe since 2026-03-02T12:00: no mail of list tea (by one click)",
    ]
    store.write_now(forget)
    assert run(["contact", "show", str(ANN)]) == 0
    assert "suppressed   erased since 2026-03-02T12:00: no marketing mail\n" in capsys.readouterr().out
    store.close()


def test_nobody_is_written_down_who_is_made_to_look_like_another(state: Path, capsys: Said) -> None:
    code, out, err = add(capsys, "раypal@аpple.com")
    assert (code, out) == (2, "")
    assert "are made to look like those of another" in err and "nothing was changed" in err
