"""A report as a mail to whoever operates: handed over as `posthouse sendmail` does, so that it survives a daemon that stops."""

from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

from engine import spool
from engine.commands.common import refuse
from engine.commands.lmtp import InDoubt, Refusal, Unreachable, put
from engine.control import place
from engine.spool import Envelope
from engine.system import SystemChance


def send(to: Sequence[str], subject: str, lines: Sequence[str], config_path: Path | None) -> str:
    """Hand it over, or leave it in the spool; which of both, in words. What can be neither ends the command with 1."""
    door = place.local_door(config_path)
    sender = door.sender or f"posthouse@{door.hostname}"
    content = mail_of(sender, to, subject, lines)
    envelope, key = (
        Envelope(sender, list(to), smtputf8=not "".join((sender, *to)).isascii()),
        SystemChance().octets(16).hex(),
    )
    try:
        done = put(door.lmtp, key, envelope, content)
    except Refusal as refusal:
        refuse(f"the report was refused: {refusal}")
    except (Unreachable, InDoubt) as err:
        try:
            spool.write(door.spool, key, envelope, content)
        except OSError as trouble:
            refuse(f"the report can't be sent: {err}, nor kept in {door.spool}: {trouble.strerror}")
        return "left in the spool for"
    if done.refused:
        refuse("; ".join(f"{address}: {reply}" for address, reply in done.refused))
    return "sent to"


def mail_of(sender: str, to: Sequence[str], subject: str, lines: Sequence[str]) -> bytes:
    """The message. No program answers it (RFC 3834 section 5)."""
    mail = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    mail["From"], mail["To"], mail["Subject"] = f"Posthouse <{sender}>", ", ".join(to), subject
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("\n".join(lines) + "\n")
    return mail.as_bytes()
