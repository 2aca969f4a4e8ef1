"""A bounded look into a stranger's MIME structure."""

from hypothesis import given
from hypothesis import strategies as st

from deliverability.mime import MimeLimits, leaves

MIXED = (
    b'Content-Type: multipart/mixed;\r\n boundary="o u t"\r\n\r\npreamble\r\n'
    b"--o u t\r\nContent-Type: multipart/alternative; boundary=in\r\n\r\n"
    b"--in\r\n\r\nplain\r\n--in\r\nContent-Type: Text/HTML; charset=iso-8859-1\r\n"
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=FC=DFe\r\n--in--\r\nepilogue\r\n"
    b"--o u t\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nQTogYg0KDQo=\r\n"
    b"--o u t--\r\n--o u t\r\n\r\nbeyond the end\r\n"
)


def test_parts_come_in_order_without_preamble_and_epilogue() -> None:
    plain, html, message = leaves(MIXED)
    assert (plain.media_type, plain.body) == ("text/plain", b"plain")
    assert (html.media_type, html.text()) == ("text/html", "Grüße")
    assert (message.media_type, message.payload()) == ("message/rfc822", b"A: b\r\n\r\n")


def test_bare_line_feeds_are_read_as_well() -> None:
    assert [part.media_type for part in leaves(MIXED.replace(b"\r\n", b"\n"))] == [
        "text/plain",
        "text/html",
        "message/rfc822",
    ]


def test_a_message_cut_short_keeps_what_it_has() -> None:
    parts = list(leaves(MIXED[: MIXED.index(b"Gr=FC") + 5]))
    assert parts[-1].body == b"Gr=FC"


def test_nothing_is_seen_beyond_a_limit() -> None:
    assert len(list(leaves(MIXED, MimeLimits(parts=3)))) < 3
    flat = list(leaves(MIXED, MimeLimits(depth=1)))
    assert [part.media_type for part in flat] == ["multipart/alternative", "message/rfc822"]
    assert len(next(leaves(b"A: b\r\n\r\n" + b"x" * 100, MimeLimits(size=50))).body) == 42


def test_deep_nesting_costs_no_stack() -> None:
    deep = b"".join(b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (n, n) for n in range(5_000))
    assert len(list(leaves(deep))) == 1


@given(
    st.lists(
        st.sampled_from([b"--a", b"--", b"\r\n", b"\n", b"Content-Type: multipart/x; boundary=a", b" ", b"=", b"\xff"])
    ).map(b"".join)
)
def test_any_octets_are_cut_without_trouble(content: bytes) -> None:
    for part in leaves(b"Content-Type: multipart/mixed; boundary=a\r\n\r\n" + content):
        part.text()
