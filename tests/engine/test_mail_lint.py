"""Lint: every rule is turned red by a mail of its own, and by no other; what ships is green; previews of made readers."""

from pathlib import Path

import pytest

from engine.proofs.linting import lint
from engine.proofs.proving import Prover
from engine.proofs.rules import RULES
from engine.proofs.samples import Reader
from engine.proofs.spam import Judge, SpamTrouble, score
from engine.sending.checking import mail_names
from engine.sending.resources import Resources

TOML = """\
about = "A probe."
stream = "marketing"
[en]
subject = "A word from us"
preheader = "It takes a minute."
heading = "Hello again"
lead = "There is something new in the shop, and we think that you will like it."
[en.days]
one = "{count} day"
other = "{count} days"
[he]
subject = "מילה מאיתנו"
preheader = "זה לוקח דקה."
heading = "שוב שלום"
lead = "יש משהו חדש בחנות, ואנחנו חושבים שזה יתאים."
[he.days]
one = "יום אחד"
two = "יומיים"
other = "{count} ימים"
[ru]
subject = "Пара слов от нас"
preheader = "Это займёт минуту."
heading = "Снова здравствуйте"
lead = "В магазине появилось кое-что новое, и мы думаем, что вам понравится."
[ru.days]
one = "{count} день"
few = "{count} дня"
many = "{count} дней"
other = "{count} дня"
[zh]
subject = "我们想对您说"
preheader = "只需一分钟。"
heading = "又见面了"
lead = "店里来了新品，我们觉得您会喜欢。"
[zh.days]
other = "{count} 天"
[zh-Hant]
subject = "我們想對您說"
preheader = "只需一分鐘。"
heading = "又見面了"
lead = "店裡來了新品，我們覺得您會喜歡。"
[zh-Hant.days]
other = "{count} 天"
"""
HTML = """\
{% extends "base/mail.html.j2" %}
{% from "base/parts.html.j2" import greeting, paragraph, sign_off %}
{% block content %}
{{ greeting(contact) }}
{{ paragraph(t("lead")) }}
{{ paragraph(t("days", count=2)) }}
{{ sign_off() }}
{% endblock %}
"""
TEXT = HTML.replace(".html.", ".txt.").replace(
    "{% block content %}", '{% block subject %}{{ t("subject") }}{% endblock %}\n{% block content %}'
)


def prover(folder: Path, toml: str = TOML, html: str = HTML, text: str | None = TEXT, brand: str = "") -> Prover:
    (folder / "mail").mkdir(exist_ok=True)
    (folder / "mail" / "probe.toml").write_text(toml)
    (folder / "mail" / "probe.html.j2").write_text(html)
    if text is not None:
        (folder / "mail" / "probe.txt.j2").write_text(text)
    if brand:
        (folder / "brand.toml").write_text(brand)
    return Prover(Resources([folder]))


def rules(prover: Prover) -> set[str]:
    return {each.rule for each in lint(prover, ["probe"])}


def within(line: str) -> str:
    return HTML.replace("{{ sign_off() }}", f"{line}\n{{{{ sign_off() }}}}")


@pytest.mark.parametrize("mail", mail_names(Resources()))
def test_every_mail_that_ships_is_clean_for_every_made_reader_in_every_language(mail: str) -> None:
    prover = Prover(Resources())
    assert [str(each) for each in lint(prover, [mail])] == []
    assert len([each for each in prover.proofs(mail) if each.composed]) == len(Reader) * len(prover.texts.tags)


def test_a_whole_mail_is_green(tmp_path: Path) -> None:
    assert rules(prover(tmp_path)) == set()


BAD_PAGES = {
    "unsubscribe": "<html dir=\"{{ dir }}\"><title>x</title><p>" + "word " * 30
    + "{% for line in shop.postal_lines %}{{ line }} {% endfor %}</p></html>",
    "links": within('<a class="link" href="http://shop.example/">x</a>'),
    "links ": within('<a class="link" href="#">x</a>'),
    "css": within('<p style="position:absolute">x</p>'),
    "css ": within("<video>x</video>"),
    "css  ": within('<p style="width:calc(100% - 2px)">x</p>'),
    "size": within("{% for n in [1, 2, 3, 4, 5, 6] %}{{ '" + "x " * 10_000 + "' }}{% endfor %}"),
    "images": within('<img src="https://shop.example/x.png" width="10">'),
    "images ": within('<img src="https://shop.example/x.png" alt="x">'),
    "contrast": within('<p style="color:#aaaaaa">pale</p>'),
    "sides": within('<p style="padding-left:3px">x</p>'),
    "direction": within('<p style="text-align:{{ \'left\' }}">x</p>'),
    "template": within("{{ nothing }}"),
    "template ": within('{{ t("nokey") }}'),
    "facts": within("{{ data.nothing }}"),
    "address": HTML.replace("{% block content %}", "{% block content %}{% set shop = 1 %}"),
}  # fmt: skip


@pytest.mark.parametrize("rule", [each for each in BAD_PAGES if each != "address"])
def test_a_page_s_rule_is_turned_red_by_its_own_mail_and_by_nothing_else(tmp_path: Path, rule: str) -> None:
    assert rules(prover(tmp_path, html=BAD_PAGES[rule])) == {rule.strip()}


def test_a_mail_without_the_postal_address_or_without_its_text_is_red(tmp_path: Path) -> None:
    bare = "{% block subject %}x y z{% endblock %}{{ links.unsubscribe }}"
    assert rules(prover(tmp_path, text=bare)) == {"address"}
    (tmp_path / "mail" / "probe.txt.j2").unlink()
    assert rules(prover(tmp_path, text=None)) == {"template"}


BAD_WORDS = {
    "keys": ('heading = "שוב שלום"\n', 'heading = "שוב שלום"\nmore = "עוד"\n'),
    "keys ": ('one = "{count} day"\n', 'one = "{cuont} day"\n'),
    "plurals": ('two = "יומיים"\n', ""),
    "plurals ": ('few = "{count} дня"\n', 'few = "{count} дня"\ntwo = "{count} дня"\n'),
    "language": ('"Снова здравствуйте"', '"Hello again"'),
    "quotes": ('"又見面了"', '"“又”見面了"'),
    "preview": ('preheader = "It takes a minute."', 'preheader = "A word from us"'),
    "subject": ('subject = "A word from us"', 'subject = "A WORD FROM US"'),
    "subject ": ('subject = "A word from us"', f'subject = "{"A word " * 14}"'),
    "template": ("[ru]\n", "[ru\n"),
    "template ": ('about = "A probe."', "about = 7"),
}


@pytest.mark.parametrize("rule", sorted(BAD_WORDS))
def test_a_rule_of_words_is_turned_red_by_its_own_mail_and_by_nothing_else(tmp_path: Path, rule: str) -> None:
    assert TOML.count(BAD_WORDS[rule][0]) == 1
    assert rules(prover(tmp_path, toml=TOML.replace(*BAD_WORDS[rule]))) == {rule.strip()}


def test_words_that_the_brand_avoids_and_a_brand_that_is_hard_to_read_are_told(tmp_path: Path) -> None:
    assert rules(prover(tmp_path, brand='[voice]\navoid = ["something new"]\n')) == {"voice"}
    assert rules(prover(tmp_path, brand='[logo]\nimage = "gone.png"\n')) == {"brand"}


def test_every_rule_has_a_mail_that_turns_it_red() -> None:
    told = {each.strip() for each in (*BAD_PAGES, *BAD_WORDS)}
    assert told >= set(RULES)


PROGRAM = """\
#!/bin/sh
sed -n 's/^Subject: .*/&\\
X-Spam-Status: No, score={points} required=5.0 tests=HTML_MESSAGE,\\
\\tFONT_INVIS/p'
"""


def spam_program(folder: Path, points: str) -> Judge:
    path = folder / "spamassassin"
    path.write_text(PROGRAM.format(points=points))
    path.chmod(0o755)
    return Judge("spamassassin", str(path))


def test_points_for_spam_are_told_with_their_rules(tmp_path: Path) -> None:
    found = list(lint(prover(tmp_path), ["probe"], spam_program(tmp_path, "1.7")))
    assert {each.rule for each in found} == {"spam"}
    assert "spamassassin gives it 1.7 points (wanted: under 1.0): HTML_MESSAGE, FONT_INVIS" in str(found[0])
    assert list(lint(prover(tmp_path), ["probe"], spam_program(tmp_path, "-0.1"))) == []


def test_a_program_that_does_not_answer_is_trouble_in_words(tmp_path: Path) -> None:
    with pytest.raises(SpamTrouble, match="told of 0 mails, but was given 1"):
        score(Judge("spamassassin", "/bin/true"), [b"x"])
    with pytest.raises(SpamTrouble):
        score(Judge("rspamc", str(tmp_path / "none")), [b"x"])
