"""How events are read out of mail."""

from pathlib import Path

from pydantic import Field, field_validator

from deliverability.address import Address, AddressError
from deliverability.settings import Settings


class IntakeSettings(Settings):
    """`[intake]`: events out of mail."""

    address: str = Field(
        default="",
        description="Mail handed over to this address holds events and goes to nobody: events@mail.shop.example.",
    )
    extractors: Path | None = Field(
        default=None, description="Folder of extractors, *.yaml; below the state folder. Read again on reload."
    )

    @field_validator("address")
    @classmethod
    def _is_address(cls, value: str) -> str:
        try:
            return str(Address.parse(value)) if value else ""
        except AddressError as err:
            raise ValueError(f'"{value[:60]}" is no address: {err}') from None
