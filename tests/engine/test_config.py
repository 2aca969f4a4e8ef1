"""The configuration: every fault at once, each with its file, its line, and what to write instead."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config import Config, ConfigFaults, load, parse


def faults(text: str) -> list[str]:
    with pytest.raises(ConfigFaults) as refused:
        parse(text)
    return [str(each) for each in refused.value.faults]


def test_nothing_said_is_a_whole_configuration() -> None:
    config = parse("")
    assert config.submission.listen == ("127.0.0.1:2525",)
    assert not config.lab.enabled
    assert config.carriers == len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[database]\nurl = 'mysql://db'", 'posthouse.toml:2: database.url: is no address of a database (try "postgresql://'),
        ("[database]\npath = 'x.db'\nurl = 'postgresql://db/x'", "posthouse.toml:1: database: path and url are both set"),
        ('hostname = "no host"', 'posthouse.toml:1: hostname: "no host" is no host name'),
        ("[daemon]\ncarriers = 65", "posthouse.toml:2: daemon.carriers: must be less than or equal to 64, not 65"),
        ('[daemon]\ncarriers = "two"', "posthouse.toml:2: daemon.carriers: must be a whole number, not 'two'"),
        ("[daemon]\n\n# why\nstate_dri = 'x'", "posthouse.toml:4: daemon.state_dri: is not a setting (did you mean state_dir?)"),
        ("[dameon]\ncarriers = 2", "posthouse.toml:1: dameon: is not a setting (did you mean daemon?)"),
        ("[queue]\nexpire_marketing = '5 dyas'", '"5 dyas" is not a duration (try "5 days")'),
        ("[submission]\nlisten = '127.0.0.1:25'", "posthouse.toml:2: submission.listen: must be a list like [\"...\"]"),
        ("[submission]\nlisten = ['localhost']", '"localhost" is not an address to listen on (try "127.0.0.1:2525"'),
        ("[submission]\nmax_size = '32 furlongs'", "is not a size"),
        ("[lab]\nenabled = 'maybe'", "posthouse.toml:2: lab.enabled: must be true or false, not 'maybe'"),
        ("submission = 3", "posthouse.toml:1: submission: must be a section, not 3"),
        ("[web]\nbase_url = 'mail.shop.example'", '"mail.shop.example" is not a web address (try "https://mail.shop.example")'),
        ("[queue]\nin_doubt_marketing = 'pray'", "'resend', 'hold' or 'assume-delivered', not 'pray'"),
        ("[routing]\npermit = ['everywhere']", '"everywhere" is not a network (try "127.0.0.0/8")'),
        ("[routing]\nresolvers = ['dns.example']", '"dns.example" is not an IP address (try "127.0.0.1:53")'),
        ("[inbound]\nlisten = ['0.0.0.0:25']", "inbound.listen is set but bounces.domain is not"),
        ("[submission\nlisten = 1", "posthouse.toml:1: is no TOML"),
        ("a = 1\na = 2", "posthouse.toml:2: is no TOML"),
    ],
)  # fmt: skip
def test_a_fault_says_where_and_what_to_write_instead(text: str, fault: str) -> None:
    found = faults(text)
    assert len(found) == 1
    assert fault in found[0]


OWN = '[submission]\nlisten = ["127.0.0.1:2525", "*:587"]\n[lmtp]\nsocket = "/run/posthouse/lmtp"\n'


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[routing]\nsmart_host = '127.0.0.1:2525'", '7: routing.smart_host: "127.0.0.1:2525" is our own door (subm'),
        ("[routing]\nsmart_host = 'localhost:2525'", '7: routing.smart_host: "localhost:2525" is our own door'),
        ("[routing]\nsmart_host = '127.0.0.5:587'", '7: routing.smart_host: "127.0.0.5:587" is our own door'),
        ("[routing]\nsmart_host = '[::1]:587'", '7: routing.smart_host: "[::1]:587" is our own door'),
        ("[routing]\nport = 587\nsmart_host = 'us.example'", '8: routing.smart_host: "us.example" is our own door'),
        ("[routing.transport]\n'a.example' = 'b.example'\n'*' = '0.0.0.0:2525'", '8: routing.transport.*: "0.0.0.0:2525" is'),
        ("[routing.transport]\n'.a.example' = 'lmtp:/run/posthouse/lmtp'", "is our own door (lmtp.socket)"),
        ("[inbound]\nlisten = ['127.0.0.1:2526']\n[bounces]\ndomain = 'b.example'\n"
         "[routing.transport]\n'b.example' = '127.0.0.1:2526'\n'c.example' = '127.0.0.1:2526'",
         '12: routing.transport.c.example: "127.0.0.1:2526" is our own door (inbound.listen): mail would come back to us'),
    ],
)  # fmt: skip
def test_a_next_hop_that_leads_back_to_us_is_refused(text: str, fault: str) -> None:
    found = faults('hostname = "us.example"\n' + OWN + text)
    assert len(found) == 1
    assert fault in found[0]


def test_a_next_hop_beside_our_own_doors_is_none_of_them() -> None:
    parse(OWN + "[routing]\nsmart_host = '127.0.0.1:2526'\n[routing.transport]\n'a.example' = '127.0.0.2:2525'\n"
          "'b.example' = '192.0.2.1:587'\n'c.example' = 'us.example:588'\n'd.example' = 'lmtp:/run/dovecot/lmtp'")  # fmt: skip


def test_all_faults_come_at_once_in_the_files_order() -> None:
    found = faults("hostname = '..'\n[queue]\nkeep_bodies = 'x'\n[daemon]\ndrain = 0\nnope = 1\n")
    assert [each.split(": ")[0] for each in found] == [f"posthouse.toml:{line}" for line in (1, 3, 5, 6)]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("queue.keep_bodies = 'x'", 1),
        ("\n\nqueue . keep_bodies = 'x'", 3),
        ("[ queue ]\n'keep_bodies' = 'x'", 2),
        ("# [queue]\n[queue] # here\nkeep_bodies = 'x' # there", 3),
        ("[routing.transport]\n'a.example' = 'b.example'\n'..' = 'x'", 1),  # the section; its words name the key
        ("[routing]\ntransport = {'..' = 'x'}", 2),
    ],
)
def test_the_line_is_found_however_the_key_is_written(text: str, line: int) -> None:
    assert faults(text)[0].startswith(f"posthouse.toml:{line}: ")


def test_a_file_that_is_not_there_or_not_text_is_said(tmp_path: Path) -> None:
    for path, words in ((tmp_path / "none.toml", "no such file"), (tmp_path, "can't be read")):
        with pytest.raises(ConfigFaults, match=words):
            load(path)
    (tmp_path / "octets.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigFaults, match="can't be read"):
        load(tmp_path / "octets.toml")


def test_paths_are_below_the_state_folder_and_that_is_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "posthouse.toml").write_text('[daemon]\nstate_dir = "var"\n[control]\nsocket = "/run/x.sock"\n')
    config = load(tmp_path / "posthouse.toml")
    assert config.database_place == tmp_path / "var" / "posthouse.db"
    assert config.keys_path == tmp_path / "var" / "keys"
    assert str(config.socket_path) == "/run/x.sock"


def test_what_the_front_office_hands_to_a_carrier_is_what_it_read() -> None:
    config = parse(
        '[submission]\nnetworks = ["10.0.0.0/8", "::1/128"]\nmax_size = "5 MiB"\n[queue]\nkeep_bodies = "90s"\n'
        '[routing]\npermit = ["127.0.0.0/8"]\n[routing.transport]\n"*" = "localhost:25"\n'
    )
    assert Config.model_validate(config.model_dump(mode="json")) == config


@given(st.text(max_size=300))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    try:
        parse(text)
    except ConfigFaults as refused:
        assert refused.faults


@given(
    st.dictionaries(
        st.sampled_from([*Config.model_fields, "odd"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=9),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text("abclistenport_", max_size=8), inner, max_size=3)
            ),
            max_leaves=6,
        ),
        max_size=4,
    )
)
def test_no_value_anywhere_does_more_than_be_refused(data: dict[str, object]) -> None:
    import tomli_w

    try:
        text = tomli_w.dumps(data)
    except TypeError:
        return  # TOML has no null
    try:
        parse(text)
    except ConfigFaults as refused:
        assert all(each.problem for each in refused.faults)
