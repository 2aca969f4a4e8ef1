"""Whatever opens the store is tested on SQLite and on PostgreSQL, or it is written here why not."""

import re
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parent
FOLDERS: Final = ("engine", "mta", "tui", "deliverability", "fuzz")

# What a test opens a store with: these, and the houses of tests/support that are made of them.
OPENS: Final = re.compile(
    r"\b(open_store|store_at|lay_database|open_books|FlowHouse|CampaignHouse|open_door)\(|\bDatabase\(\w"
    r"|\((FlowHouse|CampaignHouse)\):|from (house_carrier|exchange_desk) import"
)
# An argument that is one of the fixtures which run a test twice (tests/conftest.py).
TWICE: Final = re.compile(
    r"\b(place|places): (Place|Path \| str|Callable\[\[\], (Place|Path \| str( \| None)?)\])[,)\n]"
    r"|params=\[\"sqlite\", pytest\.param\(\"postgresql\""
)

ONE: Final = {  # a file of tests: why it has one database
    "engine/test_bounce_commands.py": "how commands print; what they ask is in test_reports and test_returning",
    "engine/test_carrier_life.py": "processes and links; carriers on PostgreSQL are in e2e/test_postgres",
    "engine/test_contact_commands.py": "how commands print; contacts are in test_contacts",
    "engine/test_domain_control.py": "keys are files of one machine; its questions are asked in e2e/test_postgres",
    "engine/test_import_commands.py": "how commands print; imports are in test_import",
    "engine/test_key_keeper.py": "keys are files of one machine, so that on PostgreSQL nothing is changed by itself",
    "engine/test_report_commands.py": "how commands print; reports are in test_report_figures and test_reports",
    "engine/test_rules_commands.py": "rules are files; a store is there for their journal only",
    "engine/test_runner_property.py": "many random lives; each word of a flow is on both in test_runner_flows",
    "engine/test_simulation_agrees.py": "many random lives; the runner is on both in test_runner_flows",
    "engine/test_store_log.py": "SQLite's own log beside its file",
    "engine/test_tracking_property.py": "many random mails; what is kept of hits is in test_web_tracked",
    "engine/test_web_commands.py": "how commands print; surveys and forms are in test_web_survey and test_web_pages",
    "engine/test_web_dressing.py": "a picture from memory; a store is there because the pages want one",
    "engine/test_web_openapi.py": "many random requests; the API is on both in test_web_api",
    "engine/test_writes_instead.py": "reads a mail; what a flow does with it is in test_runner_flows",
    "engine/test_schema.py": "each database's schema has tests of its own there",
    "engine/test_store_bells.py": "bells are PostgreSQL's; that SQLite has none is there, too",
    "mta/test_queue.py": "any life of a queue, as a machine of its own for each of the two",
    "engine/test_store_postgres.py": "PostgreSQL's own: a server that goes away, sessions beside each other",
    "engine/test_lab_clock.py": "a clock that follows a file; it follows a server there, too",
    "engine/test_strange_databases.py": "files that are no database of ours; what lies on a server has a test of its own there",
}


def opening() -> dict[str, str]:
    """The files of tests that open a store, and their texts."""
    files = [file for folder in FOLDERS for file in sorted((TESTS / folder).rglob("test_*.py"))]
    texts = {str(file.relative_to(TESTS)): file.read_text("utf-8") for file in files}
    return {name: text for name, text in texts.items() if OPENS.search(text)}


def test_what_opens_a_store_is_run_on_both_databases_or_says_why_not() -> None:
    alone = {name for name, text in opening().items() if not TWICE.search(text)}
    assert sorted(alone - ONE.keys()) == [], "ask for `place` (tests/conftest.py), or write the reason down here"
    assert sorted(ONE.keys() - alone) == [], "these run on both now, or open nothing: take them out"


def test_most_of_them_are_run_on_both() -> None:
    assert len(opening()) - len(ONE) > 3 * len(ONE)
