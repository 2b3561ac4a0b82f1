"""Pictures of episodes: frames, a GIF, a PNG."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from PIL import Image

from jaxmem.config import ConfigError
from jaxmem.envs.policies import ScriptedPolicy, scripted_policy, without_memory

_STRIP_FRAMES = 8
_STRIP_GAP = 4

Policy = Callable[[jax.Array, Any], Any]


def episode_frames(
    env: Any, params: Any, key: jax.Array, policy: Policy | ScriptedPolicy | None = None
) -> list[np.ndarray]:
    """Play one episode on the host and draw it.

    Args:
        env: an environment with `render(state, params) -> uint8 [H, W, 3]`.
        params: its params.
        key: decides the reset and the actions.
        policy: `(key, obs) -> action`, or a scripted one; None for uniformly random actions.

    Returns:
        One uint8 [H, W, 3] for the reset and one for each step.

    Raises:
        ConfigError: the environment has no `render`, or there is no policy and actions cannot be drawn.
    """
    if not hasattr(env, "render"):
        raise ConfigError(f"environment {env.name!r} has no picture: allowed is one with render()")
    init, act = scripted_policy(env, params, "random") if policy is None else _scripted(policy)
    # `env.step` would put the next episode's first state in place of the last one.
    step = jax.jit(env.step_env)
    key, reset_key, init_key = jax.random.split(key, 3)
    obs, state = env.reset(reset_key, params)
    carry = init(init_key, obs, state)
    frames = [env.render(state, params)]
    done = False
    while not done:
        key, act_key, step_key = jax.random.split(key, 3)
        carry, action = act(act_key, carry, obs, state)
        obs, state, _, terminated, _ = step(step_key, state, action, params)
        frames.append(env.render(state, params))
        done = bool(terminated) or bool(env.is_truncated(state, params))
    return frames


def _scripted(policy: Policy | ScriptedPolicy) -> ScriptedPolicy:
    if isinstance(policy, ScriptedPolicy):
        return policy
    return without_memory(lambda key, obs, state: policy(key, obs))


def save_episode(frames: Sequence[np.ndarray], path: str | Path, fps: float = 5) -> Path:
    """Write an episode as an animation (`.gif`) or as a strip of up to 8 frames (`.png`).

    Raises:
        ConfigError: another suffix, no frames, or an `fps` that is not positive.
    """
    if _suffix(path, (".gif", ".png")) == ".gif":
        return save_animation(frames, path, fps)
    return save_picture(film_strip(frames), path)


def save_animation(frames: Sequence[np.ndarray], path: str | Path, fps: float = 5) -> Path:
    """Write `frames`, each uint8 [H, W, 3], as an endless GIF of `fps` frames a second.

    Raises:
        ConfigError: the path does not end in `.gif`, no frames, or an `fps` that is not positive.
    """
    _suffix(path, (".gif",))
    _require_frames(frames)
    if not fps > 0:
        raise ConfigError(f"fps is {fps!r}: allowed is a number > 0")
    first, *rest = [Image.fromarray(frame) for frame in frames]
    first.save(_ready(path), save_all=True, append_images=rest, duration=1000 / fps, loop=0)
    return Path(path)


def save_picture(picture: np.ndarray, path: str | Path) -> Path:
    """Write one uint8 [H, W, 3] picture as PNG.

    Raises:
        ConfigError: the path does not end in `.png`.
    """
    _suffix(path, (".png",))
    Image.fromarray(picture).save(_ready(path))
    return Path(path)


def film_strip(frames: Sequence[np.ndarray]) -> np.ndarray:
    """Up to 8 evenly spaced frames, first and last among them, below each other on white.

    Raises:
        ConfigError: no frames.
    """
    _require_frames(frames)
    count = min(len(frames), _STRIP_FRAMES)
    chosen = [frames[round(i)] for i in np.linspace(0, len(frames) - 1, count)]
    gap = np.full((_STRIP_GAP, *frames[0].shape[1:]), 255, np.uint8)
    parts = [part for frame in chosen for part in (frame, gap)]
    return np.concatenate(parts[:-1])


def _suffix(path: str | Path, allowed: tuple[str, ...]) -> str:
    suffix = Path(path).suffix.lower()
    if suffix not in allowed:
        names = " or ".join(allowed)
        raise ConfigError(f"picture path is {str(path)!r}: allowed is a name ending in {names}")
    return suffix


def _require_frames(frames: Sequence[np.ndarray]) -> None:
    if not len(frames):
        raise ConfigError("frames is empty: allowed is at least one picture")


def _ready(path: str | Path) -> Path:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    return Path(path)
