"""The header fields that tell mail programs and providers what a mail is of: List-* and Feedback-ID.

All of them stand in DKIM's list of signed fields (deliverability.settings), List-Unsubscribe-Post too: RFC 8058 section 4
asks for that. Precedence is not among them: no RFC defines it.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from deliverability.address import Address
from deliverability.headers import header
from deliverability.rawmail import first_value
from engine.audience.list_settings import ListSettings
from mta.queue.delivery import Stream

SENDER_ID: Final = (5, 15)  # characters, by Google's form


def list_fields(links: Mapping[str, str], name: str, settings: ListSettings, sender: Address) -> list[bytes]:
    """The List-* fields of a marketing mail; `name` is "" where it is of no list."""
    ways = [f"<{links['unsubscribe']}>"]
    if "unsubscribe_mail" in links:
        ways.append(f"<mailto:{links['unsubscribe_mail']}?subject=unsubscribe>")
    owner = settings.owner or str(sender)
    help_ = settings.help or owner
    fields = [
        header("List-Unsubscribe", ", ".join(ways)),  # RFC 2369 section 3.2
        header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),  # RFC 8058 section 3.1
        header(
            "List-Help", f"<{help_}>" if help_.startswith("https://") else f"<mailto:{_quoted(help_)}?subject=help>"
        ),
        header("List-Owner", f"<mailto:{_quoted(owner)}>"),
    ]
    if name:
        fields.append(header("List-Id", f"<{settings.list_id or f'{name}.list.{sender.domain}'}>"))  # RFC 2919
    return fields


def lacking(head: bytes, fields: Iterable[bytes]) -> bytes:
    """Those of the fields that a mail's head does not have. Whoever says how to unsubscribe says whether one click does."""
    names = {field: field.partition(b":")[0].decode("ascii") for field in fields}
    has = {name for name in names.values() if first_value(head, name) is not None}
    if "List-Unsubscribe" in has:
        has.add("List-Unsubscribe-Post")
    return b"".join(field for field, name in names.items() if name not in has)


def feedback_id(template: str, name: str, stream: Stream, sender: Address) -> bytes:
    """Feedback-ID as Google reads it: up to three identifiers, none of them anybody's own, and who sends."""
    of_list = f"list-{name}" if name else ""
    return header("Feedback-ID", f"{template}:{of_list}:{stream.word}:{_sender_id(sender.domain)}")


def _sender_id(domain: str) -> str:
    least, most = SENDER_ID
    if least <= len(domain) <= most:
        return domain
    mark = hashlib.sha256(domain.encode()).hexdigest()[:6]
    return f"{domain[: most - 7].rstrip('.-')}-{mark}"


def _quoted(address: str) -> str:
    """An address as RFC 6068 section 2 wants it behind mailto:."""
    parsed = Address.parse(address)
    safe = "".join(each if (each.isalnum() and each.isascii()) or each in "-._~!$'*+" else _percent(each)
                   for each in parsed.local)  # fmt: skip
    return f"{safe}@{parsed.domain}"


def _percent(character: str) -> str:
    return "".join(f"%{octet:02X}" for octet in character.encode())


def name_of(facts: Mapping[str, Any]) -> str:
    """The name of the list that the facts of a mail tell of, or ""."""
    mailing_list = facts.get("list")
    return str(mailing_list.get("name", "")) if isinstance(mailing_list, dict) else ""
