"""Signatures that another implementation verifies."""

from datetime import UTC, datetime

import dkim
import pytest
from dkim.canonicalization import Relaxed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deliverability.rawmail import split_message
from deliverability.signing.canonical import relaxed_body, relaxed_fields
from deliverability.signing.keys import Algorithm, Key, dns_record, generate_key
from deliverability.signing.signer import Signer

NOW = datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)
MESSAGE = (
    b"From: Ann <ann@shop.example>\r\nTo: bob@example.org\r\nSubject: hello\r\n"
    b"Date: Sun, 22 Nov 2026 01:02:03 +0000\r\nMessage-ID: <1@shop.example>\r\nList-Unsubscribe: <https://shop.example/u>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nX-Other: x\r\n\r\nHello\r\n"
)


@pytest.fixture(scope="module")
def keys() -> list[Key]:
    return [
        generate_key("shop.example", "rsa-2026", Algorithm.RSA),
        generate_key("shop.example", "ed-2026", Algorithm.ED25519),
    ]


def verified(content: bytes, keys: list[Key]) -> list[bool]:
    """What dkimpy says of each signature, top to bottom."""
    records = {f"{record.name}.".encode(): record.value.encode() for record in map(dns_record, keys)}

    def published(name: bytes, timeout: int = 5) -> bytes | None:
        return records.get(name)

    return [_verify(content, index, published) for index in range(len(keys))]


def _verify(content: bytes, index: int, published: object) -> bool:
    try:
        return bool(dkim.DKIM(content).verify(index, dnsfunc=published))
    except dkim.DKIMException:
        return False


def test_both_signatures_verify(keys: list[Key]) -> None:
    assert verified(Signer(keys).sign(MESSAGE, NOW) + MESSAGE, keys) == [True, True]


def test_the_same_message_and_time_give_the_same_octets(keys: list[Key]) -> None:
    assert Signer(keys).sign(MESSAGE, NOW) == Signer(keys).sign(MESSAGE, NOW)


@pytest.mark.parametrize(
    "added",
    [
        b"From: eve@evil.example\r\n",
        b"Subject: other\r\n",
        b"Reply-To: eve@evil.example\r\n",
        b"Cc: many@example.org\r\n",
        b"List-Unsubscribe: <https://evil.example>\r\n",
        b"Content-Type: text/html\r\n",
    ],
)
def test_no_oversigned_field_can_be_added(keys: list[Key], added: bytes) -> None:
    signature = Signer(keys).sign(MESSAGE, NOW)
    assert verified(signature + added + MESSAGE, keys) == [False, False]
    assert verified(signature + MESSAGE.replace(b"\r\n\r\n", b"\r\n" + added + b"\r\n"), keys) == [False, False]


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"hello", b"hallo"), (b"Hello", b"Hallo"), (b"Hello\r\n", b"Hello\r\nmore\r\n"), (b"/u>", b"/v>")],
)
def test_no_signed_octet_can_be_changed(keys: list[Key], old: bytes, new: bytes) -> None:
    signed = Signer(keys).sign(MESSAGE, NOW) + MESSAGE
    assert verified(signed.replace(old, new, 1), keys) == [False, False]


def test_what_a_relay_may_do_does_no_harm(keys: list[Key]) -> None:
    changed = MESSAGE.replace(b"Subject: hello", b"SUBJECT:\r\n\thello ").replace(b"X-Other: x", b"X-Other: y")
    trace = b"Received: by mx.example\r\n"
    assert verified(trace + Signer(keys).sign(MESSAGE, NOW) + changed + b"\r\n\r\n", keys) == [True, True]


def test_the_field_is_folded_at_colons_only_and_never_signs_a_length(keys: list[Key]) -> None:
    lines = Signer(keys).sign(MESSAGE, NOW).split(b"\r\n")
    assert max(map(len, lines)) <= 78
    assert not any(b" l=" in line or b"rsa-sha1" in line for line in lines)
    names = b"".join(lines).partition(b"h=")[2].partition(b";")[0].replace(b" ", b"").split(b":")
    assert names.count(b"from") == 2
    assert names.count(b"cc") == 1
    assert b"x-other" not in names
    assert names == [name.lower() for name in names]


def test_the_time_of_signing_is_said(keys: list[Key]) -> None:
    assert Signer(keys).sign(MESSAGE, NOW).count(b" t=1795309323;") == 2


def test_a_signer_wants_keys_of_one_domain(keys: list[Key]) -> None:
    with pytest.raises(ValueError, match="one domain"):
        Signer([])
    with pytest.raises(ValueError, match="one domain"):
        Signer([keys[0], generate_key("other.example", "x", Algorithm.ED25519)])


def test_the_examples_of_rfc_6376_section_3_4_5() -> None:
    header, body = split_message(b"A: X\r\nB : Y\t\r\n\tZ  \r\n\r\n C \r\nD \t E\r\n\r\n\r\n")
    assert relaxed_fields(header) == [(b"a", b"a:X\r\n"), (b"b", b"b:Y Z\r\n")]
    assert relaxed_body(body) == b" C\r\nD E\r\n"


@pytest.mark.parametrize("body", [b"", b"\r\n", b"\r\n\r\n", b" \t\r\n \r\n"])
def test_an_empty_body_has_an_empty_form(body: bytes) -> None:
    assert relaxed_body(body) == b""


_BODIES = st.lists(
    st.sampled_from([b" ", b"  ", b"\t", b"\r\n", b"\r\n\r\n", b"a", b".", b"\xc3\xa9", b"\xff", b"--b", b"=20"]),
    max_size=40,
).map(b"".join)
_VALUES = st.lists(
    st.sampled_from([b" ", b"\t", b"\r\n ", b"\r\n\tx", b"a", b"b;c", b"\xc3\xbc", b"=?utf-8?q?x?="]), max_size=12
).map(b"".join)
_NAMES = st.sampled_from(
    [b"From", b"FROM", b"To", b"Cc", b"Subject", b"subject", b"List-Id", b"X-Y", b"Received", b"Date"]
)
_HEADERS = st.lists(st.tuples(_NAMES, _VALUES), max_size=12).map(
    lambda pairs: b"".join(b"%b:%b\r\n" % (name, b"v" + value + b"w") for name, value in pairs)
)


@given(_BODIES)
def test_our_canonical_body_is_that_of_another_implementation(body: bytes) -> None:
    on_the_wire = body if not body or body.endswith(b"\r\n") else body + b"\r\n"
    assert relaxed_body(body) == Relaxed.canonicalize_body(on_the_wire)


@given(_HEADERS)
def test_our_canonical_fields_are_those_of_another_implementation(header: bytes) -> None:
    parsed, _ = dkim.rfc822_parse(header + b"\r\n")
    theirs = [(name, name + b":" + value) for name, value in Relaxed.canonicalize_headers(parsed)]
    assert relaxed_fields(header) == theirs


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(_HEADERS, _BODIES)
def test_any_message_that_we_sign_verifies_as_it_comes_off_the_wire(
    keys: list[Key], header: bytes, body: bytes
) -> None:
    content = b"From: ann@shop.example\r\n" + header + b"\r\n" + body
    on_the_wire = content if content.endswith(b"\r\n") else content + b"\r\n"
    assert verified(Signer(keys).sign(content, NOW) + on_the_wire, keys) == [True, True]
