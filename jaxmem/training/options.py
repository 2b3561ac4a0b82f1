"""The configuration of a run, and its JSON form."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from jaxmem import agents, cores, envs
from jaxmem.agents import AgentOptions
from jaxmem.config import Config, ConfigError, integer, number, replace, tuples
from jaxmem.cores import CoreOptions
from jaxmem.envs import EnvOptions
from jaxmem.exploration import DeviationOptions
from jaxmem.networks import AuxiliaryOptions, NetworkOptions
from jaxmem.redistribution import RedistributionOptions
from jaxmem.replay import BalanceOptions

_MAX_STEPS = 2**31 - 1


@dataclass(frozen=True)
class LoopOptions(Config):
    """How much is collected, learned, evaluated and kept.

    The defaults are the loop of Ni et al. 2023 (arXiv:2307.03864): one episode at a time, a quarter of an update for
    each step. Agents that learn from their own latest steps have no replay: nothing is random at first, and every
    update is made on all that the iteration has played. With `unroll` they play on for so many steps instead of to the
    ends of episodes, and `episodes` and `eval_every` count unrolls.
    """

    path: ClassVar[str] = "loop"

    episodes: int = integer(20_000, low=1)
    """training episodes, the random ones not counted; with unroll, unrolls of single rows"""
    collect: int = integer(1, low=1, high=1_000_000)
    """episodes that an iteration collects, side by side; with unroll, rows that it plays on"""
    unroll: int | None = integer(None, low=1, high=1_000_000, optional=True)
    """steps that rows play on in an iteration, memory carried, episodes ending inside; none plays whole episodes"""
    updates: int | None = integer(None, low=0, high=1_000_000, optional=True)
    """updates in an iteration; none takes updates_per_step, or one without a replay"""
    minibatches: int = integer(1, low=1, high=1_000_000)
    """without a replay: random parts of the rows, each of which gets a gradient step in each of the updates"""
    updates_per_step: float = number(0.25, 0, 1000)
    """updates for each environment step, rounded up an iteration"""
    random_episodes: int = integer(10, low=1, high=1_000_000)
    """episodes of random actions before the first update"""
    replay_steps: int = integer(1_000_000, low=1)
    """capacity of the replay in steps"""
    replay_episodes_min: int = integer(1000, low=1)
    """the fewest episodes that the replay holds, whatever replay_steps says"""
    eval_every: int = integer(10, low=1)
    """training episodes between evaluations, rounded up to whole iterations; with unroll, unrolls"""
    eval_episodes: int = integer(10, low=1, high=1_000_000)
    """greedy episodes in an evaluation"""
    stop_return: float | None = number(None, optional=True)
    """stop once every seed's greedy return is at least this; none trains to the end"""
    stop_success: float | None = number(None, 0, 1, optional=True)
    """stop once every seed's greedy success is at least this (and the return its own bound); none leaves it out"""
    stop_evals: int = integer(3, low=1)
    """evaluations in a row that must reach what stops the run"""
    checkpoint_every: float = number(60.0, 0)
    """seconds between checkpoints, taken at evaluations; the end is always saved"""
    keep: int = integer(3, low=1)
    """checkpoints that are kept"""

    @property
    def steps_on_latest(self) -> int:
        """Gradient steps in an iteration without a replay."""
        return self.minibatches * (1 if self.updates is None else self.updates)

    @property
    def iterations(self) -> int:
        """Iterations of the whole run."""
        return math.ceil(self.episodes / self.collect)

    @property
    def eval_iterations(self) -> int:
        """Iterations between evaluations."""
        return math.ceil(self.eval_every / self.collect)

    def is_solved(self, rows: Sequence[Mapping[str, Any]]) -> bool:
        """Whether one evaluation, a row a seed, reaches every bound that is set; never if none is."""
        bounds = {"eval/return": self.stop_return, "eval/success": self.stop_success}
        given = {name: bound for name, bound in bounds.items() if bound is not None}
        return bool(given) and all(row[name] >= bound for row in rows for name, bound in given.items())

    def steps_each(self, horizon: int) -> int:
        """The most steps of what `episodes` counts: an episode of at most `horizon` steps, or an unroll."""
        return horizon if self.unroll is None else self.unroll

    def replay_episodes(self, horizon: int) -> int:
        """Capacity of the replay in episodes of `horizon` steps."""
        return max(self.replay_episodes_min, math.ceil(self.replay_steps / horizon), self.collect, self.random_episodes)


@dataclass(frozen=True)
class RunConfig(Config):
    """Everything that decides what a run computes."""

    env: EnvOptions
    """the environment"""
    core: CoreOptions
    """the memory core"""
    agent: AgentOptions
    """the algorithm"""
    network: NetworkOptions = dataclasses.field(default_factory=NetworkOptions)
    """what stands around the core"""
    loop: LoopOptions = dataclasses.field(default_factory=LoopOptions)
    """the training loop"""
    deviation: DeviationOptions = dataclasses.field(default_factory=DeviationOptions)
    """what training episodes do that the agent does not want"""
    balance: BalanceOptions = dataclasses.field(default_factory=BalanceOptions)
    """which stored episodes are learned from more often than others"""
    auxiliary: AuxiliaryOptions = dataclasses.field(default_factory=AuxiliaryOptions)
    """what else the memory learns from"""
    redistribution: RedistributionOptions = dataclasses.field(default_factory=RedistributionOptions)
    """which rewards the learner sees instead of those that were paid"""
    seeds: int = integer(1, low=1)
    """independent runs, trained side by side in one program"""
    seed: int = integer(0, low=0, high=2**32 - 1)
    """where all randomness comes from"""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.loop.unroll is not None and not self.agent.on_policy:
            raise ConfigError(
                f"loop.unroll is {self.loop.unroll}: {self.agent.name} learns from a replay, allowed is none"
            )
        if self.loop.unroll is not None and self.deviation.learns:
            raise ConfigError(
                f"loop.unroll is {self.loop.unroll}: deviation.kind {self.deviation.kind} learns from whole episodes, "
                "allowed is none"
            )
        if self.loop.unroll is not None and self.agent.compares_rows:
            raise ConfigError(
                f"loop.unroll is {self.loop.unroll}: {self.agent.name} compares rows step by step "
                "(agent.relative_values, agent.step_baseline), allowed is none"
            )
        parts, rows = self.loop.minibatches, self.loop.collect
        if rows == 1 and self.agent.compares_rows:
            raise ConfigError(f"loop.collect is 1: {self.agent.name} compares rows step by step, allowed is 2 and more")
        if parts > 1 and not self.agent.on_policy:
            raise ConfigError(f"loop.minibatches is {parts}: {self.agent.name} learns from a replay, allowed is 1")
        kind = self.redistribution.kind
        if kind != "none" and self.loop.unroll is not None:
            raise ConfigError(f"redistribution.kind is {kind!r}: it needs whole episodes, allowed is loop.unroll none")
        if kind != "none" and not self.agent.whole_episodes:
            raise ConfigError(
                f"redistribution.kind is {kind!r}: it needs whole episodes, allowed is agent.context none"
            )
        if self.deviation.kind != "none" and self.agent.continuous:
            raise ConfigError(
                f"deviation.kind is {self.deviation.kind!r}: {self.agent.name} has continuous actions, allowed is none"
            )
        if self.auxiliary.weights and not self.agent.predicts:
            raise ConfigError(f"auxiliary has weights: {self.agent.name} learns no predictions, allowed is 0")
        if self.balance.share > 0 and self.agent.on_policy:
            raise ConfigError(f"balance.share is {self.balance.share}: {self.agent.name} has no replay, allowed is 0")
        if rows % parts:
            raise ConfigError(f"loop.minibatches is {parts}: allowed is a divisor of loop.collect = {rows}")

    def to_json(self) -> dict[str, Any]:
        """The configuration as JSON values; `from_json` is the inverse."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_json(data: Any) -> "RunConfig":
        """Rebuild and check a configuration; raises `ConfigError` if it is not one."""
        try:
            for kind, name, known in (
                ("environment", data["env"]["id"], envs.is_known),
                ("core", data["core"]["name"], cores.registered_cores.__contains__),
                ("agent", data["agent"]["name"], agents.registered_agents.__contains__),
            ):
                if not known(name):
                    raise ConfigError(
                        f"the run's {kind} {name!r} is not registered: --file names the file that does it"
                    )
            data = dict(data)
            env, core, agent = dict(data.pop("env")), dict(data.pop("core")), dict(data.pop("agent"))
            network = replace(NetworkOptions(), **tuples(data.pop("network")))
            loop = replace(LoopOptions(), **data.pop("loop"))
            # Runs that were written before there was such a field have none of it.
            deviation = replace(DeviationOptions(), **data.pop("deviation", {}))
            balance = replace(BalanceOptions(), **data.pop("balance", {}))
            auxiliary = replace(AuxiliaryOptions(), **data.pop("auxiliary", {}))
            redistribution = replace(RedistributionOptions(), **data.pop("redistribution", {}))
            return RunConfig(
                env=envs.options(env.pop("id"), **tuples(env)),
                core=cores.options(core.pop("name"), **tuples(core)),
                agent=agents.options(agent.pop("name"), **tuples(agent)),
                network=network,
                loop=loop,
                deviation=deviation,
                balance=balance,
                auxiliary=auxiliary,
                redistribution=redistribution,
                **data,
            )
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, ConfigError):
                raise
            raise ConfigError(f"not the configuration of a run: {error!r}") from error

    def most_steps(self, horizon: int) -> int:
        """The most environment steps of a seed, in episodes of at most `horizon` steps, the random ones counted."""
        loop = self.loop
        episodes = loop.iterations * loop.collect + (0 if self.agent.on_policy else loop.random_episodes)
        return episodes * loop.steps_each(horizon)

    def check_size(self, horizon: int) -> None:
        """Raise `ConfigError` if step counters would overflow."""
        loop, steps, each = self.loop, self.most_steps(horizon), self.loop.steps_each(horizon)
        if self.agent.on_policy:
            updates = loop.iterations * loop.steps_on_latest
        elif loop.updates is None:
            updates = loop.updates_per_step * steps
        else:
            updates = loop.iterations * loop.updates
        if updates > _MAX_STEPS:
            raise ConfigError(f"loop.episodes is {loop.episodes}: with that a run makes over {_MAX_STEPS} updates")
        if steps > _MAX_STEPS:
            raise ConfigError(
                f"loop.episodes is {loop.episodes}: with {each} steps each a run has at most "
                f"{_MAX_STEPS // each} of them"
            )
