"""The tree over an import's rows: the tree of RFC 9162, and paths that show one row of it."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.audience import merkle
from engine.audience.ledger import Broken


def by_the_book(hashes: list[bytes]) -> bytes:
    """RFC 9162 section 2.1.1, word by word."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + by_the_book(hashes[:split]) + by_the_book(hashes[split:])).digest()


def leaves(count: int) -> list[bytes]:
    return [merkle.leaf(hashlib.sha256(b"%d" % each).digest()) for each in range(count)]


@given(st.integers(0, 3000))
def test_the_root_is_that_of_the_book_also_block_by_block(count: int) -> None:
    hashes = leaves(count)
    blocks = [merkle.root(hashes[at : at + merkle.BLOCK]) for at in range(0, count, merkle.BLOCK)]
    assert merkle.root(hashes) == by_the_book(hashes) == merkle.root(blocks)


@given(st.data(), st.integers(1, 3000))
def test_a_path_climbs_to_the_root_from_its_own_leaf_only(data: st.DataObject, count: int) -> None:
    place = data.draw(st.integers(0, count - 1))
    hashes = leaves(count)
    blocks = [merkle.root(hashes[at : at + merkle.BLOCK]) for at in range(0, count, merkle.BLOCK)]
    way = merkle.path_over_blocks(
        place, blocks, lambda block: hashes[block * merkle.BLOCK : (block + 1) * merkle.BLOCK]
    )
    own, other = hashlib.sha256(b"%d" % place).digest(), hashlib.sha256(b"another").digest()
    assert merkle.climb(own, place, count, way) == merkle.root(hashes) != merkle.climb(other, place, count, way)
    with pytest.raises(Broken, match="too long"):
        merkle.climb(own, place, count, [*way, other])
    if way:
        with pytest.raises(Broken, match="too short"):
            merkle.climb(own, place, count, way[:-1])


def test_a_place_that_is_not_in_the_tree_is_refused() -> None:
    with pytest.raises(Broken, match="beyond"):
        merkle.climb(b"", 5, 5, [])
