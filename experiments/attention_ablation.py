"""What is attention worth, who asks, and how are cells told apart? (arXiv:2310.03161, which leaves all three open)"""

from dataclasses import replace
from pathlib import Path

from jaxmem.ablation import Ablation, Cell, Factor, Quantity
from jaxmem.experiment import Choice, Experiment, from_file

# Whoever asks, queries begin alike: Mott et al.'s begin at zero, where constants that stay there ask nothing. At 1 the
# 64 numbers that the Fourier basis puts beside a cell would decide alone where a map lies, on some 7 of 100 cells; so
# it is spread over 65. Without such numbers beside cells, maps begin nearly even.
QUERY_SPREAD = 0.25

GAMES = {item.name: item for item in from_file(Path(__file__).with_name("minatar.py"))}


def cell(levels: Cell) -> Choice:
    """A game of MinAtar whose core differs in what asks, and in how cells are told apart; queries begin alike."""
    name = f"look_minatar_{levels['game']}"
    config = GAMES[name].config("best", levels["core"].replace("-", "_"))
    core = replace(config.core, ask=levels["ask"], positions=levels["position"], query_spread=QUERY_SPREAD)
    return Choice(name, "best", replace(config, core=core))


# All cells are experiments that are there already, with some of their fields changed.
EXPERIMENTS: list[Experiment] = []

ABLATIONS = [
    Ablation(
        name="attention",
        description="attention beside the mean of all cells, who asks, and positional encodings, on MinAtar",
        factors=(
            Factor("game", ("breakout", "asterix", "freeway", "spaceinvaders"), "breakout", "task"),
            Factor("core", ("spatio-temporal", "mott"), "spatio-temporal", "panels"),
            Factor("ask", ("memory", "learned", "random", "mean"), "memory", "x"),
            Factor("position", ("fourier", "sine", "learned", "rotary", "none"), "fourier", "y"),
        ),
        quantities=(
            Quantity("return", "return while training", "train/return"),
            Quantity("greedy", "greedy return", "eval/return"),
            Quantity("entropy", "entropy of the policy", "train/entropy"),
        ),
        make=cell,
    )
]
