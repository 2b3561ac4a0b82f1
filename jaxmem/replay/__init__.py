"""Whole-episode replay."""

from jaxmem.replay.balance import BalanceOptions, Favoured, balanced_rows, favoured, sample_balanced
from jaxmem.replay.episodes import NO_ACTION, Before, Episodes, no_action
from jaxmem.replay.parts import part_ends, random_parts, sample_parts
from jaxmem.replay.ring import Replay, add, init, nbytes, sample

__all__ = [
    "NO_ACTION",
    "BalanceOptions",
    "Before",
    "Episodes",
    "Favoured",
    "Replay",
    "add",
    "balanced_rows",
    "favoured",
    "init",
    "nbytes",
    "no_action",
    "part_ends",
    "random_parts",
    "sample",
    "sample_balanced",
    "sample_parts",
]
