"""Attention: where a trained transformer looks, in episodes that it plays."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from jaxmem.agents import AgentState
from jaxmem.config import ConfigError
from jaxmem.networks import episode_inputs
from jaxmem.replay import Episodes
from jaxmem.training.collect import Outcome, collect
from jaxmem.training.evaluate import check_seed
from jaxmem.training.loop import Program
from jaxmem.training.state import Run

_SOWN = "attention_weights"


@dataclass(frozen=True)
class Attention:
    """Episodes of one seed, and what its core attended to while it played them.

    Attributes:
        weights: float32 [layers, heads, B, T, T], from each step (last axis but one) to itself and the steps before
            it. Weights of a step sum to 1; those of the padding after an episode's end are 0.
        episodes: the episodes, with NumPy arrays.
        outcome: how the episodes went, float32 [B] each: return, length and what the environment reports.
    """

    weights: np.ndarray
    episodes: Episodes
    outcome: dict[str, np.ndarray]

    def of_last_decision(self) -> np.ndarray:
        """Weights of the step at which each episode's last action was chosen, float32 [layers, heads, B, T]."""
        rows = np.arange(self.weights.shape[2])
        return self.weights[:, :, rows, self.episodes.length - 1]

    def where(self, chosen: np.ndarray) -> "Attention":
        """The episodes that `chosen`, bool [B], picks."""
        played = self.episodes
        episodes = Episodes(
            obs=played.obs[:, chosen],
            action=played.action[:, chosen],
            log_prob=played.log_prob[:, chosen],
            deviated=played.deviated[:, chosen],
            reward=played.reward[:, chosen],
            length=played.length[chosen],
            terminated=played.terminated[chosen],
        )
        outcome = {name: values[chosen] for name, values in self.outcome.items()}
        return Attention(self.weights[:, :, chosen], episodes, outcome)


def attention_of(program: Program, run: Run, episodes: int, key: jax.Array, seed: int = 0) -> Attention:
    """Play greedy episodes with one seed of a trained run, and take its core's attention weights.

    All weights are held at once: layers * heads * episodes * horizon^2 floats.

    Args:
        program: the run's program.
        run: its state, which is only read.
        episodes: number of episodes, B.
        key: randomness of the episodes.
        seed: which seed of the run.

    Raises:
        ConfigError: if the core has no attention, the run no such seed, or there are no episodes to play.
    """
    if episodes < 1:
        raise ConfigError(f"episodes is {episodes}: allowed is an integer >= 1")
    check_seed(program, seed)
    if program.begins_anew:
        raise ConfigError(f"{program.config.env.id} has episodes too long for this: allowed is `jaxmem look`")
    state = jax.tree.map(lambda leaf: leaf[seed], run.agent)
    return Attention(*jax.device_get(_play(program, episodes, state, key)))


@partial(jax.jit, static_argnums=(0, 1))
def _play(program: Program, count: int, state: AgentState, key: jax.Array) -> tuple[jax.Array, Episodes, Outcome]:
    agent: Any = program.agent
    episodes, outcome = collect(program.task, agent, state, key, count, "greedy")
    # Nothing is decided after the last action: its observation is left out.
    inputs, start = jax.tree.map(lambda leaf: leaf[:-1], episode_inputs(episodes))
    _, sown = agent.net.apply(state.params, None, inputs, start, True, method="unroll", mutable=["intermediates"])
    core = sown_by_core(sown)
    # Of cores that look, it is the memory of what was looked at.
    layers = core.get(_SOWN) or core.get("turn", {}).get("memory", {}).get(_SOWN, ())
    if not layers:
        name = program.config.core.name
        raise ConfigError(f"core.name is {name!r}: allowed is one with attention weights to look at, such as 'gpt'")
    weights = jnp.stack(layers).swapaxes(1, 2)
    return jnp.where(episodes.mask.T[:, :, None], weights, 0), episodes, outcome


def sown_by_core(sown: Any) -> Mapping[str, Any]:
    """Of a network's collections, the intermediates of the core that acts: critics may have a trunk of their own."""
    return sown.get("intermediates", {}).get("trunk", {}).get("core", {})


def draw_attention(groups: Mapping[str, Attention], path: Path, marks: Mapping[int, str] | None = None) -> None:
    """Draw where each layer and head looks when an episode's last action is chosen: a bar for each step so far.

    A mean over episodes hides that attention depends on what was seen in them; groups show it.

    Args:
        groups: episodes of one core by label; bars are means over the episodes of a group.
        path: of the picture.
        marks: names of steps to be picked out, such as {0: "cue"} for the passive T-Maze.

    Raises:
        ConfigError: for a group without episodes.
    """
    means = {}
    for label, attention in groups.items():
        count = len(attention.episodes.length)
        if not count:
            raise ConfigError(f"{label}: there are no such episodes")
        means[f"{label} ({count} episode{'s' if count > 1 else ''})"] = attention.of_last_decision().mean(axis=2)
    layers, heads, time = next(iter(means.values())).shape
    figure = Figure(figsize=(max(8, 4 * heads), 1 + 2.6 * layers), layout="constrained")
    panels = figure.subplots(layers, heads, squeeze=False, sharex=True, sharey=True)
    width = 0.9 / len(means)
    for (layer, head), axes in np.ndenumerate(panels):
        for step, name in (marks or {}).items():
            axes.axvspan(step - 0.5, step + 0.5, color="khaki", label=name)
        for index, (label, weights) in enumerate(means.items()):
            left = np.arange(time) - 0.45 + index * width
            axes.bar(left, weights[layer, head], width, align="edge", label=label, zorder=2)
        axes.set(title=f"layer {layer + 1}, head {head + 1}", xlim=(-1, time), ylim=(0, None))
        axes.grid(alpha=0.3)
    figure.supxlabel("step that the last decision attends to")
    figure.supylabel("attention weight")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    figure.savefig(path, dpi=120)
