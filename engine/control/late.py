"""What an operator says of mails that are late, where their flow asks (`late: {do: ask}`)."""

from datetime import datetime
from functools import partial
from typing import Any, Final

from engine.control.protocol.acts import Done
from engine.control.refusal import Refusal
from engine.control.work import Office
from engine.counts import counted
from engine.house import House
from engine.running.answers import answer_late, asked
from mta.ports import Tx

ANSWERS: Final = ("send", "skip")
CHUNK: Final = 500  # runs in one transaction


async def late(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Let whoever waits for it go on, their late mail sent or skipped; without an answer, say how many wait."""
    name, answer = str(body.get("flow", "")), str(body.get("answer", ""))
    if answer and answer not in ANSWERS:
        raise Refusal(f"{answer[:20]} is no answer", f"there are: {', '.join(ANSWERS)}")
    flow_id = await house.store.read(lambda tx: _flow_id(tx, name))
    waiting = await house.store.read(lambda tx: asked(tx, flow_id))
    if not answer:
        wait = counted(waiting, f"late mail of {name} waits", f"late mails of {name} wait")
        return Done(f"{wait} for an answer", {"waiting": waiting})
    now, count = house.clock.now(), 0
    while count < waiting:
        done = await house.store.write(partial(_answer, flow_id, answer, now))
        count += done
        if not done:
            break
    office.tell(wake=[])
    mails = counted(count, f"late mail of {name} is", f"late mails of {name} are")
    return Done(f"{mails} {'sent' if answer == 'send' else 'skipped'}", {"answered": count})


def _answer(flow_id: int, answer: str, now: datetime, tx: Tx) -> int:
    return answer_late(tx, flow_id, answer, now, CHUNK)


def _flow_id(tx: Tx, name: str) -> int:
    row = tx.one("SELECT id FROM flow WHERE name = ?", (name,))
    if row is None:
        raise Refusal(f"there is no flow {name[:70]}", "`posthouse flow list` lists them", 404)
    return int(row[0])
