"""`posthouse setup`: a handful of answers becomes files that the daemon takes, and nothing is written that it would refuse."""

import builtins
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.commands import run
from engine.commands.setup import _brand
from engine.commands.setup_machine import user_of
from engine.config import load, parse
from engine.sending.resources import Resources
from engine.setup import Answers, Bounces, addresses_of, brand, configuration, line_of, sender_of

OURS = Resources([])
SAID = (
    "--domain",
    "shop.example",
    "--hostname",
    "mail.shop.example",
    "--address",
    "192.0.2.25",
    "--postal-address",
    "1 Mill Lane; Oldtown",
)


def answers(**said: object) -> Answers:
    usual = {
        "domain": "shop.example", "hostname": "mail.shop.example", "addresses": (), "sender": "The Shop <hello@shop.example>",
        "postal_address": "1 Mill Lane\nOldtown", "bounces": Bounces.DIRECT, "bounce_domain": "bounce.shop.example",
        "web": "https://mail.shop.example", "state_dir": Path("/var/lib/posthouse"),
    }  # fmt: skip
    return Answers(**(usual | said))  # type: ignore[arg-type]


@pytest.mark.parametrize(("how", "listens"), [("beside", ("127.0.0.1:2526",)), ("direct", ("*:25",)), ("none", ())])
def test_each_way_of_bounces_makes_a_configuration_that_the_daemon_takes(how: str, listens: tuple[str, ...]) -> None:
    config = parse(configuration(answers(bounces=Bounces(how)), OURS))
    assert config.inbound.listen == listens
    assert config.bounces.domain == ("" if how == "none" else "bounce.shop.example")
    assert (config.hostname, config.mail.sender) == ("mail.shop.example", "The Shop <hello@shop.example>")


@pytest.mark.parametrize(
    "name", ['Tea "&" Pots \\ $hostname', "藍茶壺", "הקומקום הכחול", "Tom's {{ 7 * 7 }}", "# not a comment = 1"]
)
def test_any_name_stands_in_the_files_as_it_was_said(name: str) -> None:
    quoted = '"' + name.replace('"', "'") + '" <hello@shop.example>'
    config = parse(configuration(answers(sender=quoted), OURS))
    assert config.mail.sender == quoted
    said = tomllib.loads(brand(answers(sender=quoted), OURS))
    assert said["name"] == name.replace('"', "'")
    assert said["postal_address"] == "1 Mill Lane\nOldtown"
    assert said["url"] == "https://www.shop.example/"


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("192.0.2.25, 2001:DB8::25", ("192.0.2.25", "2001:db8::25")),
        ("192.0.2.25 192.0.2.25", ("192.0.2.25",)),
        ("none", ()),
    ],
)
def test_the_servers_addresses_stand_where_the_doctor_reads_them(said: str, means: tuple[str, ...]) -> None:
    assert parse(configuration(answers(addresses=addresses_of(said)), OURS)).doctor.addresses == means


def test_an_operator_is_a_user_of_this_machine_or_nobody_yet() -> None:
    assert (user_of(" root "), user_of("none")) == ("root", "")
    with pytest.raises(ValueError, match='no user "nobody-of-that-name"'):
        user_of("nobody-of-that-name")


def test_lines_of_an_address_are_parted_by_semicolons() -> None:
    assert line_of(" 1 Mill Lane ;; 12345 Oldtown; ") == "1 Mill Lane\n12345 Oldtown"
    with pytest.raises(ValueError, match="footer of every mail"):
        line_of("  ")


def test_it_writes_files_makes_keys_prints_records_and_says_what_is_next(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "etc" / "posthouse.toml"
    assert run(["setup", *SAID, "--config", str(path)]) == 0
    out = capfd.readouterr().out
    assert "_domainkey.shop.example. IN TXT" in out
    assert "bounce.shop.example. IN MX 10 mail.shop.example." in out
    assert "mail.shop.example. IN A 192.0.2.25" in out
    assert "25.2.0.192.in-addr.arpa. IN PTR mail.shop.example." in out
    assert "x FAIL dkim.published" in out
    assert f"posthoused serve --config {path}" in out
    state = tmp_path / "etc" / "state"
    assert load(path).daemon.state_dir == state
    assert state.stat().st_mode & 0o777 == 0o700
    assert len(list((state / "keys").iterdir())) == 2
    assert "files.private" not in out


def test_it_never_writes_over_a_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "posthouse.toml"
    path.write_text("# mine\n")
    assert run(["setup", *SAID, "--config", str(path)]) == 2
    assert "is there already" in capfd.readouterr().err
    assert path.read_text() == "# mine\n"
    assert run(["setup", *SAID, "--config", str(path), "--force"]) == 0
    assert (tmp_path / "posthouse.toml.before").read_text() == "# mine\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--domain", "shop example"), '--domain: "shop example" is no domain'),
        (("--domain", "localhost"), "is no domain that mail comes from"),
        (
            ("--domain", "shop.example", "--postal-address", "x", "--bounces", "pigeon"),
            "is none of direct, beside, none",
        ),
        (("--domain", "shop.example", "--postal-address", "x", "--web", "ftp://a"), "is not a web address"),
        (("--domain", "shop.example", "--from", "hello", "--postal-address", "x"), "--from: "),
        (("--domain", "shop.example", "--address", "192.0.2"), '"192.0.2" is no IP address'),
        (("--domain", "shop.example"), "--postal-address is not said, and nobody is here to be asked"),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else None,
)
def test_what_makes_no_sense_is_said_and_nothing_is_written(
    tmp_path: Path, words: tuple[str, ...], says: str, capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    assert run(["setup", *words, "--config", str(tmp_path / "posthouse.toml")]) == 2
    assert says in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_at_a_terminal_it_asks_offers_what_is_usual_and_asks_again(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    said: Iterator[str] = iter(["shop", "shop.example", "", "192.0.2.25", "", "1 Mill Lane", "beside", ""])

    def answer(words: str) -> str:
        asked.append(words)
        return next(said)

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(builtins, "input", answer)
    path = tmp_path / "posthouse.toml"
    assert run(["setup", "--config", str(path)]) == 0
    assert 'is no domain that mail comes from (try "shop.example")' in capfd.readouterr().out
    assert asked[:2] == ["The domain in From: "] * 2
    assert asked[4] == "Who mail is from [The Shop <hello@shop.example>]: "
    assert load(path).inbound.listen == ("127.0.0.1:2526",)


def test_whoever_leaves_in_the_middle_leaves_nothing_behind(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave(words: str) -> str:
        raise EOFError

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(builtins, "input", leave)
    assert run(["setup", "--config", str(tmp_path / "posthouse.toml")]) == 1
    assert "nothing was written" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_second_setup_writes_the_brand_anew_and_keeps_the_keys(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.commands.setup._examine", lambda *words: None)
    path = tmp_path / "etc" / "posthouse.toml"
    assert run(["setup", *SAID, "--config", str(path)]) == 0
    keys = sorted((tmp_path / "etc" / "state" / "keys").iterdir())
    first = {line for line in capfd.readouterr().out.splitlines() if "_domainkey" in line}
    again = (*SAID[:-1], "2 Oak Street", "--config", str(path), "--force")
    assert run(["setup", *again]) == 0
    out = capfd.readouterr().out
    assert {line for line in out.splitlines() if "_domainkey" in line} == first
    assert sorted((tmp_path / "etc" / "state" / "keys").iterdir()) == keys
    templates = tmp_path / "etc" / "state" / "templates"
    assert tomllib.loads((templates / "brand.toml").read_text())["postal_address"] == "2 Oak Street"
    assert tomllib.loads((templates / "brand.toml.before").read_text())["postal_address"] == "1 Mill Lane\nOldtown"
    assert "stays as it is" in _brand(answers(state_dir=tmp_path / "etc" / "state"), force=False)
    assert tomllib.loads((templates / "brand.toml").read_text())["postal_address"] == "2 Oak Street"


@pytest.mark.parametrize("inside", ["127.0.0.1", "10.1.2.3", "192.0.2.25, fe80::1", "fd00::1", "0.0.0.0", "100.64.0.9"])
def test_an_address_that_the_internet_can_not_see_is_refused(inside: str) -> None:
    with pytest.raises(ValueError, match="the Internet can't see"):
        addresses_of(inside)


def test_who_mail_is_from_is_of_the_domain_whose_keys_sign() -> None:
    assert sender_of("The Shop <hello@news.shop.example>", "shop.example") == "The Shop <hello@news.shop.example>"
    for other in ("The Shop <hello@other.example>", "hello@myshop.example"):
        with pytest.raises(ValueError, match=r"is not of shop.example, whose keys sign \(try hello@shop.example"):
            sender_of(other, "shop.example")
