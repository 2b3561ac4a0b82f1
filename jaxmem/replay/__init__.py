"""Whole-episode replay."""

from jaxmem.replay.balance import BalanceOptions, Favoured, favoured, sample_balanced
from jaxmem.replay.episodes import Episodes
from jaxmem.replay.ring import Replay, add, init, nbytes, sample

__all__ = [
    "BalanceOptions",
    "Episodes",
    "Favoured",
    "Replay",
    "add",
    "favoured",
    "init",
    "nbytes",
    "sample",
    "sample_balanced",
]
