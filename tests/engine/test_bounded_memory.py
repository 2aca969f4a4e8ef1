"""What a process remembers so that it need not ask again has an end, in number and in size."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from house_growth import entries
from mail_shop import make_composer

from engine.campaigns.book import CampaignBook
from engine.running.book import FlowBook
from engine.sending import functions, widths
from engine.sending.render import TemplateFault
from engine.web import desk

FLOW = "name: letters\ntitle: Letters\nabout: One letter.\nstream: marketing\ntrigger: {event: order.placed}\nsteps: [exit]\n"


class OneText:
    """A transaction in which every version is this text."""

    def __init__(self, *row: str) -> None:
        self._row = row

    def one(self, *_: object) -> tuple[str, ...]:
        return self._row


def test_versions_of_flows_and_campaigns_are_kept_while_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    flows, campaigns = FlowBook(alarm=print), CampaignBook()
    flow: Any = OneText("letters", FLOW)
    campaign: Any = OneText("nonsense")
    monkeypatch.setattr("engine.running.book.VERSIONS_MAX", 4)
    monkeypatch.setattr("engine.campaigns.book.VERSIONS_MAX", 4)

    def ask_for(versions: range) -> tuple[int, int]:
        for each in versions:
            assert flows.definition(flow, each) is not None
            assert campaigns.version(campaign, each) is None
        return entries(flows), entries(campaigns)

    assert ask_for(range(4)) == ask_for(range(100, 200))
    assert flows.definition(flow, 199) is flows.definition(flow, 199)


def remembered() -> int:
    """Texts that it is known of what became of them, or what they are."""
    return sum(
        each.cache_info().currsize for each in (functions._apart, functions._decimal_of, widths._added, desk._is_ip)
    )


def test_a_long_text_is_written_and_not_remembered() -> None:
    composer = make_composer()
    words = composer.texts.choose("en", "en", "web.notice")

    def written(source: str, value: str) -> str:
        facts = {"value": value}
        return composer.renderer.text(source, facts, words=words, section="web.notice", zone=ZoneInfo("UTC"))

    before = remembered()
    for place in range(20):
        assert "茶" * 5_000 in written("{{ value }}", f"{place}{'茶' * 5_000}")
        with pytest.raises(TemplateFault, match="is no amount"):
            written("{{ value | money }}", f"{place + 1}.{'0' * 5_000}")
        assert widths.width("茶" * 5_000 + str(place)) == 10_000 + len(str(place))
        assert not desk._is_address(f"{place}{'1' * 5_000}")
    assert remembered() == before
    assert written("{{ value | money }}", "12.50") == written("{{ value | money }}", "12.50")
    assert remembered() > before
