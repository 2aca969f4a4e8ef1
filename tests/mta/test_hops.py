"""Next hops that are named: how they are written, and what is asked of a connection to them."""

from pathlib import Path
from typing import Any

import pytest
from clock import FakeChance
from pydantic import ValidationError

from mta.routing.hops import Demand, Hop, Level, Login, Protocol
from mta.routing.resolver import Addresses, MxAnswer, NoSuchDomain, NullMx, TemporaryFailure, Texts
from mta.routing.routes import Host, Route, Router, RoutingSettings


class NoDns:
    """Every name has the address 192.0.2.7 and is its own exchanger."""

    async def mx(self, domain: str) -> MxAnswer | NullMx | NoSuchDomain | TemporaryFailure:
        return MxAnswer(())

    async def addresses(self, host: str) -> Addresses | NoSuchDomain | TemporaryFailure:
        return Addresses(("8.8.1.1",))

    async def txt(self, name: str) -> Texts | NoSuchDomain | TemporaryFailure:
        return NoSuchDomain()


async def route(domain: str = "example.org", **settings: Any) -> Route:
    found = await Router(RoutingSettings(**settings), NoDns(), FakeChance()).route(domain)
    assert isinstance(found, Route), found
    return found


@pytest.mark.parametrize(
    ("text", "hop", "name"),
    [
        ("mx.example", Hop("mx.example", 25), "mx.example:25"),
        ("MX.example:587", Hop("mx.example", 587), "mx.example:587"),
        ("[2001:db8::1]:26", Hop("2001:db8::1", 26), "[2001:db8::1]:26"),
        ("smtps:mail.example", Hop("mail.example", 465, Protocol.SMTPS), "smtps:mail.example:465"),
        ("SMTPS:mail.example:4465", Hop("mail.example", 4465, Protocol.SMTPS), "smtps:mail.example:4465"),
        ("lmtp:127.0.0.1", Hop("127.0.0.1", 24, Protocol.LMTP), "lmtp:127.0.0.1:24"),
        ("lmtp:[::1]:2424", Hop("::1", 2424, Protocol.LMTP), "lmtp:[::1]:2424"),
        ("lmtp:/run/Dovecot/lmtp", Hop("/run/Dovecot/lmtp", 0, Protocol.LMTP), "lmtp:/run/Dovecot/lmtp"),
    ],
)
def test_hops_are_read_and_named(text: str, hop: Hop, name: str) -> None:
    assert Hop.parse(text, 25) == hop
    assert str(hop) == name


@pytest.mark.parametrize("text", ["", "mx.example:0", "smtps:", "lmtp:", "smtps:/run/socket", "/run/socket", "a:b:c:d"])
def test_what_is_no_hop_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        RoutingSettings(transport={"a.example": text})


async def test_a_smart_host_with_a_user_must_show_its_certificate() -> None:
    found = await route(smart_host="smtp.provider.example:587",
                        hops={"smtp.provider.example:587": {"user": "shop", "secret": "/etc/secret"}})  # fmt: skip
    assert found == Route(
        "transport:smtp.provider.example:587", (Host("smtp.provider.example", "8.8.1.1", 587, is_named=True),),
        Demand(Level.VERIFY, "routing.hops"), Protocol.SMTP, Login("shop", Path("/etc/secret")),
    )  # fmt: skip


async def test_a_hop_is_found_however_its_name_is_written() -> None:
    found = await route(smart_host="Smtp.Provider.example:25", hops={"smtp.provider.example": {"tls": "encrypt"}})
    assert found.demand == Demand(Level.ENCRYPT, "routing.hops")


async def test_a_unix_socket_takes_lmtp_without_tls() -> None:
    found = await route(transport={"*": "lmtp:/run/lmtp"}, tls={"*": "verify"})
    assert found == Route("transport:lmtp:/run/lmtp", (Host("/run/lmtp", "/run/lmtp", 0, is_named=True),),
                          Demand(Level.NONE), Protocol.LMTP)  # fmt: skip


async def test_tls_from_the_first_octet_is_encrypted_without_being_told() -> None:
    assert (await route(smart_host="smtps:mail.example")).demand.level is Level.ENCRYPT


@pytest.mark.parametrize(
    ("domain", "level"),
    [("bank.example", "verify"), ("branch.bank.example", "encrypt"), ("old.example", "none"), ("shop.example", "may")],
)
async def test_a_domain_has_demands_of_its_own_by_dns_and_by_transport(domain: str, level: str) -> None:
    demands = {"bank.example": "verify", ".bank.example": "encrypt", "old.example": "none"}
    by_dns = await route(domain, tls=demands)
    named = await route(domain, tls=demands, transport={"*": "mx.hop.example"})
    assert (by_dns.demand.level, named.demand.level) == (Level(level), Level(level))
    assert by_dns.site == domain


@pytest.mark.parametrize(
    ("hops", "words"),
    [
        ({"other.example": {"tls": "verify"}}, "neither smart_host nor transport names it"),
        ({"smart.example": {"user": "shop"}}, "user and secret go together"),
        ({"smart.example": {"user": "shop", "secret": "x", "tls": "may"}}, "never sent in clear"),
        ({"smart.example": {"user": "shop", "secret": "x", "tls": "none"}}, "never sent in clear"),
        ({"smart.example": {"tls": "strict"}}, "'none', 'may', 'encrypt' or 'verify'"),
        ({"lmtp:/run/lmtp": {"user": "shop", "secret": "x"}}, "asks for no password"),
        ({"smtps:mail.example": {"tls": "none"}}, "begins with TLS"),
    ],
)
def test_settings_that_contradict_themselves_are_refused(hops: dict[str, Any], words: str) -> None:
    transport = {"a.example": "lmtp:/run/lmtp", "b.example": "smtps:mail.example"}
    with pytest.raises(ValidationError, match=words):
        RoutingSettings(smart_host="smart.example", transport=transport, hops=hops)


def test_files_are_found_below_the_state_folder_or_among_the_credentials(tmp_path: Path) -> None:
    (tmp_path / "smart.secret").write_text("s3cret\n")
    (tmp_path / "smart.secret").chmod(0o600)
    (tmp_path / "empty").write_text("\n")
    settings = RoutingSettings(
        smart_host="a.example", transport={"b.example": "b.example", "c.example": "c.example"}, authorities=Path("ca.pem"),
        hops={"a.example": {"user": "u", "secret": "smart.secret"}, "b.example": {"user": "u", "secret": "credential:b"},
              "c.example": {"user": "u", "secret": "empty"}},
    )  # fmt: skip
    placed = settings.placed(tmp_path, tmp_path / "credentials")
    assert [each.secret for each in placed.hops.values()] == [
        str(tmp_path / each) for each in ("smart.secret", "credentials/b", "empty")
    ]
    assert [key for key, _ in placed.unusable(None, tmp_path / "credentials")] == [
        ("authorities",), ("hops", "b.example", "secret"), ("hops", "c.example", "secret")
    ]  # fmt: skip
    assert Login("u", tmp_path / "smart.secret").read() == "s3cret"


def test_credentials_of_systemd_are_asked_for_only_where_they_can_be(tmp_path: Path) -> None:
    hops = {"a.example": {"user": "u", "secret": "credential:a"}}
    placed = RoutingSettings(smart_host="a.example", hops=hops).placed(tmp_path, tmp_path / "credentials")
    assert [key for key, _ in placed.unusable(None, tmp_path)] == [("hops", "a.example", "secret")]
    assert list(placed.unusable(tmp_path / "credentials", tmp_path / "credentials")) == []
