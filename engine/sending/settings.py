"""What an administrator may set about the mail that Posthouse writes itself."""

import re
from typing import Final

from pydantic import AliasChoices, Field, field_validator

from deliverability.address import Address
from deliverability.headers import format_mailbox
from deliverability.settings import Settings
from engine.audience.contacts import tidy_locale, tidy_zone
from engine.sending.texts import LAST_RESORT

_MAILBOX: Final = re.compile(r'\s*(?:"(?P<quoted>[^"<>]*)"|(?P<name>[^"<>]*?))\s*<(?P<address>[^<>]+)>\s*')


class MailSettings(Settings):
    """`[mail]`: who writes, in which language by default, and whence."""

    sender: str = Field(
        default="Shop <hello@shop.example>",
        validation_alias=AliasChoices("from", "sender"),
        description="Who our mail is from: a name that its readers know, and the address that their answers go to.",
    )
    locale: str = Field(default=LAST_RESORT, description="Language (BCP 47) for people whose own is unknown.")
    zone: str = Field(default="UTC", description="Time zone (IANA) for people whose own is unknown.")
    staff: tuple[str, ...] = Field(
        default=(), description="Addresses of people at the shop whom flows may notify; nobody else gets such mail."
    )
    answers_to: str = Field(
        default="",
        description="The mailbox of a person who gets what readers answer to mail of flows and campaigns; then such answers are"
        " events (`mail.replied`) too. Empty: they go to `from`, and Posthouse never hears of them.",
    )

    @field_validator("sender")
    @classmethod
    def _is_mailbox(cls, value: str) -> str:
        format_mailbox(*split_mailbox(value))
        return value

    @field_validator("answers_to")
    @classmethod
    def _is_address(cls, value: str) -> str:
        return str(Address.parse(value)) if value else ""

    @field_validator("staff")
    @classmethod
    def _are_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(Address.parse(each)) for each in value)

    @field_validator("zone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        if not tidy_zone(value):
            raise ValueError(f'"{value[:40]}" is not a time zone (try "Europe/Berlin")')
        return value

    @field_validator("locale")
    @classmethod
    def _is_locale(cls, value: str) -> str:
        if not tidy_locale(value):
            raise ValueError(f'"{value[:40]}" is not a language tag (try "en" or "he-IL")')
        return tidy_locale(value)


def split_mailbox(text: str) -> tuple[str, Address]:
    """(name, address) of `Shop <hello@shop.example>` or a bare address. ValueError in clear words."""
    match = _MAILBOX.fullmatch(text)
    if match is None:
        return "", Address.parse(text.strip())
    return (match["quoted"] or match["name"] or "").strip(), Address.parse(match["address"].strip())
