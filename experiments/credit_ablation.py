"""What stops agents on the Active T-Maze of Ni et al. 2023 (arXiv:2307.03864)?"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from jaxmem.ablation import Ablation, Cell, Factor, Quantity
from jaxmem.experiment import Choice, Experiment, from_file
from jaxmem.exploration import DeviationOptions

TMAZES = {item.name: item for item in from_file(Path(__file__).with_name("tmaze.py"))}

# Of advantages and value targets alike, which are made of whole episodes; the recipe has others for either.
LAMBDAS = {"monte-carlo": 1.0, "lambda": 0.95, "one-step": 0.0}

# Evaluations are points of curves: oftener than the preset has them.
EVAL_EVERY = 1024


def exploration(preset: DeviationOptions, level: str, length: int) -> DeviationOptions:
    """What training episodes do beside drawing from the policy, whose entropy has the preset's bonus in all cells."""
    # As many random actions as published: one in each episode, wherever it falls.
    if level == "epsilon":
        return replace(preset, kind="each", chance=1 / (length + 3))
    return replace(preset, kind="none" if level == "entropy" else level)


def cell(levels: Cell) -> Choice:
    length = int(levels["length"])
    config = TMAZES[f"active_tmaze_{length}"].config("best", levels["core"])
    returns: dict[str, Any] = {}
    if levels["target"] != "recipe":
        returns = {"td_lambda": LAMBDAS[levels["target"]], "policy_lambda": None, "calibrate": False, "far_size": None}
    agent: dict[str, Any] = {
        "discount": float(levels["discount"]),
        "relative_values": levels["baseline"] == "relative",
        "sizes_alike": levels["baseline"] == "relative",
        "step_baseline": levels["baseline"] != "value",
    }
    changed = replace(
        config,
        agent=replace(config.agent, **agent | returns),
        deviation=exploration(config.deviation, levels["exploration"], length),
        network=replace(config.network, centre=levels["input"] == "centred"),
        loop=replace(config.loop, eval_every=EVAL_EVERY),
    )
    return Choice(f"active_tmaze_{length}", "best", changed)


# All cells are experiments that are there already, with some of their fields changed.
EXPERIMENTS: list[Experiment] = []

ABLATIONS = [
    Ablation(
        name="credit",
        description="which of memory, exploration, bootstrap and discount stops agents on the Active T-Maze",
        factors=(
            Factor("length", ("50", "100", "250"), "50", "task"),
            Factor("core", ("lru", "lstm", "gpt"), "lru", "panels"),
            Factor("exploration", ("rare", "first", "any", "epsilon", "entropy"), "rare", "x"),
            Factor("input", ("centred", "raw"), "centred", "y"),
            Factor("target", ("recipe", *LAMBDAS), "recipe", "y"),
            Factor("baseline", ("relative", "rows", "value"), "relative", "y"),
            Factor("discount", ("1", "0.999", "0.99"), "1", "y"),
        ),
        quantities=(
            Quantity("left", "chance of going for the cue", "policy/decisive", log=True),
            Quantity("oracle", "training episodes that saw it", "train/oracle"),
            Quantity("accuracy", "of these, turned as it said", "train/recalled", per="train/oracle"),
            Quantity("return", "greedy return", "eval/return"),
        ),
        make=cell,
    )
]
