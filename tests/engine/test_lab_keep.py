"""What the lab keeps can be read by anyone at any time, and is whole."""

from pathlib import Path

from engine.lab import faults
from engine.lab.keep import Kept, KeptReader, Receipt, Refusal


def receipt(rcpt: str = "ann@shop.lab") -> Receipt:
    return Receipt(
        received_ms=5,
        host="shop",
        client="127.0.0.1",
        session=1,
        nth=1,
        ehlo="mail.shop.example",
        tls="",
        mail_from="b@shop.example",
        mail_parameters="",
        rcpt_to=(rcpt,),
        rcpt_parameters=("",),
        message_id="<1@shop.example>",
        answered=True,
        faults=(),
    )


def test_a_kept_mail_reads_back_octet_for_octet(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    messages = [b"Subject: one\r\n\r\nfirst\r\n", bytes(range(256)) * 40, b""]
    for message in messages:
        kept.keep(receipt("אנה@shop.lab"), message)
    read = Kept.read(tmp_path)
    assert [mail.raw for mail in read] == messages
    assert read[0].rcpt_to == ("אנה@shop.lab",)


def test_a_reader_sees_a_mail_as_soon_as_it_is_kept_and_each_one_once(tmp_path: Path) -> None:
    reader = KeptReader(tmp_path)
    assert reader.mails() == []
    kept = Kept(tmp_path)
    kept.keep(receipt("a@shop.lab"), b"1")
    assert len(reader.mails()) == 1
    kept.keep(receipt("b@shop.lab"), b"2")
    assert [mail.rcpt_to for mail in reader.mails()] == [("a@shop.lab",), ("b@shop.lab",)]


def test_a_line_that_is_still_being_written_waits_for_its_end(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.keep(receipt(), b"1")
    line = (tmp_path / "kept.jsonl").read_bytes()
    reader = KeptReader(tmp_path)
    with (tmp_path / "kept.jsonl").open("ab") as file:
        file.write(line[:20])
        file.flush()
        assert len(reader.mails()) == 1
        file.write(line[20:])
    assert len(reader.mails()) == 2


def test_a_lab_started_again_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    for message in (b"first", b"second"):
        kept = Kept(tmp_path)
        kept.keep(receipt(), message)
        kept.flush()
        kept.close()
    assert [mail.raw for mail in Kept.read(tmp_path)] == [b"first", b"second"]


def test_refusals_read_back(tmp_path: Path) -> None:
    refusal = Refusal(5, "shop", "127.0.0.1", 1, "rcpt", "b@shop.example", "ann@shop.lab", "550 5.1.1 no")
    Kept(tmp_path).refuse(refusal)
    assert KeptReader(tmp_path).refusals() == [refusal]


def test_the_parts_of_a_mail_are_decoded(tmp_path: Path) -> None:
    Kept(tmp_path).keep(
        receipt(),
        b"Subject: =?utf-8?b?16nXnNeV150=?=\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/alternative; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n0J/RgNC40LLQtdGC\r\n"
        b"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>x</p>\r\n--b--\r\n",
    )
    (mail,) = Kept.read(tmp_path)
    assert (mail.subject, mail.text, mail.html.strip()) == ("שלום", "Привет", "<p>x</p>")


def test_a_mail_without_such_a_part_has_an_empty_one(tmp_path: Path) -> None:
    Kept(tmp_path).keep(receipt(), b"Subject: x\r\n\r\nplain\r\n")
    (mail,) = Kept.read(tmp_path)
    assert mail.html == ""


def test_faults_on_the_wire_have_names() -> None:
    assert faults.in_stuffed(b"Subject: x\r\n\r\n..ok\r\n" + b"y" * 998 + b"\r\n") == []
    assert faults.in_stuffed(b".x\r\n") == ["dot not stuffed"]
    assert faults.in_stuffed(b"a\r\n.x\r\n...y\r\n") == ["dot not stuffed"]
    assert faults.in_stuffed(b"a\rb\nc\0\r\n") == ["NUL", "bare CR", "bare LF"]
    assert faults.in_stuffed(b"y" * 999 + b"\r\n") == ["line over 998 octets"]


def test_octets_that_mail_did_not_announce_are_a_fault() -> None:
    body, header = b"Subject: x\r\n\r\n\xd7\xa9\r\n", "Subject: ש\r\n\r\nx\r\n".encode()
    assert faults.in_promises(body, "SIZE=9") == ["8-bit body without BODY=8BITMIME"]
    assert faults.in_promises(body, "body=8bitmime") == []
    assert faults.in_promises(header, "BODY=8BITMIME") == ["UTF-8 header without SMTPUTF8"]
    assert faults.in_promises(header, "SMTPUTF8 BODY=8BITMIME") == []
