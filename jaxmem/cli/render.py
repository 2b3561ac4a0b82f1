"""`jaxmem render`: a picture of an episode."""

from pathlib import Path

import jax

from jaxmem import envs
from jaxmem.cli.arguments import Parser, count, natural, set_fields, split_name
from jaxmem.config import ConfigError
from jaxmem.envs.pictures import episode_frames, save_episode


def main(arguments: list[str]) -> int:
    """Run the command; see `jaxmem render --help`."""
    parser = Parser("render", "Draw an episode as GIF, or as a PNG of up to 8 frames.")
    parser.usage = "jaxmem render ID [--policy NAME] [--out FILE] [--seed N] [--fps N] [options of the environment]"
    parser.epilog = "`jaxmem render ID --help` lists the environment's options, such as --length 20."
    parser.add_argument("--policy", default="random", help="who acts: random (default), or oracle where there is one")
    parser.add_argument("--out", type=Path, help="a .gif or .png file (default: ID.gif)")
    parser.add_argument("--seed", type=natural, default=0, help="randomness of the episode (default: 0)")
    parser.add_argument("--fps", type=count, default=8, help="frames a second of a GIF (default: 8)")
    env_id, rest, asks_help = split_name(parser, arguments)
    if asks_help and env_id is None:
        return 0
    if env_id is None:
        raise ConfigError("no environment given: `jaxmem list environments` shows them all")
    options, fields = parser.parse_known_args(rest)
    fields += ["--help"] * asks_help
    env, params = set_fields(envs.options(env_id), fields, f"jaxmem render {env_id}").make()
    policy = envs.scripted_policy(env, params, options.policy)
    path = options.out or Path(f"{env_id.replace('/', '_')}.gif")
    print(save_episode(episode_frames(env, params, jax.random.key(options.seed), policy), path, options.fps))
    return 0
