"""A shop to test with: its store, its composer, an order, and foreign eyes (the standard library's parser) on its mail."""

import email
import email.policy
import functools
import tempfile
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from clock import NOON, FakeClock

from engine.audience import lists
from engine.audience.asking import AskingSettings
from engine.audience.consent import Shown
from engine.audience.lists import MailingList
from engine.audience.subscriptions import Asking
from engine.sending.compose import Composed, Composer
from engine.sending.render import Renderer
from engine.sending.resources import Resources
from engine.sending.settings import MailSettings
from engine.store.groups import GroupStore
from engine.store.opening import store_at
from mta.ports import Tx
from mta.queue.delivery import Stream

Place = Path | str  # a folder for an SQLite file, or the address of a PostgreSQL database

SECRET = b"a secret of thirty-two octets..."
OCTETS = b"0123456789abcdef"
BASE = "https://mail.shop.example"
SHOP = Path(__file__).parents[1] / "data" / "shop"  # its brand
_RENDERERS: dict[str, Renderer] = {}
ORDER: dict[str, Any] = {
    "number": "BT-1042",
    "currency": "EUR",
    "total": 66.4,
    "url": "https://shop.example/orders/1042",
    "lines": [
        {"name": "Blue teapot, 1.2 l", "quantity": 1, "price": 42.5},
        {"name": "First-flush Darjeeling", "quantity": 2, "price": "11.95"},
    ],
}


def open_store(place: Place, clock: FakeClock | None = None) -> GroupStore:
    """A real store in a new file of this folder, or in this PostgreSQL database; migrated."""
    if isinstance(place, Path):
        place = place / "posthouse.db"
        lay_database(place)
    store = store_at(place, clock or FakeClock()).open()
    store.migrate()
    return store


def lay_database(file: Path) -> None:
    """Put an empty database there, as the migrations make it; one that is there stays."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_bytes(_empty_database())


@functools.cache
def _empty_database() -> bytes:
    """The migrations run once for all tests of a process: each takes a commit."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "posthouse.db"
        store = store_at(file, FakeClock()).open()
        store.migrate()
        store.close()
        return file.read_bytes()


def make_composer(
    *folders: Path, mail_domain: str = "", staff: tuple[str, ...] = (), **settings: str
) -> Composer:  # fmt: skip
    told: dict[str, Any] = {
        "staff": staff,
        "sender": "Blue Teapot <hello@shop.example>",
        **settings,
    }
    own = tuple(folder for folder in folders if folder.is_dir())
    composer = Composer(MailSettings(**told), Resources((*own, SHOP)), SECRET, BASE, mail_domain)
    if not own:
        # What comes with Posthouse is compiled once for all tests of a process.
        composer.renderer = _RENDERERS.setdefault(str(composer.shop), composer.renderer)
    return composer


def person(**facts: Any) -> dict[str, Any]:
    ann = {"id": 7, "name": "Ann Archer", "address": "ann@example.org", "locale": "en", "zone": "", "tags": []}
    return {**ann, "orders": {"count": 3, "total": 120, "last_at": None}, "fields": {}, **facts}


def compose(template: str, contact: dict[str, Any] | None = None, *, composer: Composer | None = None,
            stream: Stream = Stream.TRANSACTIONAL, **facts: Any) -> Composed:  # fmt: skip
    composer = composer or make_composer()
    asks = template.startswith("confirm")
    links = {"confirm": f"{BASE}/confirm/x"} if asks else None
    if asks:
        facts = {"list": {"id": 1, "name": "tea", "title": "Tea Letters", "purpose": "One letter a month."},
                 "expires": "2026-03-09T12:00:00+00:00", **facts}  # fmt: skip
    return composer.compose(
        template, contact or person(), {"event": ORDER, **facts}, stream=stream, now=NOON, octets=OCTETS, links=links,
        is_nameless=asks,
    )  # fmt: skip


def read(mail: Composed) -> EmailMessage:
    """The mail as the standard library reads it."""
    message = email.message_from_bytes(mail.content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


def part(mail: Composed, kind: str) -> str:
    """The text of one part ("plain" or "html")."""
    found = read(mail).get_body((kind,))
    assert found is not None
    assert isinstance(found, EmailMessage)
    return str(found.get_content()).replace("\r\n", "\n")


def make_list(tx: Tx, name: str = "tea", confirmation: str = "double") -> MailingList:
    return lists.create(
        tx, name, title="Tea Letters", purpose="One letter a month.", confirmation=confirmation, now=NOON
    )


class Asker:
    """Stands where the confirmation mail is written, and counts."""

    def __init__(self, limits: AskingSettings | None = None) -> None:
        self.limits = limits or AskingSettings()
        self.asked: list[Asking] = []

    def __call__(self, tx: Tx, asking: Asking) -> Shown:
        self.asked.append(asking)
        number = 900 + len(self.asked)
        return Shown(number, f"<{number}@shop.example>", "Please confirm", "Press the button.")
