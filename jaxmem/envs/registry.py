"""Environments by name: `make`, `options` and `spec`, over jaxmem's own ids, those of simulators and gymnax's.

Nothing here imports gymnax before an environment is needed: importing gymnax makes arrays, which
starts JAX's backend, and a program must be able to choose its platform after importing jaxmem.
"""

import dataclasses
import importlib
import inspect
import re
from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

from jaxmem.config import Config, ConfigError, lookup, text
from jaxmem.envs.pomdp import FinitePOMDP

# The environment and its params; gymnax's types would cost its import.
Made: TypeAlias = tuple[Any, Any]


@dataclasses.dataclass(frozen=True)
class EnvSpec:
    """What a task asks of an agent. Lengths are in environment steps; None means not stated.

    Attributes:
        id: name in the registry.
        source: where the task comes from.
        description: one sentence.
        horizon: the most steps that an episode can take.
        memory_length: how many of the latest steps an optimal policy must see, the present one
            included (Ni et al. 2023, arXiv 2307.03864).
        credit_length: how many steps lie between an action and the reward that tells it from a
            worse one, the step of the reward included (same source).
    """

    id: str
    source: str
    description: str
    horizon: int | None
    memory_length: int | None
    credit_length: int | None


@dataclasses.dataclass(frozen=True)
class EnvOptions(Config):
    """Base of an environment's options: a frozen, checked configuration that can make it."""

    path: ClassVar[str] = "env"

    id: str = text()
    """Name of the environment in the registry."""

    def make(self) -> Made:
        """Build the environment: `(env, params)`."""
        raise NotImplementedError

    def spec(self) -> EnvSpec:
        """What the task asks with these options."""
        raise NotImplementedError

    def evaluated(self) -> "EnvOptions":
        """What evaluations play of the task: by default the same; params of the same structure, no longer episodes."""
        return self

    def with_horizon(self, steps: int) -> "EnvOptions":
        """The same task at another length: episodes of at most `steps` steps; params of the same structure.

        Raises:
            ConfigError: the task has one length, or none as short.
        """
        raise ConfigError(f"{self.id} has no other length than its own, {steps} steps cannot be asked for")


Factory: TypeAlias = type[EnvOptions] | Callable[..., Any]

_factories: dict[str, Factory] = {}

# What the prefix of an id leads to: a module with `ids()`, every id that it has, and `options_class(id)`, which raises
# `ConfigError` where there is no such id. Neither needs the library itself.
ADAPTERS: dict[str, str] = {
    "ale/": "jaxmem.envs.atari.ids",
    "brax/": "jaxmem.envs.simulators.brax_ids",
    "playground/": "jaxmem.envs.simulators.playground_ids",
}


def register(id: str, factory: Factory) -> None:
    """Make `id` known to `make`, `options` and `spec`.

    Args:
        id: a new name.
        factory: a subclass of `EnvOptions` whose fields all have defaults; or a class or function
            that returns a gymnax environment, whose options are then derived: see
            `jaxmem.envs.gymnax_ids`.

    Raises:
        ConfigError: `id` is not a new name, or `factory` cannot be called.
    """
    if not isinstance(id, str) or not id:
        raise ConfigError(f"environment id is {id!r}: allowed is a non-empty name")
    if not callable(factory):
        raise ConfigError(f"factory of environment {id!r} is {factory!r}: allowed is a callable")
    # gymnax's ids are not looked up here, since that would import it: ours come first.
    if id in _factories:
        raise ConfigError(f"environment {id!r} is registered already: allowed is a new name")
    _factories[id] = factory


def registered_envs() -> list[str]:
    """Every id: jaxmem's and the user's in order of registration, then those of simulators, then gymnax's own."""
    from jaxmem.envs import gymnax_ids

    simulated = [id for module in ADAPTERS.values() for id in importlib.import_module(module).ids()]
    return list(dict.fromkeys([*_factories, *simulated, *gymnax_ids.ids()]))


def is_known(id: str) -> bool:
    """Whether `options` takes `id`, which may be one that a simulator has without being listed."""
    try:
        _options_class(id)
    except ConfigError:
        return False
    return True


def options(id: str, **options: Any) -> EnvOptions:
    """The options of environment `id` as a frozen configuration.

    Raises:
        ConfigError: unknown id, unknown option or a value that is not allowed.
    """
    options_class = _options_class(id)
    known = [field.name for field in dataclasses.fields(options_class) if field.name != "id"]
    for name in options:
        if name not in known:
            allowed = ", ".join(known) or "none"
            raise ConfigError(f"unknown option {name!r} of environment {id!r}: known are {allowed}")
    return options_class(**options)


def make(id: str, **options: Any) -> Made:
    """Build environment `id`: `(env, params)`, a gymnax environment and its params.

    Raises:
        ConfigError: as `options`, or the environment needs data or a library that is not there.
    """
    return _options(id, options).make()


def spec(id: str, **options: Any) -> EnvSpec:
    """What environment `id` asks of an agent with these options.

    Raises:
        ConfigError: as `make`.
    """
    return _options(id, options).spec()


def horizon(env: Any, params: Any) -> int:
    """The most steps that an episode of `env` can take.

    Raises:
        ConfigError: the environment states no limit.
    """
    if hasattr(env, "horizon"):
        return int(env.horizon(params))
    if hasattr(params, "max_steps_in_episode"):
        return int(params.max_steps_in_episode)
    raise ConfigError(
        f"environment {env.name!r} states no horizon: allowed is one with `horizon(params)` "
        "or `params.max_steps_in_episode`"
    )


def fixed_horizon(env: Any) -> bool:
    """Whether every episode of `env` takes exactly `horizon(env, params)` steps."""
    return bool(getattr(env, "fixed_horizon", False))


def plays_rows(env: Any) -> bool:
    """Whether `env` is one for whole batches, which begins anew by itself where an episode ended, one step later.

    Such an environment has `reset_rows(key, rows, params) -> (obs, state)` and `step_rows(state, action, params) ->
    (obs, state, reward, terminated, truncated, info)`, all with a leading axis of rows, and cannot be mapped.
    """
    return hasattr(env, "reset_rows")


def episode_metrics(env: Any) -> tuple[str, ...]:
    """Names of the entries of `info` that say how an episode went, once its last step was taken: float32 scalars.

    `env.episode_metrics` where the environment has it, else just "success", which may be missing.

    Raises:
        ConfigError: `env.episode_metrics` is not a tuple of names.
    """
    names = getattr(env, "episode_metrics", ("success",))
    if not isinstance(names, tuple) or not all(isinstance(name, str) and re.fullmatch(r"\w+", name) for name in names):
        raise ConfigError(
            f"episode_metrics of {env.name!r} is {names!r}: allowed is a tuple of names, letters and digits"
        )
    return names


def as_pomdp(env: Any, params: Any, *, draws: int = 16_384, max_states: int = 200_000) -> FinitePOMDP:
    """The environment with every state, outcome and probability written out.

    `env.as_pomdp(params)` where the environment has it, else what `jaxmem.envs.explore` finds by trying.

    Args:
        env: the environment.
        params: its params.
        draws: how often each random outcome is drawn that has to be found by trying.
        max_states: give up above that, where they have to be found by trying.

    Raises:
        ConfigError: the task is not finite, or too large.
    """
    if hasattr(env, "as_pomdp"):
        return env.as_pomdp(params)
    from jaxmem.envs.explore import explore

    return explore(env, params, draws=draws, max_states=max_states)


def decisive_action(env: Any) -> int | None:
    """The action with which an optimal policy begins every episode, if there is one that all else depends on.

    `env.decisive_action` where the environment has it, else None. All episodes must begin with the same observation.
    """
    return getattr(env, "decisive_action", None)


def cue(env: Any) -> Callable[[Any], Any] | None:
    """What an episode asks to remember: a function of its state, -1 or 1, the same at all steps; None where none is.

    `env.cue` where the environment has it. Analyses compare memories with it; no agent sees it.
    """
    return getattr(env, "cue", None)


def _options(id: str, given: dict[str, Any]) -> EnvOptions:
    return options(id, **given)


def _options_class(id: str) -> type[EnvOptions]:
    factory = _factories.get(id) if isinstance(id, str) else None
    if inspect.isclass(factory) and issubclass(factory, EnvOptions):
        return factory
    if factory is None and isinstance(id, str):
        for prefix, module in ADAPTERS.items():
            if id.startswith(prefix):
                return importlib.import_module(module).options_class(id)
    from jaxmem.envs import gymnax_ids

    if factory is None:
        lookup(dict.fromkeys(registered_envs()), id, "environment", "`jaxmem list environments` shows them all")
        return gymnax_ids.own_options(id)
    return gymnax_ids.derived_options(id, factory)
