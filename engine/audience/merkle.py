"""The tree of hashes over the rows of one import: the arithmetic only. Pure; whoever holds a proof can do it again.

It is the Merkle tree of RFC 9162 section 2.1 over the rows' commitments (`ledger.commit_to`): a leaf is SHA-256(0x00 ||
commitment), a node is SHA-256(0x01 || left || right), and a tree of n leaves splits at the largest power of two below n.
One root in the ledger binds a million rows; a path of twenty hashes shows that one of them is among these, and says
nothing about any other.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Final

from engine.audience.ledger import Broken

BLOCK: Final = 1024  # leaves that are hashed together once and for all: a whole subtree, since it is a power of two


def leaf(commitment: bytes) -> bytes:
    """The hash of a row's commitment."""
    return hashlib.sha256(b"\x00" + commitment).digest()


def node(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(hashes: Sequence[bytes]) -> bytes:
    """The root over these, be they leaves or the roots of whole blocks (and of a last, smaller one)."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    level = list(hashes)
    while len(level) > 1:
        # Pairs from the left, the odd one goes up as it is: the same tree as splitting at the largest power of two.
        pairs = [node(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
        level = pairs + ([level[-1]] if len(level) % 2 else [])
    return level[0]


def path(hashes: Sequence[bytes], place: int) -> list[bytes]:
    """What has to be hashed to `hashes[place]`, from below, to come to their root."""
    level, found = list(hashes), []
    while len(level) > 1:
        beside = place ^ 1
        if beside < len(level):
            found.append(level[beside])
        pairs = [node(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
        level = pairs + ([level[-1]] if len(level) % 2 else [])
        place //= 2
    return found


def path_over_blocks(place: int, blocks: Sequence[bytes], leaves_of: Callable[[int], Sequence[bytes]]) -> list[bytes]:
    """The path of leaf `place`, reading the leaves of its own block only."""
    block, inside = divmod(place, BLOCK)
    return path(leaves_of(block), inside) + path(blocks, block)


def climb(commitment: bytes, place: int, count: int, way: Sequence[bytes]) -> bytes:
    """The root of a tree of `count` leaves that has this one at `place`. Broken where the path has another length."""
    if not 0 <= place < count:
        raise Broken("a row's place is beyond the import's rows")
    found, rest = leaf(commitment), list(way)
    while count > 1:
        if place ^ 1 < count:
            if not rest:
                raise Broken("a row's path to its import's root is too short")
            beside = rest.pop(0)
            found = node(beside, found) if place % 2 else node(found, beside)
        place, count = place // 2, (count + 1) // 2
    if rest:
        raise Broken("a row's path to its import's root is too long")
    return found
