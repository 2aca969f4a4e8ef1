"""What name servers may show for a key, and what is said of it."""

import base64

import pytest

from deliverability.checks.dkim import judge, read_tags
from deliverability.signing.keys import Algorithm, Key, dns_record, generate_key

RSA = generate_key("shop.example", "a", Algorithm.RSA)
ED = generate_key("shop.example", "b", Algorithm.ED25519)


@pytest.mark.parametrize("key", [RSA, ED])
def test_the_record_we_print_is_right(key: object) -> None:
    assert judge(key, [dns_record(key).value]) == judge(key, [dns_record(key).value + ";"])  # type: ignore[arg-type]
    assert judge(key, [dns_record(key).value]).fault == ""  # type: ignore[arg-type]


def rsa(**tags: str) -> str:
    shown = {**(read_tags(dns_record(RSA).value) or {}), **tags}
    return "; ".join(f"{name}={value}" for name, value in shown.items() if value != "-")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (rsa(p=""), "withdrawn"),
        (rsa(p=base64.b64encode(b"another").decode()), "another key"),
        (rsa(p="%%%"), "another key"),
        pytest.param(dns_record(ED).value, "kind ed25519", id="a key of each run's own"),
        (rsa(h="sha1"), "sha256"),
        (rsa(s="tlsrpt"), "e-mail"),
        (rsa(v="DKIM2"), "no DKIM record"),
        ("v=spf1 -all", "no DKIM record"),
        ("v=DKIM1; p", "no DKIM record"),
        (rsa() + "; p=again", "no DKIM record"),
        ("", "withdrawn"),
    ],
)
def test_a_record_by_which_receivers_cannot_verify_is_a_fault(text: str, fault: str) -> None:
    assert fault in judge(RSA, [text]).fault


@pytest.mark.parametrize("text", [rsa(k="-"), rsa(h="sha1:sha256"), rsa(s="*"), rsa(s="email"), rsa(n="a note")])
def test_what_the_standard_allows_is_right(text: str) -> None:
    assert judge(RSA, [text]).fault == ""


def test_blanks_inside_the_key_mean_nothing() -> None:
    text = rsa()
    cut = text.index("p=") + 40
    assert judge(RSA, [text[:cut] + " \t" + text[cut:]]).fault == ""


def test_testing_mode_is_advised_against() -> None:
    assert "t=y" in judge(RSA, [rsa(t="y:s")]).advice[0]


def test_none_and_several_records_are_faults() -> None:
    assert "no TXT record" in judge(RSA, []).fault
    assert "2 TXT records" in judge(RSA, [rsa(), "v=spf1 -all"]).fault


def test_what_a_stranger_s_record_says_is_harmless_on_a_screen() -> None:
    key = generate_key("shop.example", "a", Algorithm.ED25519)
    for text in ("\x1b]0;owned\x07", "v=DKIM1; k=\x1b[31m; p=AAAA", "v=DKIM1; k=ed25519; h=\x1b[2J; p=" + _public(key)):
        assert judge(key, [text]).fault.isprintable()


def _public(key: Key) -> str:
    return (read_tags(dns_record(key).value) or {})["p"]
