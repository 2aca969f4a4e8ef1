"""What a machine can be like: each trouble is said in words that name the remedy, and nothing is lost or changed."""

import shutil
import signal
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest
from house import SHOP, Daemon
from house_ground import Ground
from house_sink import Sink
from tls_door import authority

from engine.web.server import CONNECTIONS_MAX

pytestmark = pytest.mark.e2e

STAYS = "not reloaded, the old configuration stays"


def refusal(daemon: Daemon, code: int = 1) -> str:
    """What a daemon says that does not start."""
    daemon.launch()
    try:
        assert daemon.wait_exit() == code
    finally:
        daemon.close()
    said = daemon.log_tail()
    assert "Traceback" not in said
    assert any("STATUS" in note for note in daemon.notes), "systemctl status would not say why"
    return said


def knock(daemon: Daemon) -> socket.socket:
    """Somebody at the control socket who says nothing."""
    caller = socket.socket(socket.AF_UNIX)
    caller.connect(str(daemon.state / "control.sock"))  # waits for its turn in the backlog
    caller.settimeout(60)
    return caller


def test_a_state_folder_that_is_read_only_is_named(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path)
    with Ground(daemon.state) as ground:
        (daemon.state / "precious").write_text("ours")
        ground.turn("ro")
        assert f"daemon.state_dir: {daemon.state} is on a file system that is mounted read-only" in refusal(daemon)


def test_a_live_socket_of_another_program_is_left_to_it(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path)
    daemon.state.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as theirs:
        theirs.bind(str(daemon.state / "control.sock"))
        theirs.listen()
        assert "a program serves" in refusal(daemon)
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(str(daemon.state / "control.sock"))


def test_a_configuration_half_written_is_refused_with_its_line(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path)
    whole = daemon.config_path.read_text()
    daemon.config_path.write_text(whole[: whole.index("=") + 1])
    assert "is no TOML: Invalid value" in refusal(daemon, code=2)
    assert not daemon.state.exists()


def test_a_configuration_half_written_leaves_what_runs_alone_and_so_do_broken_words(tmp_path: Path) -> None:
    """And a certificate that ended is said, and shown all the same."""
    ended = authority().issue_cert("mail.shop.example", not_after=datetime(2026, 1, 1, tzinfo=UTC))
    chain, own = tmp_path / "chain.pem", tmp_path / "own"
    ended.private_key_and_cert_chain_pem.write_to_path(str(chain))
    chain.chmod(0o600)
    shutil.copytree(SHOP, own)
    settings = {"submission": {"tls_certificate": str(chain)}, "templates": str(own)}
    with Sink(tmp_path) as sink, Daemon(tmp_path, next_hop=sink.address, settings=settings) as daemon:
        [doubt] = daemon.logged("certificate in doubt")
        assert "ended 2026-01-01 00:00 UTC: renew it" in doubt["why"]
        carriers, whole = daemon.carriers(), daemon.config_path.read_text()

        daemon.config_path.write_text(whole[: whole.index("=") + 1])
        daemon.signal(signal.SIGHUP)
        [half] = daemon.logged(STAYS)
        assert "is no TOML" in str(half["faults"])

        daemon.config_path.write_text("")
        daemon.signal(signal.SIGHUP)
        cut = daemon.logged(STAYS, 2)[1]
        assert "nothing is set in it: is it whole?" in str(cut["faults"])

        daemon.config_path.write_text(whole)
        (own / "i18n").mkdir(exist_ok=True)
        (own / "i18n" / "en.toml").write_bytes(b'[confirm]\nsubject = "\xff"\n')
        daemon.signal(signal.SIGHUP)
        words = daemon.logged(STAYS, 3)[2]
        assert "en.toml can't be read" in str(words["faults"])

        assert daemon.carriers() == carriers
        crowd = [knock(daemon) for _ in range(CONNECTIONS_MAX)]
        assert knock(daemon).recv(1) == b"", "the control socket takes any number of connections"
        for each in crowd:
            each.close()
        number = daemon.submit("ann@example.org")
        daemon.until(lambda: daemon.state_of(number) == "delivered")
