"""What tools for credit assignment are worth where a rare visit is paid for much later."""

from dataclasses import replace
from pathlib import Path

from jaxmem.ablation import Ablation, Cell, Factor, Quantity
from jaxmem.experiment import Choice, Experiment, from_file
from jaxmem.networks import AuxiliaryOptions
from jaxmem.redistribution import RedistributionOptions
from jaxmem.replay import BalanceOptions

FILES = {"active-tmaze-20": "tmaze.py", "key-to-door-60": "rooms.py"}
SHIPPED = {item.name: item for file in FILES.values() for item in from_file(Path(__file__).with_name(file))}
# Agents with a replay, since it is one of the factors.
PRESETS = {"active-tmaze-20": "ddqn", "key-to-door-60": "sac"}

REPLAYS = {"uniform": BalanceOptions(), "balanced": BalanceOptions(share=0.5)}
PREDICTIONS = {
    "nothing": AuxiliaryOptions(),
    "rewards": AuxiliaryOptions(reward=1.0),
    "all": AuxiliaryOptions(reward=1.0, next_obs=1.0),
}
REWARDS = {
    "paid": RedistributionOptions(),
    "rudder": RedistributionOptions(kind="rudder", updates=4),
    "synthetic": RedistributionOptions(kind="synthetic", updates=4),
}


def cell(levels: Cell) -> Choice:
    name, preset = levels["task"].replace("-", "_"), PRESETS[levels["task"]]
    changed = replace(
        SHIPPED[name].config(preset, levels["core"]),
        redistribution=REWARDS[levels["reward"]],
        balance=REPLAYS[levels["replay"]],
        auxiliary=PREDICTIONS[levels["prediction"]],
    )
    return Choice(name, preset, changed)


# All cells are experiments that are there already, with some of their fields changed.
EXPERIMENTS: list[Experiment] = []

ABLATIONS = [
    Ablation(
        name="tools",
        description="what redistributed rewards, a balanced replay and auxiliary predictions are worth",
        factors=(
            Factor("task", tuple(FILES), "active-tmaze-20", "task"),
            Factor("core", ("lstm", "gpt"), "lstm", "panels"),
            Factor("reward", tuple(REWARDS), "paid", "x"),
            Factor("replay", tuple(REPLAYS), "uniform", "y"),
            Factor("prediction", tuple(PREDICTIONS), "nothing", "y"),
        ),
        quantities=(
            Quantity("played", "return while exploring", "train/return"),
            Quantity("return", "greedy return", "eval/return"),
            Quantity("success", "greedy success", "eval/success"),
        ),
        make=cell,
    )
]
