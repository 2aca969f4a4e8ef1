"""List fields beside those that an application wrote."""

import pytest

from deliverability.address import Address
from engine.audience.list_settings import ListSettings
from engine.sending.list_fields import lacking, list_fields

FIELDS = list_fields(
    {"unsubscribe": "https://shop.example/unsubscribe/x"}, "tea", ListSettings(), Address.parse("us@shop.example")
)
ALL = ["List-Unsubscribe", "List-Unsubscribe-Post", "List-Help", "List-Owner", "List-Id"]


@pytest.mark.parametrize(
    ("head", "left_out"),
    [
        ("", ()),
        ("List-Id: <mine.shop.example>", ("List-Id",)),
        ("LIST-HELP: <mailto:us@shop.example>", ("List-Help",)),
        ("List-Unsubscribe: <mailto:stop@shop.example>", ("List-Unsubscribe", "List-Unsubscribe-Post")),
        ("List-Unsubscribe-Post: List-Unsubscribe=One-Click", ("List-Unsubscribe-Post",)),
    ],
)
def test_what_the_application_wrote_stays_and_the_rest_is_added(head: str, left_out: tuple[str, ...]) -> None:
    added = lacking(f"Subject: Tea\r\n{head}\r\n".encode(), FIELDS).decode()
    names = [line.partition(":")[0] for line in added.splitlines()]
    assert names == [name for name in ALL if name not in left_out]
