"""What an administrator may set about the doctor."""

import re
from datetime import timedelta
from ipaddress import ip_address
from typing import Final

from pydantic import Field, field_validator

from deliverability.settings import Duration, Settings

_ZONE: Final = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")


class DoctorSettings(Settings):
    """`[doctor]`: looking after what the world sees of us."""

    every: Duration = Field(
        default=timedelta(hours=12),
        description="Examine everything again after this long; a rule that turns red raises an alarm. 0s: only when asked.",
    )
    patience: Duration = Field(
        default=timedelta(seconds=20), description="One examination takes no longer; what was not answered is unknown."
    )
    addresses: tuple[str, ...] = Field(
        default=(),
        description="The public addresses that mail leaves from, where they are not this machine's own (NAT, a smart host).",
    )
    blocklists: tuple[str, ...] = Field(
        default=(),
        description='DNS blocklists of addresses to ask, such as "zen.spamhaus.org". Read first who may ask them.',
    )
    domain_blocklists: tuple[str, ...] = Field(
        default=(), description='DNS blocklists of domains to ask, such as "dbl.spamhaus.org"; likewise.'
    )

    @field_validator("every", "patience")
    @classmethod
    def _is_sensible(cls, value: timedelta) -> timedelta:
        if timedelta(0) < value < timedelta(seconds=1):
            raise ValueError("is shorter than a second")
        return value

    @field_validator("addresses")
    @classmethod
    def _are_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            try:
                ip_address(each)
            except ValueError:
                raise ValueError(f'"{each[:60]}" is not an IP address (try "198.51.100.7")') from None
        return tuple(str(ip_address(each)) for each in value)

    @field_validator("blocklists", "domain_blocklists")
    @classmethod
    def _are_zones(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            if not _ZONE.fullmatch(each.lower()):
                raise ValueError(f'"{each[:60]}" is no DNS zone (try "zen.spamhaus.org")')
        return tuple(each.lower() for each in value)
