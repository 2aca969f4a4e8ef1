"""The bounded MIME splitter: it finds the HTML, and no mail makes it work without end."""

import base64
import quopri

from hypothesis import given
from hypothesis import strategies as st

from engine.intake.mime import DECODED, PARTS, html_parts
from engine.intake.structured import read_structured


def mail(*lines: str) -> bytes:
    return "\r\n".join(lines).encode()


def test_the_html_of_an_alternative_is_found_between_its_boundaries() -> None:
    found = html_parts(
        mail(
            'Content-Type: multipart/alternative; charset=x; boundary="a b"', "", "preamble", "--a b",
            "Content-Type: text/plain", "", "text", "--a b  ", "Content-Type: TEXT/HTML; charset=utf-8", "", "<p>ä</p>",
            "--a bc", "--a b--", "Content-Type: text/html", "", "epilogue",
        )
    )  # fmt: skip
    assert found.parts == ["<p>ä</p>\r\n--a bc"]
    assert found.left_out == []


def test_html_is_decoded_from_its_transfer_encoding_and_charset() -> None:
    for cte, charset, octets in (
        ("base64", "utf-8", base64.encodebytes("<b>שלום</b>".encode())),
        ("quoted-printable", "windows-1255", quopri.encodestring("<b>שלום</b>".encode("cp1255"))),
        ("8bit", "ISO-8859-8-I", "<b>שלום</b>".encode("iso8859_8")),
        ("BASE64", "utf-8", base64.b64encode("<b>שלום</b>".encode()).rstrip(b"=")),
    ):
        head = f"Content-Type: text/html; charset={charset}\r\nContent-Transfer-Encoding: {cte}\r\n\r\n"
        assert [part.strip() for part in html_parts(head.encode() + octets).parts] == ["<b>שלום</b>"], cte


def test_attachments_and_forwarded_mails_are_left_alone() -> None:
    found = html_parts(
        mail(
            "Content-Type: multipart/mixed; boundary=b", "", "--b", "Content-Type: text/html",
            "Content-Disposition: ATTACHMENT; filename=a.html", "", "<p>1</p>", "--b", "Content-Type: message/rfc822", "",
            "Content-Type: text/html", "", "<p>2</p>", "--b", "", "no type, no HTML", "--b--",
        )
    )  # fmt: skip
    assert found.parts == []


def test_a_multipart_without_an_end_is_read_as_far_as_it_goes() -> None:
    cut = mail("Content-Type: multipart/mixed; boundary=b", "", "--b", "Content-Type: text/html", "", "<p>1</p>")
    assert html_parts(cut).parts == ["<p>1</p>"]
    assert html_parts(cut.replace(b"; boundary=b", b"")).parts == []


def test_a_charset_that_is_a_trap_is_not_read() -> None:
    found = html_parts(mail("Content-Type: text/html; charset=zip", "", "x"))
    assert (found.parts, found.left_out) == ([], ["the charset 'zip' is not read"])


def test_what_is_too_deep_too_many_or_too_large_is_said() -> None:
    deep = b"x"
    for level in range(40):
        deep = b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n%s\r\n--b%d--" % (
            level,
            level,
            deep,
            level,
        )
    assert html_parts(deep).left_out == ["the mail is nested deeper than 20 levels"]
    many = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * (PARTS + 5)
    assert html_parts(many).left_out == [f"the mail has more than {PARTS} parts"]
    large = b"Content-Type: text/html\r\n\r\n" + b"x" * (DECODED + 1)
    assert html_parts(large).left_out == [f"its text is larger than {DECODED} octets"]
    assert html_parts(b"x" * (17 * 1024 * 1024)).left_out == ["the mail is larger than 16777216 octets"]


def test_structured_data_is_found_in_every_script_of_its_kind() -> None:
    html = (
        '<html><head><script type="text/javascript">var x = {"@type": "Order"};</script>'
        '<script type=" Application/LD+JSON ">{"@type": "Order", "orderNumber": "1"}</script></head>'
        '<body><!-- <script type="application/ld+json">{"@type": "Order", "orderNumber": "0"}</script> -->'
        '<script type="application/ld+json">{"@type": "Order", "orderNumber": "2 < 3"}</script>'
        '<script type="application/ld+json">{no json}</script>'
        '<script type="application/ld+json">' + "[" * 100000 + "</script></body></html>"
    )
    read = read_structured(mail("Content-Type: text/html", "", html))
    assert [event["data"]["number"] for event in read["events"]] == ["1", "2 < 3"]
    assert read["left_out"][0].startswith("the structured data is no JSON") and len(read["left_out"]) == 2


def test_an_event_told_twice_in_one_mail_is_one_event() -> None:
    script = '<script type="application/ld+json">{"@type": "Order", "orderNumber": "1"}</script>'
    assert len(read_structured(mail("Content-Type: text/html", "", script * 30))["events"]) == 1


LINES = st.sampled_from(
    [
        b"Content-Type: multipart/mixed; boundary=b", b'Content-Type: multipart/related; boundary="c"', b"--b", b"--c",
        b"--b--", b"--c--", b"", b"Content-Type: text/html; charset=utf-8", b"Content-Type: text/html; charset=utf-16",
        b"Content-Transfer-Encoding: base64", b"Content-Transfer-Encoding: quoted-printable", b"PHA+", b"=C3=", b"=zz",
        b'<script type="application/ld+json">{"@type":"Order","orderNumber":"1"}</script>', b"\xff\x00", b" folded", b"\n",
    ]
)  # fmt: skip


@given(st.lists(LINES | st.binary(max_size=10), max_size=40).map(b"\r\n".join) | st.binary(max_size=300))
def test_any_mail_is_read_or_said_to_be_unreadable(content: bytes) -> None:
    read = read_structured(content)
    assert set(read) == {"events", "left_out"}
