"""Mails over the control socket: proofs, findings, files kept in one's own folder and taken away again."""

import hashlib
from pathlib import Path

import pytest
from house import Daemon

from engine.control.client import Control, ControlError
from engine.control.protocol.mails import MailFileText, MailFindings, MailProof, Mails, MailSheet

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    (folder / "brand.toml").write_text(
        'name = "The Blue Teapot"\nurl = "https://tea.shop.invalid/"\npostal_address = "1 Mill Lane"\n'
    )
    return folder


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory, own: Path) -> Control:
    with Daemon(tmp_path_factory.mktemp("house"), carriers=1, settings={"templates": str(own)}) as daemon:
        yield Control(daemon.state / "control.sock")  # type: ignore[misc]


def text_of(control: Control, file: str) -> MailFileText:
    return control.get(MailFileText, "/v1/mail-file", {"file": file})


def test_all_mails_are_listed_with_the_recipes_that_send_them(control: Control, own: Path) -> None:
    found = control.get(Mails, "/v1/mails")
    rows = {each.name: each for each in found.rows}
    assert len(rows) > 80 and found.folder == str(own)
    assert rows["cart-reminder"].flows == ("abandoned-cart",) and len(rows["cart-reminder"].languages) == 5
    assert dict(found.titles)["abandoned-cart"] == "Abandoned cart"
    assert [each.name for each in found.shared if each.is_own] == ["brand.toml"]


def test_a_proof_is_what_its_reader_would_get_in_each_language(control: Control) -> None:
    made = control.get(MailProof, "/v1/mails/order-thanks/proof", {"locale": "he", "reader": "longest"})
    assert (made.locale, made.direction, made.reader, made.stream) == ("he", "rtl", "longest", "transactional")
    assert made.preheader and made.preheader in made.html and "https://tea.shop.invalid/" not in made.subject
    assert made.octets > len(made.html.encode()) and 'dir="rtl"' in made.html
    usual = control.get(MailProof, "/v1/mails/order-thanks/proof", {"locale": "fr"})
    assert usual.locale == "en"  # what the installation says, since nobody wrote French


def test_a_contact_may_be_the_reader_and_whoever_is_none_is_refused(control: Control) -> None:
    control.post(
        "/v1/events", {"name": "cart.updated", "address": "dana@example.org", "contact_name": "Dana", "locale": "ru"}
    )
    made = control.get(MailProof, "/v1/mails/cart-help/proof", {"locale": "ru", "address": "dana@example.org"})
    assert made.reader == "dana@example.org" and "Dana" in made.text
    with pytest.raises(ControlError, match="is no contact"):
        control.get(MailProof, "/v1/mails/cart-help/proof", {"address": "nobody@example.org"})


@pytest.mark.parametrize(
    "path", ["/v1/mails/nothing", "/v1/mails/nothing/proof", "/v1/mail-file?file=mail/nothing.toml"]
)
def test_what_is_not_there_is_said(control: Control, path: str) -> None:
    with pytest.raises(ControlError, match="there is no"):
        control.get(MailSheet, path)


@pytest.mark.parametrize(
    "file",
    ["../x.toml", "mail/../../x.toml", "/etc/passwd", "mail/x.py", "flows/x.yaml", "mail/.x.toml", "mail/a/b.toml", ""],
)
def test_no_file_but_one_of_templates_is_read_or_written(control: Control, file: str) -> None:
    for ask in (lambda: text_of(control, file), lambda: control.post("/v1/mail/save", {"file": file, "source": "x"})):
        with pytest.raises(ControlError, match="is no file of templates"):
            ask()


def test_a_file_is_kept_judged_shown_at_once_and_undone(control: Control, own: Path) -> None:
    file = "mail/cart-help.toml"
    before = text_of(control, file)
    assert not before.is_own and before.digest == hashlib.sha256(before.source.encode()).hexdigest()
    source = before.source.replace('subject = "Did something hold you up?"', 'subject = "May we help?"')
    done = control.post("/v1/mail/save", {"file": file, "source": source, "digest": before.digest, "by": "dana"})
    assert done.facts["faults"] == [] and (own / file).read_text() == source
    assert control.get(MailProof, "/v1/mails/cart-help/proof").subject == "May we help?"
    sheet = control.get(MailSheet, "/v1/mails/cart-help")
    assert '+subject = "May we help?"' in sheet.diff and sheet.files[0].is_own
    control.post("/v1/acts/undo", {"act": done.facts["act"]})
    assert not (own / file).exists()
    assert control.get(MailProof, "/v1/mails/cart-help/proof").subject == "Did something hold you up?"


def test_who_saves_over_somebody_else_s_change_is_told(control: Control, own: Path) -> None:
    file = "mail/cart-last.txt.j2"
    before = text_of(control, file)
    control.post("/v1/mail/save", {"file": file, "source": before.source + "\n", "digest": before.digest})
    with pytest.raises(ControlError, match="changed by somebody else"):
        control.post("/v1/mail/save", {"file": file, "source": "mine", "digest": before.digest})
    assert (own / file).read_text() == before.source + "\n"
    control.post("/v1/mail/drop", {"file": file})
    with pytest.raises(ControlError, match="of your own"):
        control.post("/v1/mail/drop", {"file": file})


def test_a_wrong_template_is_kept_with_its_faults_and_the_proof_says_where(control: Control) -> None:
    file = "mail/cart-coupon.html.j2"
    before = text_of(control, file)
    source = before.source.replace("{% block content %}", "{% block content %}\n{{ data.nothing }}{{ contct }}")
    line = next(number for number, each in enumerate(source.splitlines(), 1) if "contct" in each)
    done = control.post("/v1/mail/save", {"file": file, "source": source})
    assert done.text.startswith(f"{file} is kept: 1 fault")
    assert {(each["file"], each["line"]) for each in done.facts["faults"]} == {(file, line)}
    made = control.get(MailProof, "/v1/mails/cart-coupon/proof")
    assert (made.file, made.line, made.html) == (file, line, "") and "nothing" in made.fault
    found = control.get(MailFindings, "/v1/mails/cart-coupon/findings").rows
    assert any((each.rule, each.file, each.line) == ("template", file, line) for each in found)
    control.post("/v1/mail/drop", {"file": file})


def test_a_finding_in_the_words_has_the_line_of_the_entry(control: Control) -> None:
    file = "mail/cart-help.toml"
    source = text_of(control, file).source.replace("[ru]", '[ru]\nextra = "лишнее"')
    control.post("/v1/mail/save", {"file": file, "source": source})
    rows = control.get(MailFindings, "/v1/mails/cart-help/findings").rows
    line = next(number for number, each in enumerate(source.splitlines(), 1) if each.startswith("extra"))
    assert [(each.rule, each.line) for each in rows if "extra" in each.problem] == [("keys", line)]
    control.post("/v1/mail/drop", {"file": file})


def test_a_brand_that_cannot_be_read_is_said_and_everything_goes_on(control: Control, own: Path) -> None:
    before = (own / "brand.toml").read_text()
    control.post("/v1/mail/save", {"file": "brand.toml", "source": "name = 7\n"})
    with pytest.raises(ControlError, match=r"name is a number"):
        control.get(MailProof, "/v1/mails/confirm/proof")
    control.post("/v1/mail/save", {"file": "brand.toml", "source": before})
    assert control.get(MailProof, "/v1/mails/confirm/proof").subject


def test_a_test_is_sent_as_the_templates_are_now(control: Control) -> None:
    file = "mail/cart-help.toml"
    source = text_of(control, file).source.replace("Did something hold you up?", "A word of ours")
    control.post("/v1/mail/save", {"file": file, "source": source})
    done = control.post(
        "/v1/mail/test", {"mail": "cart-help", "address": "me@example.org", "locale": "en", "reader": "usual"}
    )
    from engine.control.protocol.queue import MessageLife

    assert control.get(MessageLife, f"/v1/messages/{done.facts['message']}").subject == "A word of ours"
    control.post("/v1/mail/drop", {"file": file})


def test_a_test_in_a_language_without_words_is_not_sent_in_another(control: Control) -> None:
    asked = {"mail": "cart-help", "address": "me@example.org", "locale": "hr", "reader": "usual"}
    with pytest.raises(ControlError, match="there are no words in hr"):
        control.post("/v1/mail/test", asked)


def test_a_house_without_a_folder_of_its_own_says_what_to_do(tmp_path: Path) -> None:
    bare = Daemon(tmp_path, carriers=1)
    del bare.settings["templates"]
    bare.configure({})
    with bare as daemon:
        asked = Control(daemon.state / "control.sock")
        with pytest.raises(ControlError, match="no folder of your own templates"):
            asked.post("/v1/mail/save", {"file": "brand.toml", "source": "x"})
