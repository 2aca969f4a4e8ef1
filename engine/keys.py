"""DKIM keys and their life: made, seen in DNS, signing, resting, gone.

| state | signs | what DNS must show |
|---|---|---|
| new | no | the record is to be published |
| published | no | every server of the zone was seen to show it |
| active | yes | the record |
| retiring | no | still the record: mail that others hold in their queues is verified by it |
| gone | no | an empty p= (RFC 6376 section 3.6.1: withdrawn), or nothing |

A domain's first keys are active at once, so that nothing leaves unsigned, unless a parent's keys sign for it; every later
one begins as new and signs from a switch on, which is refused while a server of the zone does not show it. So no change
takes a domain's last key that signs. The private half is deleted once a key is gone: first the row, then the file.
"""

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from deliverability.settings import DkimSettings
from deliverability.signing.keys import Key, KeyTrouble, load_key
from deliverability.signing.signer import Signer
from engine.own_folder import hand_over
from mta.outbound.signatures import Keyring
from mta.plain_file import read_plain
from mta.ports import Tx, from_ms, to_ms

OLD_AFTER: Final = timedelta(days=182)  # keys are changed at least every six months (M3AAWG, DKIM key rotation)


class KeyState(StrEnum):
    """Where a key is in its life."""

    NEW = "new"
    PUBLISHED = "published"
    ACTIVE = "active"
    RETIRING = "retiring"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class KeptKey:
    """A key as we keep it; `since`: when its state began."""

    domain: str
    selector: str
    algorithm: str
    file: str
    state: KeyState
    created: datetime
    since: datetime
    ttl: timedelta = timedelta()  # of its record, as name servers said last

    @property
    def is_fresh(self) -> bool:
        """Whether it never signed."""
        return self.state in (KeyState.NEW, KeyState.PUBLISHED)

    @property
    def is_signing(self) -> bool:
        return self.state is KeyState.ACTIVE

    def load(self, folder: Path) -> Key:
        """The key itself. KeyTrouble or OSError where its file can't be used."""
        return load_key(read_plain(folder / self.file), self.domain, self.selector)


def kept(tx: Tx, domain: str = "", *, lock: bool = False) -> list[KeptKey]:
    """The keys of a domain, or all. `lock` keeps them from others until the commit."""
    sql = "SELECT domain, selector, algorithm, file, state, created_ms, since_ms, ttl_s FROM dkim_key"
    where, params = (" WHERE domain = ?", (domain,)) if domain else ("", ())
    ending = tx.for_update() if lock else ""
    return [_kept(row) for row in tx.query(f"{sql}{where} ORDER BY domain, selector{ending}", params)]


def _kept(row: tuple[Any, ...]) -> KeptKey:
    domain, selector, algorithm, file, state, created_ms, since_ms, ttl_s = row
    return KeptKey(
        domain, selector, algorithm, file, KeyState(state), from_ms(created_ms), from_ms(since_ms), timedelta(seconds=ttl_s)
    )  # fmt: skip


def write_file(folder: Path, key: Key) -> str:
    """The private half into a file of its own (0600, synced); its name. FileExistsError when the selector is taken."""
    name = f"{key.domain}.{key.selector}.pem"
    opened = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(opened, "wb") as file:
        hand_over(opened, folder)
        file.write(key.to_pem())
        file.flush()
        os.fsync(file.fileno())
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return name


def add(tx: Tx, keys: Sequence[tuple[Key, str]], now: datetime) -> KeyState:
    """Write down keys of one domain with their files. Their state: active where nothing signs its mail yet."""
    domain = keys[0][0].domain
    state = KeyState.NEW if _signs(tx, domain) else KeyState.ACTIVE
    sql = "INSERT INTO dkim_key (domain, selector, algorithm, file, state, created_ms, since_ms) VALUES (?,?,?,?,?,?,?)"
    for key, file in keys:
        tx.execute(sql, (domain, key.selector, str(key.algorithm), file, state.value, to_ms(now), to_ms(now)))
    return state


def _signs(tx: Tx, domain: str) -> bool:
    """Whether keys of the domain, or of a parent, sign its mail."""
    while domain:
        if any(each.state is KeyState.ACTIVE for each in kept(tx, domain)):
            return True
        domain = domain.partition(".")[2]
    return False


def see(tx: Tx, key: KeptKey, shown: bool | None, ttl: timedelta, now: datetime) -> None:
    """What DNS was seen to show: a new key that every server shows is published, one that is no longer shown is new again.
    `shown` is None where a server gave no answer, which says nothing."""
    if shown is not None and key.is_fresh:
        _move(tx, key, (KeyState.NEW,) if shown else (KeyState.PUBLISHED,), _SEEN[shown], now)
    if shown and ttl != key.ttl:
        tx.execute(
            "UPDATE dkim_key SET ttl_s = ? WHERE domain = ? AND selector = ?",
            (int(ttl.total_seconds()), key.domain, key.selector),
        )


_SEEN: Final = {True: KeyState.PUBLISHED, False: KeyState.NEW}


class CannotSwitch(Exception):
    """The keys that were named can't sign any more; nothing was changed."""


def switch(tx: Tx, domain: str, selectors: Collection[str], now: datetime) -> None:
    """These sign from now on; those that signed until now retire. CannotSwitch where one of them is not there, or gone."""
    rows = kept(tx, domain, lock=True)
    if not selectors or not {each.selector for each in rows if each.state is not KeyState.GONE}.issuperset(selectors):
        raise CannotSwitch(f"of {', '.join(sorted(selectors)) or 'no keys'} not all can sign for {domain}")
    for each in rows:
        if each.selector in selectors:
            _move(tx, each, (KeyState.NEW, KeyState.PUBLISHED, KeyState.RETIRING), KeyState.ACTIVE, now)
        else:
            _move(tx, each, (KeyState.ACTIVE,), KeyState.RETIRING, now)


def may_end(key: KeptKey, rest: timedelta, now: datetime) -> bool:
    """Whether nobody can hold mail that a retiring key signed: its rest is over, and its record's time to live."""
    return key.state is KeyState.RETIRING and now - key.since >= rest + key.ttl


def end_retired(tx: Tx, rest: timedelta, now: datetime, domain: str = "") -> list[KeptKey]:
    """Keys (of a domain, or all) that nobody needs any more are gone, as long as another signs. Their files are the
    caller's to delete, after the commit.
    """
    rows = kept(tx, domain, lock=True)
    sign = {each.domain for each in rows if each.state is KeyState.ACTIVE}
    over = [each for each in rows if each.domain in sign and may_end(each, rest, now)]
    for each in over:
        _move(tx, each, (KeyState.RETIRING,), KeyState.GONE, now)
    return over


def drop(tx: Tx, key: KeptKey) -> bool:
    """Forget it: a new key that was never used, or one that is gone. False where it became something else meanwhile."""
    return (
        tx.execute(
            "DELETE FROM dkim_key WHERE domain = ? AND selector = ? AND state IN (?,?,?)",
            (key.domain, key.selector, KeyState.NEW.value, KeyState.PUBLISHED.value, KeyState.GONE.value),
        )
        == 1
    )


def load_keys(tx: Tx, folder: Path, settings: DkimSettings) -> Keyring:
    """The keys that sign, by domain. A domain whose key can't be read keeps its mail back."""
    found: dict[str, list[Key]] = {}
    broken: dict[str, str] = {}
    for each in kept(tx):
        if each.state is not KeyState.ACTIVE:
            continue
        try:
            found.setdefault(each.domain, []).append(each.load(folder))
        except (OSError, KeyTrouble) as err:
            broken[each.domain] = f"the key {folder / each.file} of {each.domain} can't be used: {err}"
    signers = {
        domain: Signer(keys, headers=settings.headers, oversigned=settings.oversigned)
        for domain, keys in found.items()
        if domain not in broken
    }
    return Keyring(signers, broken)


def _move(tx: Tx, key: KeptKey, allowed: Sequence[KeyState], to: KeyState, now: datetime) -> None:
    if key.state in allowed:
        tx.execute(
            "UPDATE dkim_key SET state = ?, since_ms = ? WHERE domain = ? AND selector = ? AND state = ?",
            (to.value, to_ms(now), key.domain, key.selector, key.state.value),
        )
