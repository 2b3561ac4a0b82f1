"""An ablation whose cells differ in their seed alone, so that one compilation serves all."""

from dataclasses import replace
from pathlib import Path

from jaxmem.ablation import Ablation, Cell, Factor, Quantity
from jaxmem.experiment import Choice, from_file

TINY = from_file(Path(__file__).with_name("tiny.py"))[0]


def cell(levels: Cell) -> Choice:
    config = TINY.config("best", levels["core"])
    seed = 1000 * int(levels["length"]) + ("left", "right").index(levels["turn"]) + int(levels["lag"])
    # Returns of untrained nets reach -2, in the second evaluation.
    loop = replace(config.loop, stop_return=-2.0, stop_evals=2)
    return Choice("tiny", "best", replace(config, seed=seed, loop=loop))


ABLATIONS = [
    Ablation(
        name="grid",
        description="seconds",
        factors=(
            Factor("length", ("3", "4"), "3", "task"),
            Factor("core", ("mlp",), "mlp", "panels"),
            Factor("turn", ("left", "right"), "left", "x"),
            Factor("lag", ("10", "20"), "10", "y"),
        ),
        quantities=(
            Quantity("return", "greedy return", "eval/return"),
            Quantity("pace", "return a step", "train/return", per="train/length", log=True),
        ),
        make=cell,
        steps=100,
        seeds=2,
    )
]
