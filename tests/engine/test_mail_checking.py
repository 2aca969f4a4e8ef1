"""A mail that could not be written is found before anybody waits for it, with every fault and its place."""

from pathlib import Path

import pytest

from engine.sending.checking import check_mails, mail_names
from engine.sending.resources import Resources


def own(folder: Path, **files: str) -> Resources:
    (folder / "mail").mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / "mail" / f"{name.replace('_', '-').replace('--', '.')}.j2").write_text(text, encoding="utf-8")
    return Resources([folder])


def test_every_mail_that_ships_is_all_right() -> None:
    assert mail_names(Resources())
    assert check_mails(Resources()) == []


def test_all_faults_come_at_once_each_with_its_place(tmp_path: Path) -> None:
    resources = own(
        tmp_path,
        order_thanks__html='{% extends "base/mail.html.j2" %}{% block content %}\n\n'
        '{{ contct.name }}{{ t("nokey") }}{% endblock %}',
        order_thanks__txt="{% if x",
    )
    faults = [str(fault) for fault in check_mails(resources, ["order-thanks"])]
    assert any("mail/order-thanks.html.j2:3: contct" in fault and "did you mean contact?" in fault for fault in faults)
    assert any("order-thanks.txt.j2:1:" in fault for fault in faults)
    assert sum("nokey" in fault for fault in faults) >= 2  # in English and in Hebrew


def test_expressions_that_no_facts_can_mend_are_faults(tmp_path: Path) -> None:
    text = "{{ contact.segments | length }}\n{{ contact.nmae }}\n{{ contact.name.__class__ }}{{ 'a' + 'b' }}"
    faults = [str(each) for each in check_mails(own(tmp_path, order_thanks__txt=text), ["order-thanks"])]
    assert [each.split(": ")[0].rpartition(":")[2] for each in faults] == ["3", "2", "3"]
    assert "contact.nmae is nothing that is known of a contact (did you mean name?)" in faults[1]


def test_a_mail_without_its_other_part_or_its_words_is_a_fault(tmp_path: Path) -> None:
    faults = [str(fault) for fault in check_mails(own(tmp_path, lonely__html="hello"), ["lonely"])]
    assert any("lonely.txt.j2" in fault for fault in faults)
    assert any("no language has texts" in fault for fault in faults)


@pytest.mark.parametrize(
    "text", ["{% include 'base/nothing.html.j2' %}", "{{ 1 + }}", "{% endfor %}", "{{ x | nofilter }}"]
)
def test_what_can_not_be_parsed_or_found_is_a_fault_and_no_crash(tmp_path: Path, text: str) -> None:
    assert check_mails(own(tmp_path, order_thanks__html=text), ["order-thanks"])
