"""DKIM keys and their life: made, seen in DNS, signing, resting, gone.

| state | signs | what DNS must show |
|---|---|---|
| new | no | the record is to be published |
| published | no | every server of the zone was seen to show it |
| active | yes | the record |
| retiring | no | still the record: mail that others hold in their queues is verified by it |
| gone | no | an empty p= (RFC 6376 section 3.6.1: withdrawn), or nothing |

A domain's first keys are active at once, so that nothing leaves unsigned; every later one begins as new and signs from
a switch on, which is refused while a server of the zone does not show it. The private half is deleted when it is gone.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

from deliverability.settings import DkimSettings
from deliverability.signing.keys import Key, KeyTrouble, load_key
from deliverability.signing.signer import Signer
from mta.outbound.signatures import Keyring
from mta.ports import Tx, from_ms, to_ms

RETIRE_AFTER: Final = timedelta(days=7)  # longer than the five days that others try to deliver what they took
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

    def load(self, folder: Path) -> Key:
        """The key itself. KeyTrouble or OSError where its file can't be used."""
        return load_key((folder / self.file).read_bytes(), self.domain, self.selector)


def kept(tx: Tx, domain: str = "") -> list[KeptKey]:
    """The keys of a domain, or all."""
    sql = "SELECT domain, selector, algorithm, file, state, created_ms, since_ms FROM dkim_key"
    where, params = (" WHERE domain = ?", (domain,)) if domain else ("", ())
    return [
        KeptKey(name, selector, algorithm, file, KeyState(state), from_ms(created), from_ms(since))
        for name, selector, algorithm, file, state, created, since in tx.query(
            f"{sql}{where} ORDER BY domain, selector", params
        )
    ]


def write_file(folder: Path, key: Key) -> str:
    """The private half into a file of its own (0600, synced); its name. FileExistsError when the selector is taken."""
    name = f"{key.domain}.{key.selector}.pem"
    opened = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(opened, "wb") as file:
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
    """Write down keys of one domain with their files. Their state: active where the domain had none that signs."""
    domain = keys[0][0].domain
    signs = tx.one("SELECT 1 FROM dkim_key WHERE domain = ? AND state = ? LIMIT 1", (domain, KeyState.ACTIVE.value))
    state = KeyState.NEW if signs else KeyState.ACTIVE
    sql = "INSERT INTO dkim_key (domain, selector, algorithm, file, state, created_ms, since_ms) VALUES (?,?,?,?,?,?,?)"
    for key, file in keys:
        tx.execute(sql, (domain, key.selector, str(key.algorithm), file, state.value, to_ms(now), to_ms(now)))
    return state


def seen(tx: Tx, keys: Sequence[KeptKey], now: datetime) -> None:
    """Every server shows these: new ones become published."""
    for each in keys:
        _move(tx, each, (KeyState.NEW,), KeyState.PUBLISHED, now)


def switch(tx: Tx, domain: str, selectors: Sequence[str], now: datetime) -> None:
    """These sign from now on; those that signed until now retire."""
    for each in kept(tx, domain):
        if each.selector in selectors:
            _move(tx, each, (KeyState.NEW, KeyState.PUBLISHED, KeyState.RETIRING), KeyState.ACTIVE, now)
        else:
            _move(tx, each, (KeyState.ACTIVE,), KeyState.RETIRING, now)


def end_retired(tx: Tx, now: datetime) -> list[KeptKey]:
    """Keys that nobody needs any more are gone; their files are the caller's to delete, after the commit."""
    over = [each for each in kept(tx) if each.state is KeyState.RETIRING and now - each.since >= RETIRE_AFTER]
    for each in over:
        _move(tx, each, (KeyState.RETIRING,), KeyState.GONE, now)
    return over


def drop(tx: Tx, key: KeptKey) -> None:
    """Forget it: a new key that was never used, or one that is gone."""
    tx.execute("DELETE FROM dkim_key WHERE domain = ? AND selector = ?", (key.domain, key.selector))


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
