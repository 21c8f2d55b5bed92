"""Ids of nodes."""

from __future__ import annotations

import pytest

from miso.cluster.directory.node_id import is_node_id, name_of, new_node_id


@pytest.mark.parametrize("name", ["a", "host-1", "sfu_2.example.com", "x" * 63])
def test_an_id_has_the_name_and_is_new_each_time(name: str) -> None:
    one, other = new_node_id(name), new_node_id(name)
    assert one != other
    assert is_node_id(one)
    assert name_of(one) == name_of(other) == name


@pytest.mark.parametrize("name", ["", "-a", "a-", "a b", "a{b}", "ä", "x" * 64, "a\n", "a:b"])
def test_what_is_no_host_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no name of a node"):
        new_node_id(name)


@pytest.mark.parametrize(
    "text", ["", "a", "a-", "a-0123456", "a-0123456G", "a-01234567\n", "-01234567", "a b-01234567"]
)
def test_what_has_no_such_end_is_no_id(text: str) -> None:
    assert not is_node_id(text)
