"""Servers in tests: whoever starts one lets `serving` end it, whatever happens meanwhile."""

import re
import threading
from pathlib import Path
from socketserver import BaseRequestHandler, TCPServer

import pytest
from serving import serving

TESTS = Path(__file__).parent


def test_no_thread_is_left_when_what_was_done_with_the_server_failed() -> None:
    before = set(threading.enumerate())
    with pytest.raises(ZeroDivisionError), serving(TCPServer(("127.0.0.1", 0), BaseRequestHandler)):
        _ = 1 / 0
    assert set(threading.enumerate()) <= before


def test_servers_of_the_standard_library_are_served_in_one_place() -> None:
    thread = re.compile(r"Thread\([^\n]*serve_forever")
    found = {path.name for path in TESTS.rglob("*.py") if thread.search(path.read_text("utf-8"))}
    assert found - {Path(__file__).name} == {"serving.py"}
