"""What all tests share: real peers that only a system package brings."""

import os
import shutil

import pytest

PACKAGES = {  # a peer: the programs that it is, and the Debian packages that bring them
    "postfix": (("postfix", "postconf"), "postfix"),
    "swaks": (("swaks",), "swaks libnet-ssleay-perl"),
    "opendkim": (("opendkim", "opendkim-testmsg"), "opendkim opendkim-tools"),
}
SYSTEM_PATH = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """`@pytest.mark.peer("postfix")`: skip where the peer is not installed; fail where POSTHOUSE_REQUIRE_PEERS is
    set."""
    for mark in item.iter_markers("peer"):
        programs, packages = PACKAGES[mark.args[0]]
        if all(shutil.which(each, path=SYSTEM_PATH) for each in programs):
            continue
        words = f"{mark.args[0]} is not installed: apt-get install {packages}"
        if os.environ.get("POSTHOUSE_REQUIRE_PEERS"):
            pytest.fail(words, pytrace=False)
        pytest.skip(words)
