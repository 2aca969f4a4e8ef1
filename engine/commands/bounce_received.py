"""`posthouse bounce received` and `show`: what came back, and what was concluded from it. From the database, no daemon."""

import base64
import json
import sys
from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer

from deliverability.headers import decode_text
from deliverability.rawmail import first_value, split_message
from deliverability.text import clean
from engine.commands.common import ConfigPath, Json, config, database, refuse
from mta.ports import Tx, from_ms

SHOWN: Final = 50
HEADER: Final = 16_384  # octets of a mail that are looked at for its subject
_FOR_PEOPLE: Final = ("for a person", "no report", "report that can't be read", "unread")


def received(
    for_people: Annotated[
        bool, typer.Option("--for-people", help="Only what nothing was concluded from: mail to postmaster and abuse.")
    ] = False,
    count: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the youngest first.")] = SHOWN,
    config_path: ConfigPath = None,
    as_json: Json = False,
) -> None:
    """What came back to our addresses, and what was concluded from each."""
    store = database(config(config_path))
    rows = store.read_now(lambda tx: _rows(tx, count, for_people))
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        print(f"{row['id']:>8}  {row['came']}  {row['to']}  {row['concluded']}")
        print(f"          from {row['from'] or '<>'}: {row['subject']}")
    print(f"{len(rows)} mails; posthouse bounce show NUMBER prints one")


def show(
    number: Annotated[int, typer.Argument(help="Which, as `posthouse bounce received` lists them.")],
    config_path: ConfigPath = None,
    as_json: Json = False,
) -> None:
    """Print a mail that came back, byte for byte as it came, to be read or handed to `posthouse bounce explain -`. With
    --json: what was concluded, of which delivery, and the mail in base64."""
    store = database(config(config_path))
    row = store.read_now(lambda tx: tx.one(f"{_ROW}, content, delivery_id FROM inbound WHERE id = ?", (HEADER, number)))
    if row is None:
        refuse(f"there is no mail {number} among what came back")
    content = bytes(row[-2])
    if as_json:
        told = _told(row[:6]) | {"delivery": row[-1], "content": base64.b64encode(content).decode("ascii")}
        print(json.dumps(told, ensure_ascii=False))
        return
    if sys.stdout.isatty():  # a stranger's octets are no business of a terminal's
        print("\n".join(clean(line) for line in content.decode("utf-8", "replace").splitlines()))
    else:
        sys.stdout.buffer.write(content)


def _rows(tx: Tx, count: int, for_people: bool) -> list[dict[str, Any]]:
    likes = " OR ".join("verdict LIKE ?" for _ in _FOR_PEOPLE)
    where, values = (f" WHERE {likes}", tuple(f"{each}%" for each in _FOR_PEOPLE)) if for_people else ("", ())
    rows = tx.query(f"{_ROW} FROM inbound{where} ORDER BY id DESC LIMIT ?", (HEADER, *values, count))
    return [_told(row) for row in rows]


_ROW: Final = "SELECT id, at_ms, reverse_path, forward_path, verdict, substr(content, 1, CAST(? AS INTEGER))"


def _told(row: Sequence[Any]) -> dict[str, Any]:
    number, at_ms, reverse_path, forward_path, verdict, content = row
    return {
        "id": number,
        "came": from_ms(at_ms).strftime("%Y-%m-%d %H:%M:%S"),
        "from": clean(reverse_path),
        "to": clean(forward_path),
        "subject": clean(decode_text(first_value(split_message(bytes(content))[0], "Subject") or b""))[:200],
        "concluded": clean(verdict),
    }
