"""The trial of an import, as the relay's outcomes bring it about."""

from dataclasses import replace
from pathlib import Path

from clock import NOON, FakeChance
from exchange_desk import Desk
from mail_shop import SECRET, Place

from deliverability.address import Address
from engine.audience import trials
from engine.config import parse
from engine.house import House
from engine.sending.permission import gate, may_send
from mta.ports import Tx
from mta.queue import expiring, queue
from mta.queue.delivery import State, Stream
from mta.queue.queue import Claimed, NewMessage, Recipient


def house_of(desk: Desk, folder: Path) -> House:
    (folder / "secret").write_bytes(SECRET)
    config = parse(
        f'hostname = "mail.shop.example"\n[daemon]\nstate_dir = "{folder}"\n'
        "[imports]\nbounce_limit = 10\nbounce_after = 10\n"
    )
    return House.build(config, desk.store, desk.clock, FakeChance())


def letter(tx: Tx, house: House, contact: int, origin: str = "flow") -> int:
    to = Address.parse(f"p{contact - 1}@example.org")
    message = NewMessage("a@shop.example", (Recipient(to),), b"Subject: hi\r\n\r\n", Stream.MARKETING, origin)
    queued = queue.enqueue(tx, message, NOON, house.config.queue)
    tx.execute(
        "INSERT INTO sending (message_id, contact_id, flow, step, occurrence, template) VALUES (?,?,'f','s',1,'t')",
        (queued.message_id, contact),
    )
    return queued.deliveries[0]


def end(tx: Tx, house: House, contact: int, reply: str, origin: str = "flow") -> None:
    delivery = expiring.find(tx, letter(tx, house, contact, origin))
    assert delivery is not None
    state = State.BOUNCED if reply.startswith("5") else State.DELIVERED
    house.follow(tx, [replace(delivery, state=state, reply=reply, stage="rcpt")])


def test_outcomes_of_mail_hold_an_import_whose_addresses_are_gone_also_what_is_queued(
    place: Place, tmp_path: Path
) -> None:
    desk = Desk(place, tmp_path)
    desk.take(desk.file("address\n" + "".join(f"p{each}@example.org\n" for each in range(30))))
    house = house_of(desk, tmp_path)
    waiting = desk.store.write_now(lambda tx: letter(tx, house, 30))
    for contact in range(1, 11):
        reply = "550 5.1.1 no such user" if contact > 8 else "250 2.0.0 ok"
        desk.store.write_now(lambda tx, contact=contact, reply=reply: end(tx, house, contact, reply))  # type: ignore[misc]
    held = desk.store.read_now(lambda tx: trials.batch(tx, 1))
    assert held is not None and (held.state, held.sendings, held.bounces) == ("held", 10, 2)
    key = "p20@example.org"
    assert desk.store.read_now(lambda tx: may_send(tx, key, Stream.MARKETING)) == "import held back"
    claimed = Claimed(
        waiting, 1, "p29@example.org", "example.org", Stream.MARKETING, 1, 0, 0, "", None, "", "", "flow", 10, False, False,
        None, None,
    )  # fmt: skip
    assert desk.store.read_now(lambda tx: gate(tx, [claimed])) == {waiting: "import held back"}
    desk.store.close()


def test_mail_of_applications_says_nothing_of_an_import(place: Place, tmp_path: Path) -> None:
    desk = Desk(place, tmp_path)
    desk.take(desk.file("address\n" + "".join(f"p{each}@example.org\n" for each in range(30))))
    house = house_of(desk, tmp_path)
    for contact in range(1, 16):
        desk.store.write_now(
            lambda tx, contact=contact: end(tx, house, contact, "550 5.1.1 no such user", "submission")  # type: ignore[misc]
        )
    found = desk.store.read_now(lambda tx: trials.batch(tx, 1))
    assert found is not None and (found.state, found.sendings, found.bounces) == ("trial", 0, 0)
    desk.store.close()
