"""Addresses: what may stand in an SMTP command, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverability.address import MAX_ADDRESS, Address, AddressError, parse_domain, parse_path


@pytest.mark.parametrize(
    ("text", "local", "domain"),
    [
        ("ann@example.org", "ann", "example.org"),
        ("Ann.Lee+tag@EXAMPLE.Org", "Ann.Lee+tag", "example.org"),
        ("!#$%&'*+-/=?^_`{|}~@example.org", "!#$%&'*+-/=?^_`{|}~", "example.org"),
        ("a@b.c-d.e1", "a", "b.c-d.e1"),
        ("1@2.example", "1", "2.example"),
        ("ann@localhost", "ann", "localhost"),
        ("ann@r3---sn-x.example", "ann", "r3---sn-x.example"),
        ("x" * 64 + "@example.org", "x" * 64, "example.org"),
        # Quoting only where it is needed, with the least escaping (RFC 5321 section 4.1.2).
        ('"ann"@example.org', "ann", "example.org"),
        ('"ann lee"@example.org', '"ann lee"', "example.org"),
        ('"a\\n\\n"@example.org', "ann", "example.org"),
        ('"a\\"b\\\\c"@example.org', '"a\\"b\\\\c"', "example.org"),
        ('"a@b"@example.org', '"a@b"', "example.org"),
        ('".a..b."@example.org', '".a..b."', "example.org"),
        ('""@example.org', '""', "example.org"),
        # RFC 6531, IDNA 2008 with the mapping of UTS 46.
        ("用户@例子.广告", "用户", "xn--fsqu00a.xn--4rr70v"),
        ("jörg@Bücher.example", "jörg", "xn--bcher-kva.example"),
        ("ann@FAẞ.example", "ann", "xn--fa-hia.example"),
        ("ann@דוגמה.example", "ann", "xn--6dbbec0c.example"),
        ("ann@XN--BCHER-KVA.example", "ann", "xn--bcher-kva.example"),
        ("ann@bücher。example", "ann", "xn--bcher-kva.example"),
    ],
)
def test_a_good_address_is_taken_in_its_canonical_form(text: str, local: str, domain: str) -> None:
    assert Address.parse(text) == Address(local, domain)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no @"),
        ("ann", "no @"),
        ("@example.org", "nothing stands before"),
        ("ann@", "domain is missing"),
        ("ann@@example.org", "more than one @"),
        ("ann@b@example.org", "more than one @"),
        (".ann@example.org", "dot"),
        ("ann.@example.org", "dot"),
        ("a..nn@example.org", "dot"),
        ("ann lee@example.org", "without quotes"),
        ("ann\\@x@example.org", "more than one @"),
        ('"ann@example.org', "quotes"),
        ('"ann"lee@example.org', "quotes"),
        ('"an"n"@example.org', "quotes"),
        ("ann(comment)@example.org", "comment"),
        ("ann@(comment)example.org", "not a domain"),
        ("<ann@example.org>", "without quotes"),
        ("Ann <ann@example.org>", "without quotes"),
        ("ann@example.org\r\nRCPT TO:<bob@example.org>", "control"),
        ("ann@example.org\n", "control"),
        ("an\rn@example.org", "control"),
        ("an\0n@example.org", "control"),
        ('"an\tn"@example.org', "control"),
        ("an\u202en@example.org", "control"),
        ("an\udc80n@example.org", "control"),
        ("=?utf-8?q?ann=40x.example=3e?=@example.org", "encoded word"),
        ('"=?utf-8?b?YQ==?= "@example.org', "encoded word"),
        ("x" * 65 + "@example.org", "longer than 64"),
        ("é" * 33 + "@example.org", "longer than 64"),
        ('"' + " " * 63 + '"@example.org', "longer than 64"),
        ("ann@" + "x" * 64 + ".org", "longer than 63"),
        ("ann@" + "x." * 130 + "org", "longer than 254"),
        ("ann@" + ("ü" * 40 + ".") * 6 + "org", "too long"),
        ("ann@[192.0.2.1]", "domain name"),
        ("ann@[IPv6:2001:db8::1]", "domain name"),
        ("ann@192.0.2.1", "IP address"),
        ("ann@example.123", "number"),
        ("ann@example.org.", "dot at its end"),
        ("ann@.example.org", "empty label"),
        ("ann@example..org", "empty label"),
        ("ann@-example.org", "not a domain"),
        ("ann@example-.org", "not a domain"),
        ("ann@exa_mple.org", "underscore"),
        ("ann@exam ple.org", "not a domain"),
        ("ann@ex℀mple.org", "internationalised"),
        ("ann@xn--a.example", "internationalised"),
        ("ann@xn--0000.example", "internationalised"),
        ("ann@☃.example", "internationalised"),
    ],
)
def test_a_bad_address_is_refused_in_words(text: str, why: str) -> None:
    with pytest.raises(AddressError, match=why):
        Address.parse(text)


def test_words_of_refusal_are_safe_to_show() -> None:
    with pytest.raises(AddressError) as refusal:
        Address.parse("\x1b[31m" * 10)
    assert str(refusal.value).isprintable()


def test_a_local_part_beyond_ascii_needs_smtputf8_and_a_domain_alone_does_not() -> None:
    assert Address.parse("jörg@example.org").needs_smtputf8
    assert not Address.parse("joerg@bücher.example").needs_smtputf8


def test_the_key_folds_case_and_unicode_forms_and_the_address_does_not() -> None:
    composed, decomposed = Address.parse("J\u00f6rg@example.org"), Address.parse("jo\u0308RG@example.org")
    assert composed.local == "J\u00f6rg"
    assert decomposed.local == "jo\u0308RG"
    assert composed.key == decomposed.key == "j\u00f6rg@example.org"
    assert Address.parse("Ann@Example.org").key == "ann@example.org"


@pytest.mark.parametrize(
    ("path", "address"),
    [
        (b"<>", None),
        ("<>", None),
        (b"<ann@example.org>", Address("ann", "example.org")),
        ("<jörg@example.org>".encode(), Address("jörg", "example.org")),
        ("<@a.example,@b.example:ann@c.example>", Address("ann", "c.example")),
        ('<"a>b"@example.org>', Address('"a>b"', "example.org")),
    ],
)
def test_a_path_is_an_address_in_brackets_and_a_source_route_is_dropped(
    path: str | bytes, address: Address | None
) -> None:
    assert parse_path(path) == address


@pytest.mark.parametrize(
    "path",
    [
        b"",
        b"<",
        b">",
        b"ann@example.org",
        b"< >",
        b"<ann@example.org> ",
        b"<\xff@example.org>",
        "<postmaster>",
        "<@a.example>",
        "<@a.example:>",
        "<<ann@example.org>>",
        "<ann@example.org>\r\n",
    ],
)
def test_a_bad_path_is_refused(path: str | bytes) -> None:
    with pytest.raises(AddressError):
        parse_path(path)


_WORDS = st.text("abcXYZ09!#$%&'*+-/=?^_`{|}~", min_size=1, max_size=8)
_LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True).filter(lambda label: label[2:4] != "--")


@given(
    st.lists(_WORDS, min_size=1, max_size=4).map(".".join)
    | st.from_regex(r'"([ !#-\[\]-~]|\\[ -~]){0,20}"', fullmatch=True),
    st.lists(_LABELS, min_size=1, max_size=4).map(lambda labels: ".".join([*labels, "org"])),
)
def test_what_was_taken_is_taken_again_as_the_same(local: str, domain: str) -> None:
    try:
        address = Address.parse(f"{local}@{domain}")
    except AddressError as refusal:
        assert "encoded word" in str(refusal)
        return
    assert Address.parse(str(address)) == address


@given(st.text(max_size=300) | st.text('ab.@"\\ <>()[]é-=?', max_size=40))
def test_any_text_is_a_safe_address_or_refused(text: str) -> None:
    try:
        address = Address.parse(text)
    except AddressError:
        return
    written = str(address)
    assert len(written.encode()) <= MAX_ADDRESS
    assert written.isprintable() or " " in written
    assert address.domain == address.domain.lower()
    assert address.domain.isascii()


def test_a_domain_alone_is_read_by_the_same_rules() -> None:
    assert parse_domain("Bücher.Example") == "xn--bcher-kva.example"
    with pytest.raises(AddressError):
        parse_domain("x" * 300)
