"""Memory and credit-assignment length of a task, estimated from a run that was trained on it."""

from dataclasses import dataclass

import jax

from jaxmem.analysis.credit_estimate import PairedReturns, paired_returns
from jaxmem.analysis.window_estimate import WindowDistances, WindowReturns, window_distances, window_returns
from jaxmem.config import ConfigError
from jaxmem.training.evaluate import load_run
from jaxmem.training.folder import RunFolder


@dataclass(frozen=True)
class Estimates:
    """What one trained agent says of its task.

    Attributes:
        window_returns: what it loses with the last n steps alone, hence the memory length.
        window_distances: how its behaviour changes with them.
        paired_returns: when its actions get ahead of all others, hence the credit-assignment length.
    """

    window_returns: WindowReturns
    window_distances: WindowDistances
    paired_returns: PairedReturns


def estimate(
    run_folder: RunFolder,
    episodes: int = 256,
    windows: tuple[int, ...] | None = None,
    times: tuple[int, ...] | None = None,
    seed: int = 0,
) -> Estimates:
    """Estimate both lengths from the first seed of a trained run, at its latest checkpoint, from undiscounted returns.

    Args:
        run_folder: the run's folder.
        episodes: number of episodes, at least 2, for each window, time and action.
        windows: see `window_returns`; None for 1, 2, 4, ... below the horizon.
        times: see `paired_returns`; None for a few over the horizon.
        seed: randomness of the episodes.

    Raises:
        CheckpointError: if there is no checkpoint, or it cannot be used.
        ConfigError: if actions are continuous, if there are no such windows or times, or too few episodes.
    """
    program, run, _ = load_run(run_folder)
    if program.task.actions.continuous:
        env_id = program.config.env.id
        raise ConfigError(f"{env_id} has continuous actions: lengths are estimated by comparing discrete ones")
    windows = doubled_windows(program.task.horizon) if windows is None else windows
    key = jax.random.key(seed)
    return Estimates(
        window_returns=window_returns(program, run, windows, episodes, key),
        window_distances=window_distances(program, run, windows, episodes, key),
        paired_returns=paired_returns(program, run, times, episodes, key),
    )


def doubled_windows(horizon: int) -> tuple[int, ...]:
    """1, 2, 4, ... below the horizon; 1 where the horizon is that."""
    return (1, *(2**power for power in range(1, horizon.bit_length()) if 2**power < horizon))
