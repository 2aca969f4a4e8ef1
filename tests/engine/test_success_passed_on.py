"""A success that the next hop reports comes to us, since mail leaves with our reverse-path: who asked for it is told."""

from pathlib import Path

import pytest
from clock import NOON, FakeChance, FakeClock
from mail_shop import SECRET, Place, open_store

from deliverability.address import Address
from engine.config import parse
from engine.house import House
from mta.ports import Tx
from mta.queue import expiring, queue
from mta.queue.delivery import Stream
from mta.queue.queue import NewMessage, Recipient

ANN = Address("ann", "example.org")


@pytest.mark.parametrize(
    ("notify", "action", "subjects"),
    [
        ({"SUCCESS"}, "delivered", ["Delivered mail"]),
        ({"SUCCESS", "FAILURE"}, "relayed", ["Relayed mail"]),
        ({"SUCCESS"}, "expanded", ["Delivered mail"]),
        ({"SUCCESS"}, "delayed", []),
        ({"FAILURE"}, "delivered", []),
        ({"NEVER"}, "failed", []),
        ({"SUCCESS"}, "nonsense", []),
    ],
)
def test_a_report_of_success_is_passed_on(
    place: Place, tmp_path: Path, notify: set[str], action: str, subjects: list[str]
) -> None:
    (tmp_path / "secret").write_bytes(SECRET)
    config = parse(f'hostname = "mail.shop.example"\n[daemon]\nstate_dir = "{tmp_path}"\n')
    house = House.build(config, open_store(place), FakeClock(), FakeChance())
    told = {"action": action, "status": "5.0.0" if action == "failed" else "2.1.5", "diagnostic": ""}

    def work(tx: Tx) -> list[str]:
        message = NewMessage(
            "a@shop.example",
            (Recipient(ANN, frozenset(notify)),),
            b"Subject: hi\r\n\r\n",
            Stream.TRANSACTIONAL,
            "submission",
        )
        (number,) = queue.enqueue(tx, message, NOON, config.queue).deliveries
        delivery = expiring.find(tx, number)
        assert delivery is not None
        for _ in range(2):  # whoever knows the token may send it often
            verdict = house.bounced_later(tx, delivery, {"recipients": [told]})
            row = ("", "", b"", verdict, number, 0)
            tx.insert(
                "INSERT INTO inbound (reverse_path, forward_path, content, verdict, delivery_id, at_ms) VALUES (?,?,?,?,?,?)",
                row,
            )
        return [row[0] for row in tx.query("SELECT subject FROM message WHERE origin = 'dsn'")]

    said = house.store.write_now(work)
    house.store.close()
    assert said == subjects
