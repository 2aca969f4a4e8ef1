"""What there is beside a flow file: the mails, lists, segments, flows, pools, fields and staff that it may name."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from deliverability.address import Address
from engine.flow.spelling import near

_TITLES: Final = {
    "templates": "mail template",
    "lists": "list",
    "segments": "segment",
    "flows": "flow",
    "pools": "pool of coupons",
    "fields": "field of contacts",
    "staff": "address in mail.staff",
}


@dataclass(frozen=True, slots=True)
class Known:
    """The names there are, by kind. None where nobody knows: then any will do."""

    templates: Collection[str] | None = None
    lists: Collection[str] | None = None
    segments: Collection[str] | None = None
    flows: Collection[str] | None = None
    pools: Collection[str] | None = None
    fields: Collection[str] | None = None
    staff: Collection[str] | None = None  # keys of the addresses that flows may notify
    permits: Collection[str] | None = None  # hooks.permit: networks that webhooks may call although they are private

    def refuse_unknown(self, kind: str, name: str) -> None:
        """ValueError where it is known that there is none of this name."""
        known: Collection[str] | None = getattr(self, kind)
        if known is not None and name not in known:
            raise ValueError(f"there is no {_TITLES[kind]} of this name{near(name, known)}")


def staff_keys(staff: Iterable[str]) -> list[str]:
    """The keys of the addresses that flows may notify, as told."""
    return sorted(Address.parse(each).key for each in staff)


NOTHING_KNOWN: Final = Known()
