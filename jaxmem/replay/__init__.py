"""Whole-episode replay."""

from jaxmem.replay.episodes import Episodes
from jaxmem.replay.ring import Replay, add, init, nbytes, sample

__all__ = ["Episodes", "Replay", "add", "init", "nbytes", "sample"]
