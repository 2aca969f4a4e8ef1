"""The configuration: every fault at once, each with its file, its line, and what to write instead."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tls_door import issue

from engine.cli import check
from engine.config import Config, check_machine, load, parse
from engine.faults import ConfigFaults


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
        ("[web]\nbase_url = 'https://mail.shop.example:99999'", '"https://mail.shop.example:99999" is not a web address'),
        ("[web]\nbase_url = 'https://mail.shop.example:https'", '"https://mail.shop.example:https" is not a web address'),
        ("[web]\nbase_url = 'https://[mail'", '"https://[mail" is not a web address'),
        ("[web]\nbase_url = 'https://:8443'", '"https://:8443" is not a web address'),
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
HOP = "[routing]\nsmart_host = 'a.example'\n"
SOURCES = "[sources.one]\naddress = '192.0.2.1'\n"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[routing]\nsmart_host = '127.0.0.1:2525'", '7: routing.smart_host: "127.0.0.1:2525" is our own door (subm'),
        ("[routing]\nsmart_host = 'localhost:2525'", '7: routing.smart_host: "localhost:2525" is our own door'),
        ("[routing]\nsmart_host = '127.0.0.5:587'", '7: routing.smart_host: "127.0.0.5:587" is our own door'),
        ("[routing]\nsmart_host = '[::1]:587'", '7: routing.smart_host: "[::1]:587" is our own door'),
        ("[routing]\nport = 587\nsmart_host = 'us.example'", '8: routing.smart_host: "us.example" is our own door'),
        ("[routing.transport]\n'a.example' = 'b.example'\n'*' = '0.0.0.0:2525'", '8: routing.transport."*": "0.0.0.0:2525" is'),
        ("[routing.transport]\n'.a.example' = 'lmtp:/run/posthouse/lmtp'", "is our own door (lmtp.socket)"),
        ("[inbound]\nlisten = ['127.0.0.1:2526']\n[bounces]\ndomain = 'b.example'\n"
         "[routing.transport]\n'b.example' = '127.0.0.1:2526'\n'c.example' = '127.0.0.1:2526'",
         '12: routing.transport."c.example": "127.0.0.1:2526" is our own door (inbound.listen): mail would come back to us'),
    ],
)  # fmt: skip
def test_a_next_hop_that_leads_back_to_us_is_refused(text: str, fault: str) -> None:
    found = faults('hostname = "us.example"\n' + OWN + text)
    assert len(found) == 1
    assert fault in found[0]


def test_a_next_hop_beside_our_own_doors_is_none_of_them() -> None:
    parse(OWN + "[routing]\nsmart_host = '127.0.0.1:2526'\n[routing.transport]\n'a.example' = '127.0.0.2:2525'\n"
          "'b.example' = '192.0.2.1:587'\n'c.example' = 'us.example:588'\n'd.example' = 'lmtp:/run/dovecot/lmtp'")  # fmt: skip


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[submission]\n\nnetworks = ['0.0.0.0/0']", '3: submission.networks: "0.0.0.0/0" would make an open relay'),
        ("[submission]\nnetworks = ['::/0']\npublic_networks = true", '2: submission.networks: "::/0" would make an open relay'),
        ("[submission]\nnetworks = ['8.0.0.0/8']", '2: submission.networks: "8.0.0.0/8" is public and wider than a /16: name'),
        ("[submission]\nnetworks = ['2001:d00::/24']", "or set public_networks = true if all of it is yours"),
        ("[submission]\nnetworks = ['10.0.0.1/8']", '2: submission.networks.0: "10.0.0.1/8" names a host of the network (try'),
        ("[submission]\nnetworks = ['near']", '"near" is not a network (try "10.0.0.0/8")'),
        ("[bounces]\ndomain = 'not a domain'", '2: bounces.domain: "not a domain" is no domain'),
        ("[queue]\nexpire_transactional = '0s'", '2: queue.expire_transactional: "0s" gives no mail time to leave'),
        ("[dkim]\nheaders = ['subject']", '2: dkim.headers: "from" is missing'),
        ("[dkim]\nheaders = ['From', 'sub ject']", '2: dkim.headers: "sub ject" is no name of a header field'),
        ("[dkim]\noversigned = []", '2: dkim.oversigned: "from" is missing'),
        ("[shaping.limits.gmial]\nper_hour = 1", "1: shaping.limits.gmial: is neither a provider nor a host (did you mean gmail"),
        ("[shaping.limits.'source:two']\nper_hour = 1", "1: shaping.limits.\"source:two\": there is no source 'two'"),
        ("[shaping.limits.'stream:makreting']\nper_hour = 1", "(did you mean marketing?)"),
        ("[shaping.limits.'provider:gmx2']\nper_hour = 1", "(did you mean gmx?)"),
        ("[shaping.limits.'campaign:a b']\nper_hour = 1", "a campaign's name is up to 64 letters"),
        ("[shaping.limits.'pool:x']\nper_hour = 1", "is about nothing (there are source:NAME, provider:NAME"),
        ("[routing.transport]\n'a.example' = 'x.example'\n'A.Example' = 'y.example'",
         '3: routing.transport."A.Example": is the same as "a.example": leave one of them out'),
        ("[retry.site]\nfirst = '5h'", '2: retry.site.first: "5h" is longer than the ceiling, 4h'),
        (f"[lmtp]\nsocket = '/{'x' * 107}'", "has 108 octets, and a Unix socket's path at most 107"),
        ("[warm_up]\nschedule = []", "2: warm_up.schedule: needs the attempts of at least one day"),
        ("[warm_up]\nschedule = [0, 5]", "2: warm_up.schedule: 0 attempts a day would never grow"),
        ("[warm_up]\nschedule = [50, 20]", "2: warm_up.schedule: 20 after 50 falls"),
        (SOURCES + "[pools.all]\none = 1\ntwo = 1", '5: pools.all.two: there is no source "two" (there are: one)'),
        (SOURCES + "[pools.all]\none = 0", "3: pools.all: it needs a weight over 0"),
        (SOURCES + "[streams]\nmarketing = 'bulk'", '4: streams.marketing: there is no pool "bulk"'),
        (HOP + "[routing.hops.'b.example']\ntls = 'may'", '3: routing.hops."b.example": neither smart_host nor transport'),
    ],
)  # fmt: skip
def test_what_would_break_mail_is_refused_where_it_stands(text: str, fault: str) -> None:
    [found] = faults(text)
    assert found.startswith("posthouse.toml:") and fault in found


def test_networks_of_ones_own_may_be_wide_and_public_ones_where_that_is_said() -> None:
    near = ["10.0.0.0/8", "127.0.0.0/8", "fc00::/7", "198.51.0.0/16", "2001:db8::/32"]
    assert len(parse(f"[submission]\nnetworks = {near}").submission.networks) == 5
    wide = "[submission]\npublic_networks = true\nnetworks = ['8.0.0.0/8', '2001::/16']"
    assert len(parse(wide).submission.networks) == 2


def test_limits_may_be_about_all_that_has_mail() -> None:
    keys = ["gmail", "mx.a.example", ".a.example", "mx1.a.example,mx2.a.example", "transport:127.0.0.1:2600",
            "source:one", "provider:gmx", "stream:marketing", "campaign:spring.1"]  # fmt: skip
    limits = "".join(f"[shaping.limits.'{key}']\nper_hour = 9\n" for key in keys)
    assert list(parse(SOURCES + limits).shaping.limits) == keys


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            '[lmtp]\nusers = ["*", "0", "root", "nobody-of-this-name"]',
            '3: lmtp.users: this machine has no user "nobody-of',
        ),
        (
            HOP + '[routing.hops."a.example"]\nuser = "u"\nsecret = "open"',
            'hops."a.example".secret: {}/open may be read by',
        ),
        (
            '[submission]\ntls_certificate = "chain.pem"\ntls_key = "key.pem"',
            "the key in {}/key.pem may be read by all",
        ),
    ],
)
def test_what_this_machine_lacks_or_leaves_open_is_said_with_its_line(tmp_path: Path, text: str, fault: str) -> None:
    issue(tmp_path)
    (tmp_path / "key.pem").chmod(0o644)
    (tmp_path / "open").write_text("s3cret\n")
    (tmp_path / "open").chmod(0o640)
    path = tmp_path / "posthouse.toml"
    path.write_text(f'daemon.state_dir = "{tmp_path}"\n' + text)
    with pytest.raises(ConfigFaults) as refused:
        check_machine(load(path), path)
    [found] = map(str, refused.value.faults)
    assert found.startswith(f"{path}:") and fault.format(tmp_path) in found
    assert "users" in fault or "chmod 600" in found


def test_what_its_owner_alone_may_read_is_taken(tmp_path: Path) -> None:
    issue(tmp_path)
    (tmp_path / "key.pem").chmod(0o640)  # as a system hands a key to a service's group
    (tmp_path / "kept").write_text("s3cret\n")
    (tmp_path / "kept").chmod(0o400)
    path = tmp_path / "posthouse.toml"
    path.write_text(
        f'daemon.state_dir = "{tmp_path}"\n{HOP}[routing.hops."a.example"]\nuser = "u"\nsecret = "kept"\n'
        '[submission]\ntls_certificate = "chain.pem"\ntls_key = "key.pem"\n'
    )
    check_machine(load(path), path)


@pytest.mark.parametrize("text", ["", "\n \n", "# posthouse.toml\n"])
def test_a_file_that_sets_nothing_is_refused(tmp_path: Path, text: str) -> None:
    """As one whose writing broke off: what it names is not what anybody wanted."""
    path = tmp_path / "posthouse.toml"
    path.write_text(text)
    with pytest.raises(ConfigFaults, match="nothing is set in it: is it whole"):
        load(path)


def test_a_file_that_would_be_read_for_a_minute_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "posthouse.toml"
    path.write_text('hostname = "mail.shop.example"\n' + "# more\n" * 200_000)
    with pytest.raises(ConfigFaults, match="more than 1 MiB"):
        load(path)


def test_a_pipe_in_the_place_of_the_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "posthouse.toml")
    with pytest.raises(ConfigFaults, match="a pipe is no file"):
        load(tmp_path / "posthouse.toml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('hostname = "mail.shop.example"\n', "{}: all right\n"),
        ("[lab]\nenabled = true\n", "{}: all right, but no hostname"),
    ],
)
def test_check_says_that_no_hostname_is_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    path = tmp_path / "posthouse.toml"
    path.write_text(text)
    check(path)
    assert capsys.readouterr().out.startswith(said.format(path))


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
