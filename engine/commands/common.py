"""What the commands share: where the daemon and the configuration are, and how answers and refusals are printed."""

import getpass
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

from engine.control import place
from engine.control.client import Control, ControlError
from engine.control.protocol.acts import Done
from engine.control.protocol.wire import encode

if TYPE_CHECKING:
    from deliverability.address import Address
    from engine.config import Config
    from engine.sending.resources import Resources
    from engine.store.groups import GroupStore
    from engine.system import SystemClock

T = TypeVar("T")

Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
Socket = Annotated[
    Path | None, typer.Option("--socket", help="The daemon's control socket.", envvar="POSTHOUSE_SOCKET")
]
ConfigPath = Annotated[
    Path | None, typer.Option("--config", "-c", help="The configuration file.", envvar="POSTHOUSE_CONFIG")
]


def make_app(about: str) -> typer.Typer:
    """An app for one command module."""
    return typer.Typer(help=about, add_completion=False, pretty_exceptions_enable=False)


def refuse(words: str, remedy: str = "", code: int = 1) -> NoReturn:
    """Say what is wrong and how to mend it, and end."""
    print(f"posthouse: {words}" + (f"\n  {remedy}" if remedy else ""), file=sys.stderr)
    raise SystemExit(code)


def refuse_faulty(faults: Sequence[object]) -> NoReturn:
    """Say all that is wrong with files, and end with exit code 2."""
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    refuse("\n".join((count, *map(str, faults))), code=2)


def socket_path(given: Path | None) -> Path:
    """Where the daemon listens (engine.control.place)."""
    try:
        return place.socket_path(given)
    except place.NoPlace as err:
        refuse(str(err), code=2)


def ask(given: Path | None, question: Callable[[Control], T]) -> T:
    """Put a question to the daemon; its refusal ends the command."""
    try:
        return question(Control(socket_path(given)))
    except ControlError as err:
        refuse(str(err).replace("due_within:", "--due-within:"), err.remedy, code=2 if err.senseless else 1)


def act(given: Path | None, path: str, body: dict[str, Any], as_json: bool) -> Done:
    """Give the daemon a command and print what it did."""
    done = ask(given, lambda control: control.post(f"/v1/{path}", body))
    show(done, as_json)
    return done


def show(done: Done, as_json: bool) -> None:
    print(json.dumps(json.loads(encode(done)), indent=2, ensure_ascii=False) if as_json else done.text)


def who() -> str:
    """The operator's name, as the system knows it."""
    return os.environ.get("SUDO_USER") or getpass.getuser()


def config(given: Path | None) -> "Config":
    """The configuration asked for, else this folder's, else the system's. Faults end the command with 2."""
    from engine.config import load
    from engine.faults import ConfigFaults

    path = given or (place.LOCAL_CONFIG if place.LOCAL_CONFIG.exists() else place.SYSTEM_CONFIG)
    try:
        return load(path)
    except ConfigFaults as err:
        refuse(str(err), code=2)


def database(settings: "Config", *, create: bool = False) -> "GroupStore":
    """The installation's database, for a command that needs no daemon. Its schema must be this program's."""
    from engine.store.migrate import SchemaMismatch
    from engine.store.opening import store_at
    from engine.system import SystemClock
    from mta.ports import StoreTrouble

    try:
        store = store_at(settings.database_place, SystemClock())
        is_new = not store.exists()
        if is_new and not create:
            refuse(f"there is no database {store.name}", "`posthoused migrate` makes it", code=2)
        store.open()
        if is_new:
            store.migrate()
        store.check_schema()
    except (SchemaMismatch, StoreTrouble) as err:
        refuse(str(err), code=1)
    return store


def clock(store: "GroupStore") -> "SystemClock":
    """The time at which the daemon of this database lives: a lab's may have been moved, and no command writes down what
    was before that."""
    from engine.store.lab_time import read_offset
    from engine.system import SystemClock

    return SystemClock(store.read_now(read_offset))


@contextmanager
def alone(settings: "Config", remedy: str = "") -> Iterator[None]:
    """While no daemon runs on the state folder, and none can start; one that runs ends the command."""
    from engine.lock import AlreadyRunning, Lock

    try:
        settings.daemon.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = Lock(settings.daemon.state_dir)
    except AlreadyRunning as err:
        refuse(str(err), "stop it first, so that nothing changes meanwhile" + (f"; {remedy}" if remedy else ""))
    except OSError as err:
        refuse(f"{settings.daemon.state_dir} can't be used: {err.strerror}", code=2)
    try:
        yield
    finally:
        lock.release()


def address(text: str) -> "Address":
    """What was typed, as an address; what is none ends the command with 2."""
    from deliverability.address import Address, AddressError

    try:
        return Address.parse(text)
    except AddressError as err:
        refuse(str(err), code=2)


def own_config(given: Path | None) -> "Config | None":
    """The configuration, for a command that works without one; None where none is named and none is in its place."""
    if given is None and not place.LOCAL_CONFIG.exists() and not place.SYSTEM_CONFIG.exists():
        return None
    return config(given)


def own_templates(given: Path | None) -> "Resources":
    """Our templates, with the user's own over them where a configuration says where those are."""
    from engine.sending.resources import Resources

    settings = own_config(given)
    return Resources([settings.templates] if settings is not None and settings.templates else [])
