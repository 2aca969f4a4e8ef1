"""An operator changes a DKIM key by keys alone: the real daemon, a real terminal, and a real name server to publish at."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from house_lab import LabTown, lab_town
from tmux_stage import TmuxStage, tmux_stage

from engine.control.client import part
from engine.control.protocol.domains import DomainAnswer
from engine.lab import zones

pytestmark = pytest.mark.e2e

DOMAIN = "shop.example"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabTown]:
    with lab_town(tmp_path_factory.mktemp("domains"), {"dkim": {"switch": False}}) as town:
        town.daemon.command("domain", "add", DOMAIN, "--selector", "old")
        publish(town)
        yield town


@contextmanager
def operator(town: LabTown, folder: Path, size: tuple[int, int] = (100, 40)) -> Iterator[TmuxStage]:
    """Somebody who looks at the domain's keys."""
    with tmux_stage(town.daemon, folder, size=size) as one:
        one.keys("8")
        one.see("── Domains ──", DOMAIN)
        one.keys("Enter")
        one.see(f"Domains › {DOMAIN} › rules")
        one.keys("l", "l")
        one.see("Change of keys")
        yield one


def answer(town: LabTown) -> DomainAnswer:
    return town.daemon.control.get(DomainAnswer, f"/v1/domains/{part(DOMAIN)}")


def publish(town: LabTown) -> None:
    """What somebody at the name server does with the records that were copied."""
    for each in answer(town).records:
        if "._domainkey." in each.name:
            zones.publish(town.lab.state, each.name, "TXT", each.value)


def states(town: LabTown) -> dict[str, str]:
    return dict(town.daemon.rows("SELECT selector, state FROM dkim_key WHERE domain = ?", DOMAIN))


def test_a_key_is_changed_by_keys_alone_and_old_mail_still_verifies(town: LabTown, tmp_path: Path) -> None:
    with operator(town, tmp_path) as one:
        one.see("● signs", "olde", "oldr")
        one.keys("c")  # the daemon looked before the records were published
        one.see("✓ shows it", "rules were judged")
        one.keys("K")
        one.see("has new keys", "u undo")
        one.see("► now", "publish the 2 records of", "○ new")
        assert sorted(states(town).values()) == ["active", "active", "new", "new"]
        one.keys("S")
        one.see("is not shown by every name server")

        publish(town)
        one.keys("c")
        one.see("rules were judged", "◔ published", "resolvers may remember")
        town.daemon.advance("2 h")
        one.keys("i")
        one.see("i is for the lines of tables")  # what the check says next is new, and not what the one before it said
        one.keys("c")
        one.see("rules were judged", "nobody remembers what was there before", "sign with them")
        one.keys("S")
        one.see("from now on", "◑ retiring", "leave the records of")
        assert sorted(states(town).values()) == ["active", "active", "retiring", "retiring"]
        assert states(town)["oldr"] == "retiring"

        town.daemon.advance("9 days")
        one.keys("c")
        one.see("► now", "v=DKIM1; p=", "– gone")
        for selector in ("oldr", "olde"):
            zones.publish(town.lab.state, f"{selector}._domainkey.{DOMAIN}", "TXT")
        one.keys("c")
        one.until(lambda text: "oldr" not in text and "olde" not in text and "● signs" in text)
    assert set(states(town).values()) == {"active"} and "oldr" not in states(town)
    done = town.daemon.command("acts", "--what", "domains")
    assert "domains/switch" in done.stdout and "domains/rotate" in done.stdout


def test_new_keys_that_nobody_wants_are_undone_by_one_key(town: LabTown, tmp_path: Path) -> None:
    before = states(town)
    with operator(town, tmp_path, size=(80, 24)) as one:
        one.keys("K")
        one.see("has new keys", "u undo")
        assert len(states(town)) == len(before) + 2
        one.keys("u")
        one.see("✓ undone")
    assert states(town) == before


def test_the_record_to_publish_is_shown_in_both_forms_and_the_same_as_text(town: LabTown, tmp_path: Path) -> None:
    with operator(town, tmp_path, size=(160, 48)) as one:
        one.keys("l")
        one.see("For a zone file", "For a provider's page", "type TXT")
        one.keys("t", "y")
        one.see("copied: type TXT")
        one.keys("Y")
        one.see(f"copied: posthouse domain records {DOMAIN}")
    said = town.daemon.command("domain", "records", DOMAIN, "--form", "provider").stdout
    assert re.search(r"type TXT", said)
