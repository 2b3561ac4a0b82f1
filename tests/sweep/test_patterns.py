"""Braces in names."""

import pytest

from jaxmem.config import ConfigError
from jaxmem.sweep.patterns import expand, expand_all


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("maze", ["maze"]),
        ("maze_{50,100}", ["maze_50", "maze_100"]),
        ("{a,b}_{1,2}", ["a_1", "a_2", "b_1", "b_2"]),
        ("m{1..3}", ["m1", "m2", "m3"]),
        ("m{3..1}", ["m3", "m2", "m1"]),
        ("my.py:name{,_long}", ["my.py:name", "my.py:name_long"]),
    ],
)
def test_as_bash_does(pattern, names):
    assert expand(pattern) == names


def test_names_come_once():
    assert expand_all(["b", "{a,b}", "a"]) == ["b", "a"]


@pytest.mark.parametrize("pattern", ["m{a}", "m{}", "m{1..a}", "m{50,100", "m}", "{a,{b,c}}"])
def test_other_braces_are_one_line(pattern):
    with pytest.raises(ConfigError, match=r"allowed are \{a,b\} and \{1..5\}, not nested"):
        expand(pattern)


def test_endless_ranges_are_one_line():
    with pytest.raises(ConfigError, match="up to 10000 numbers"):
        expand("m{1..1000000000}")
