"""What the commands share: where the daemon and the configuration are, and how answers and refusals are printed."""

import getpass
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

from engine import typed
from engine.control import place
from engine.control.client import Control, ControlError
from engine.control.protocol.acts import Done
from engine.control.protocol.wire import pretty

if TYPE_CHECKING:
    from deliverability.address import Address
    from engine.config import Config
    from engine.sending.resources import Resources
    from engine.store.groups import GroupStore
    from engine.system import SystemClock
    from mta.ports import Tx

T = TypeVar("T")
COMMAND: ContextVar[Sequence[str]] = ContextVar("command", default=())
"""The words of the command that runs."""
FOLDERS: ContextVar[Sequence[Path]] = ContextVar("folders", default=())
"""Where the command that runs may make files of the daemon's."""
STORES: ContextVar[Sequence["GroupStore"]] = ContextVar("stores", default=())
"""What the command that runs has open."""

Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
Socket = Annotated[
    Path | None, typer.Option("--socket", help="The daemon's control socket.", envvar="POSTHOUSE_SOCKET")
]
ConfigPath = Annotated[
    Path | None, typer.Option("--config", "-c", help="The configuration file.", envvar="POSTHOUSE_CONFIG")
]


def make_app(about: str) -> typer.Typer:
    """An app for one command module."""
    return typed.program(about)


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
    print(pretty(done) if as_json else done.text)


def print_more(cursor: object, option: str = "--after") -> None:
    """Say how to see what comes behind the last row, where something does."""
    if cursor:
        print(f"more: the same with {option} {shlex.quote(str(cursor))}")


def who() -> str:
    """The operator's name, as the system knows it."""
    from engine.own_folder import user_name

    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return user_name(os.getuid())


def config_file(given: Path | None) -> Path:
    """The configuration asked for, else this folder's, else the system's."""
    return given or (place.LOCAL_CONFIG if place.is_there(place.LOCAL_CONFIG) else place.SYSTEM_CONFIG)


def config(given: Path | None) -> "Config":
    """What it says (`config_file`). Faults end the command with 2."""
    from engine.config import load
    from engine.faults import ConfigFaults

    try:
        settings = load(config_file(given))
    except ConfigFaults as err:
        refuse(str(err), code=2)
    FOLDERS.set((settings.daemon.state_dir, settings.backups_path))
    return settings


def close_stores() -> None:
    """At a command's end: nothing of a database stays open, nor on its server the mark of somebody who writes."""
    for each in STORES.get():
        each.close()
    STORES.set(())


def hand_over() -> None:
    """At a command's end, as root: the daemon's user gets what was made in its folders."""
    if not FOLDERS.get() or os.geteuid() != 0:
        return
    from engine.own_folder import hand_over_below

    for each in FOLDERS.get():
        hand_over_below(each)
    FOLDERS.set(())


def prepare(settings: "Config") -> None:
    """Make the state folder where it is not there yet; one that can't be used ends the command."""
    from engine.house import ensure_state
    from engine.own_folder import NoFolder

    try:
        ensure_state(settings)
    except NoFolder as err:
        refuse(str(err), "nothing was changed")


def database(settings: "Config", *, create: bool = False, upgrade: bool = False, is_act: bool = True) -> "GroupStore":
    """The installation's database, for a command that needs no daemon. Its schema must be this program's, unless it
    may be brought up to it.

    What the command writes is an act: the journal has it from the same commit on.
    """
    from engine.faults import ConfigFaults
    from engine.moving import marks
    from engine.store.migrate import SchemaMismatch
    from engine.store.opening import store_at
    from engine.system import SystemClock
    from mta.ports import StoreTrouble

    try:
        store = store_at(settings.database_place, SystemClock())
        STORES.set((*STORES.get(), store))
        is_new = not store.exists()
        if is_new and not create:
            refuse(f"there is no database {store.name}", "`posthoused migrate` makes it", code=2)
        store.open()
        if is_new or upgrade:
            store.migrate()
        store.check_schema()
        marks.check(store)
    except ConfigFaults as err:
        refuse(str(err), code=2)
    except (SchemaMismatch, StoreTrouble) as err:
        refuse(str(err), code=1)
    if is_act:
        store.begin_with(_note)
    return store


def _note(tx: "Tx") -> None:
    """Write the command that runs into the journal of acts."""
    from engine.acts import keeping, telling
    from engine.own_folder import user_name
    from engine.store.lab_time import read_offset
    from engine.system import SystemClock

    words, about = telling.typed(COMMAND.get())
    user, now = user_name(os.getuid()), SystemClock(read_offset(tx)).now()
    path = " ".join(("posthouse", *words.split(" ")[:2]))
    number = keeping.begin(tx, path, user=user, operator=who(), about=about, told="{}", now=now)
    keeping.complete(tx, number, f"posthouse {words}", now, final=telling.way_back(COMMAND.get()))


def clock(store: "GroupStore") -> "SystemClock":
    """The time at which the daemon of this database lives: a lab's may have been moved, and no command writes down what
    was before that."""
    from engine.store.lab_time import read_offset
    from engine.system import SystemClock

    return SystemClock(store.read_now(read_offset))


def installed_files(settings: "Config", config_path: Path | None) -> dict[str, Path]:
    """The installation's own files, by their names in a backup or an export."""
    files = {"posthouse.toml": config_file(config_path), "keys": settings.keys_path, "secret": settings.secret_path}
    return files | ({"templates": settings.templates} if settings.templates else {})


@contextmanager
def alone(settings: "Config", remedy: str = "") -> Iterator[None]:
    """While no daemon runs on the state folder, and none can start; one that runs ends the command."""
    from engine.lock import AlreadyRunning, Lock
    from engine.own_folder import NoFolder, in_words

    with ExitStack() as locks:
        try:
            with in_words(settings.daemon.state_dir):
                settings.daemon.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            locks.callback(Lock(settings.daemon.state_dir).release)
            if isinstance(file := settings.database_place, Path) and file.exists():
                locks.callback(Lock.of_file(file).release)
        except AlreadyRunning as err:
            refuse(str(err), "stop it first, so that nothing changes meanwhile" + (f"; {remedy}" if remedy else ""))
        except NoFolder as err:
            refuse(str(err), code=2)
        yield


def address(text: str) -> "Address":
    """What was typed, as an address; what is none ends the command with 2."""
    from deliverability.address import Address, AddressError

    try:
        return Address.parse(text)
    except AddressError as err:
        refuse(str(err), code=2)


def own_config(given: Path | None) -> "Config | None":
    """The configuration, for a command that works without one; None where none is named and none is in its place."""
    if given is None and not place.is_there(place.LOCAL_CONFIG) and not place.is_there(place.SYSTEM_CONFIG):
        return None
    return config(given)


def own_templates(given: Path | None) -> "Resources":
    """Our templates, with the user's own over them where a configuration says where those are."""
    from engine.sending.resources import Resources

    settings = own_config(given)
    return Resources([settings.templates] if settings is not None and settings.templates else [])
