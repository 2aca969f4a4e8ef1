"""The gallery: a page for each mail and language, and a diagram of each flow."""

from pathlib import Path

from engine.commands.gallery import write
from engine.proofs.proving import Prover
from engine.sending.resources import Resources, packaged_folder


def test_every_mail_in_every_language_and_every_flow_has_its_place(tmp_path: Path) -> None:
    prover = Prover(Resources())
    pages = write(tmp_path, prover, packaged_folder() / "flows")
    names = {each.name for each in pages}
    assert {f"confirm.{tag}.html" for tag in prover.texts.tags} <= names
    assert all(each.read_text(encoding="utf-8").startswith("<!doctype html>") for each in pages)
    index = (tmp_path / "index.html").read_text(encoding="utf-8")
    diagrams = (tmp_path / "flows.html").read_text(encoding="utf-8")
    for flow in (packaged_folder() / "flows").glob("*[!t].yaml"):
        name = flow.name.removesuffix(".yaml")
        if not name.endswith(".test"):
            assert f'id="{name}"' in diagrams
            assert f"flows.html#{name}" in index
    assert 'class="step send"><b>send</b><a href="cart-reminder.html">' in diagrams
