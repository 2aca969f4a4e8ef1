"""Keys made and written down: each private half into its file first, then all rows in one commit.

A process that dies between leaves a file that no row names, and nothing else: the next pair takes other selectors.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from deliverability.signing.keys import Algorithm, Key, generate_key
from engine import keys
from engine.config import Config
from engine.keys import KeptKey, KeyState
from engine.store.groups import GroupStore
from mta.ports import Tx
from mta.queue.delivery import Stream


class Taken(Exception):
    """The selector has a file already."""


def pair(config: Config, domain: str, now: datetime, stem: str = "", taken: Sequence[KeptKey] = ()) -> list[Key]:
    """An RSA-2048 and an Ed25519 key; selectors by `stem`, or the day. `taken`: the domain's keys."""
    used = {each.selector for each in taken}
    stem = stem or next(each for each in _stems(now) if not _is_used(config, domain, each, used))
    return [
        generate_key(domain, f"{stem}{letter}", algorithm)
        for letter, algorithm in (("r", Algorithm.RSA), ("e", Algorithm.ED25519))
    ]


def write_files(config: Config, made: Sequence[Key]) -> list[str]:
    """The private halves, each into its file; their names. Taken, and nothing is left of them, where one has a file."""
    files: list[str] = []
    for each in made:
        try:
            files.append(keys.write_file(config.keys_path, each))
        except FileExistsError:
            delete(config, files)
            raise Taken(each.selector) from None
    return files


def delete(config: Config, files: Sequence[str]) -> None:
    """The private halves, gone for good."""
    for file in files:
        (config.keys_path / file).unlink(missing_ok=True)


def rest_of(config: Config) -> timedelta:
    """How long a key that was replaced must stay in DNS, but for its time to live: as long as anybody may hold mail that
    it signed, we ourselves too."""
    return max(config.dkim.retire_after, *(config.queue.expire_after(stream) for stream in Stream))


def end_retired(config: Config, write: Callable[[Callable[[Tx], list[KeptKey]]], list[KeptKey]], now: datetime) -> None:
    """What has rested long enough is gone: the rows, then the files."""
    over = write(lambda tx: keys.end_retired(tx, rest_of(config), now))
    delete(config, [each.file for each in over])


def tidy(config: Config, store: GroupStore, now: datetime) -> None:
    """End what has rested long enough, and delete files that a process which died left behind. For commands."""
    rows = store.read_now(keys.kept)
    if any(keys.may_end(each, rest_of(config), now) for each in rows):
        end_retired(config, store.write_now, now)
    delete(config, [each.file for each in rows if each.state is KeyState.GONE])


def _stems(now: datetime) -> Sequence[str]:
    """The day; with a number for a second pair made on it."""
    day = f"ph{now:%Y%m%d}"
    return (day, *(f"{day}-{number}" for number in range(2, _MOST)))


_MOST: Final = 1000


def _is_used(config: Config, domain: str, stem: str, used: set[str]) -> bool:
    names = {f"{stem}r", f"{stem}e"}
    return not names.isdisjoint(used) or any((config.keys_path / f"{domain}.{each}.pem").exists() for each in names)
