"""The ports of a lab's stage: nobody takes them while its past is laid down, and one that is taken is named."""

import socket
from pathlib import Path

import pytest
from house_process import free_port

from engine.commands import lab, run
from engine.lab.dns import DnsServer
from engine.lab.zones import Zone
from engine.scene import stage as staging
from engine.scene.stage import PORTS, CannotStage, Stage, held, prepare, running


def staged(folder: Path) -> Stage:
    return prepare(folder, ports=[free_port() for _ in PORTS])


def udp(port: int) -> socket.socket:
    """Somebody who listens there."""
    made = socket.socket(type=socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", port))
    return made


def test_a_second_stage_gets_other_ports_while_the_first_is_laid(tmp_path: Path) -> None:
    first = staged(tmp_path / "first")
    with held(first):
        assert staging.free_port(first.ports.web) != first.ports.web


def test_a_lab_holds_its_ports_while_its_past_is_laid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    others: list[bool] = []

    def lay(stage: Stage, *_: int) -> str:
        others.append(staging.free_port(stage.ports.smtp) != stage.ports.smtp)
        raise CannotStage("that was all")

    monkeypatch.setattr(lab, "_lay_down", lay)
    assert run(["lab", "run", "--headless", "--state", str(tmp_path / "var")]) == 1
    assert others == [True]


def test_a_port_that_is_taken_is_named_with_its_setting_before_anything_is_laid(tmp_path: Path) -> None:
    stage = staged(tmp_path / "var")
    words = (
        rf"port {stage.ports.dns} \(routing\.resolvers of .*posthouse\.toml\) can't be had \(Address already in use\)"
    )
    with udp(stage.ports.dns), pytest.raises(CannotStage, match=words), held(stage):
        pytest.fail("it is taken")


async def test_a_lab_that_does_not_start_names_the_port_that_is_taken(tmp_path: Path) -> None:
    stage = staged(tmp_path / "var")
    with udp(stage.ports.dns), pytest.raises(CannotStage, match=rf"port {stage.ports.dns} \(routing\.resolvers of"):
        async with running(stage):
            pytest.fail("it is taken")
    assert f"can't listen on 127.0.0.1:{stage.ports.dns} (UDP)" in (stage.folder / "lab.log").read_text("utf-8")


async def test_the_resolver_names_an_address_that_is_taken() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=rf"127\.0\.0\.1:{port} \(UDP\)"):
            await DnsServer(lambda: Zone({})).start("127.0.0.1", port)
