"""A trained run, loaded to be looked at."""

from collections.abc import Sequence
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np

from jaxmem.config import ConfigError
from jaxmem.training.checkpoint import restored
from jaxmem.training.collect import Mode
from jaxmem.training.folder import RunFolder
from jaxmem.training.loop import Program
from jaxmem.training.state import Run


def load_run(folder: RunFolder, checkpoint: str = "latest") -> tuple[Program, Run, int]:
    """The program of a run, its state at a checkpoint ("latest", "previous" or a number), and that number.

    Raises:
        CheckpointError: if there is no such checkpoint, or it cannot be used.
    """
    program = Program(folder.read_config())
    run, step = restored(folder.checkpoints, checkpoint, jax.eval_shape(program.init, jax.random.key(0)))
    return program, run, step


def take_seed(program: Program, run: Run, seed: int) -> tuple[Program, Run]:
    """One seed out of a run of several, as a run of one.

    Raises:
        ConfigError: if the run has no such seed.
    """
    check_seed(program, seed)
    one = jax.tree.map(lambda leaf: leaf[seed : seed + 1], run)
    return Program(replace(program.config, seeds=1)), one


def check_seed(program: Program, seed: int) -> None:
    """Raise `ConfigError` if the run has no such seed."""
    if not 0 <= seed < program.config.seeds:
        raise ConfigError(f"seed is {seed}: allowed is an integer from 0 to {program.config.seeds - 1}")


def evaluate_run(
    program: Program,
    run: Run,
    episodes: int,
    key: jax.Array,
    seeds: Sequence[int] | None = None,
    mode: Mode = "greedy",
) -> dict[str, np.ndarray]:
    """Episodes of every seed: float [seeds] of mean return, length and the environment's episode metrics.

    Args:
        program: the run's program.
        run: its state, which is only read.
        episodes: number of episodes for each seed.
        key: randomness of the episodes.
        seeds: which seeds of the trained run these are, so that one taken out plays the same episodes as among all;
            None for all.
        mode: "greedy", or "explore" as at the end of training.
    """
    seeds = range(program.config.seeds) if seeds is None else seeds
    run = replace(run, eval_key=jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.array(seeds)))
    return jax.device_get(jax.jit(program.evaluate, static_argnums=(1, 2))(run, episodes, mode))
