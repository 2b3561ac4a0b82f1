"""`jaxmem collect`: a dataset of trajectories, collected, imported or looked at.

Importing what plays takes seconds: it is imported where it is needed.
"""

import argparse
import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from jaxmem import datasets, envs
from jaxmem.cli.arguments import Parser, add_file_option, count, load_file, natural, set_fields, split_name
from jaxmem.config import ConfigError, flat

if TYPE_CHECKING:
    from jaxmem.datasets.players import RunPolicy

_PREFIX = "--env."


def main(arguments: list[str]) -> int:
    """Run the command; see `jaxmem collect --help`."""
    parser = _parser()
    env_id, rest, asks_help = split_name(parser, arguments)
    if asks_help and env_id is None:
        return 0
    options, fields = parser.parse_known_args(rest)
    fields = [f"--{word.removeprefix(_PREFIX)}" if word.startswith(_PREFIX) else word for word in fields]
    fields += ["--help"] * asks_help
    looked_at = options.info or options.verify
    if looked_at is not None:
        if env_id is not None or fields or options.imported or (options.info and options.verify):
            raise ConfigError("--info and --verify take a folder, and nothing beside it")
        return _look(looked_at, options.verify is not None)
    load_file(options.file)
    if options.imported is not None:
        return _import(env_id, options, fields)
    return _collect(env_id, options, fields)


def _parser() -> Parser:
    parser = Parser("collect", "Play episodes with a scripted policy or a trained run, and write them as a dataset.")
    parser.usage = (
        "jaxmem collect ID --episodes N [--policy NAME|RUN] [options] [options of the environment] | "
        "jaxmem collect --policy RUN --episodes N | jaxmem collect --import FILE --out FOLDER [ID] | "
        "jaxmem collect --info FOLDER | jaxmem collect --verify FOLDER"
    )
    parser.epilog = (
        "`jaxmem collect ID --help` lists the environment's options, such as --length 20 or --env.length 20. The same "
        "command goes on with what was stopped; more episodes are added to what is there."
    )
    parser.add_argument("--episodes", type=count, metavar="N", help="trajectories that the dataset has in the end")
    parser.add_argument(
        "--policy",
        default="random",
        metavar="NAME|RUN",
        help="random (default), oracle or another one that the environment has, or the folder of a trained run",
    )
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="the dataset (default: one in runs/datasets)")
    parser.add_argument("--seed", type=natural, default=0, help="randomness of the episodes (default: 0)")
    parser.add_argument("--noise", type=float, default=0.0, help="the share of actions drawn uniformly instead (0)")
    parser.add_argument("--keep", choices=("success",), help="keep only episodes that succeeded")
    parser.add_argument("--rows", type=count, help="episodes played side by side (default: by their size)")
    parser.add_argument("--shard-size", type=count, help="trajectories of a file (default: about 64 MiB, up to 4096)")
    parser.add_argument("--explore", action="store_true", help="a run draws actions as at the end of its training")
    parser.add_argument("--checkpoint", default="latest", help="of a run: latest (default), previous or a number")
    parser.add_argument("--only", type=natural, default=0, metavar="SEED", help="of a run: which of its seeds (0)")
    parser.add_argument(
        "--import", type=Path, dest="imported", metavar="FILE", help="flat arrays as D4RL has them, .npz or .hdf5"
    )
    parser.add_argument("--info", type=Path, metavar="FOLDER", help="show what a dataset is")
    parser.add_argument("--verify", type=Path, metavar="FOLDER", help="read every byte of a dataset")
    add_file_option(parser)
    return parser


def _look(folder: Path, verify: bool) -> int:
    dataset = datasets.open(folder, verify=False)
    if not verify:
        _print_info(dataset)
        return 0
    dataset.verify()
    print(f"{folder}: every byte of {len(dataset)} trajectories is as it was written")
    return 0


def _import(env_id: str | None, options: argparse.Namespace, fields: list[str]) -> int:
    from jaxmem.datasets.flat_arrays import read_arrays

    if options.out is None:
        raise ConfigError("--import needs --out FOLDER")
    if options.noise:
        raise ConfigError("--noise is of episodes that are played: --import plays none")
    if options.episodes is not None:
        raise ConfigError("--import takes all episodes of a file: --episodes cannot be given beside it")
    if env_id is None and fields:
        raise ConfigError(f"unknown argument {fields[0]!r}: options of an environment need its id first")
    env = None if env_id is None else set_fields(envs.options(env_id), fields, f"jaxmem collect {env_id}")
    size = {} if options.shard_size is None else {"shard_size": options.shard_size}
    dataset = datasets.from_arrays(read_arrays(options.imported), options.out, env, **size)
    _print_info(dataset)
    return 0


def _collect(env_id: str | None, options: argparse.Namespace, fields: list[str]) -> int:
    from jaxmem.datasets.showing import collect_showing

    policy = _policy(options)
    env = _environment(env_id, policy, fields)
    if options.episodes is None:
        raise ConfigError("no number of episodes given: allowed is --episodes N")
    folder = options.out or _default_folder(env, options)
    chosen = {"noise": options.noise, "rows": options.rows, "shard_size": options.shard_size, "keep": options.keep}
    try:
        dataset, before = collect_showing(env, policy, options.episodes, folder, options.seed, **chosen)
    except KeyboardInterrupt:
        there = datasets.Meta.read(folder).trajectories if (folder / "dataset.json").exists() else 0
        print(f"stopped: {there} trajectories are in {folder}; the same command goes on")
        return 130
    if before >= options.episodes:
        print(f"{folder} has {before} trajectories already: --episodes is {options.episodes}")
    _print_info(dataset)
    return 0


def _policy(options: argparse.Namespace) -> "str | RunPolicy":
    # Names of scripted policies have no slash.
    if "/" in options.policy or Path(options.policy).is_dir():
        from jaxmem.datasets.players import RunPolicy

        return RunPolicy(Path(options.policy), options.checkpoint, options.only, options.explore)
    if options.explore:
        raise ConfigError(f"--explore is of trained runs: --policy is {options.policy!r}")
    return options.policy


def _environment(env_id: str | None, policy: "str | RunPolicy", fields: list[str]) -> envs.EnvOptions:
    """What is played: the environment of that name, or the one that the run was trained on, its options included."""
    trained = None if isinstance(policy, str) else policy.env()
    if env_id is None and trained is None:
        raise ConfigError("no environment given: `jaxmem list environments` shows them all")
    if env_id is None and fields:
        raise ConfigError(f"unknown argument {fields[0]!r}: options of an environment need its id first")
    if trained is not None and env_id in (None, trained.id):
        return set_fields(trained, fields, f"jaxmem collect {trained.id}") if fields else trained
    assert env_id is not None
    return set_fields(envs.options(env_id), fields, f"jaxmem collect {env_id}")


def _default_folder(env: envs.EnvOptions, options: argparse.Namespace) -> Path:
    """A folder that the same command finds again, whatever number of episodes it asks for."""
    asked = [asdict(env), options.policy, options.seed, options.keep, options.rows, options.shard_size]
    asked += [options.explore, options.checkpoint, options.only]
    # Without noise a folder is what it was before there was any.
    asked += [options.noise] if options.noise else []
    digest = hashlib.blake2b(json.dumps(asked).encode(), digest_size=4).hexdigest()
    name = f"{env.id}-{Path(options.policy).name}-{digest}".replace("/", "_")
    return Path("runs") / "datasets" / name


def _print_info(dataset: datasets.Dataset) -> None:
    meta, source = dataset.meta, dataset.meta.source
    table = Table(title=Text(str(dataset.path)), title_justify="left", show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    rows = {"trajectories": f"{meta.trajectories}", "steps": f"{meta.steps}"}
    rows |= flat({"env": source.env or "not said", "policy": source.policy or "not said"})
    rows |= {"seed": source.seed, "episodes side by side": source.rows, "kept": source.keep or "all"}
    for name, one in meta.metrics.items():
        rows[name] = f"{one['mean']:.4g} ({one['min']:.4g} to {one['max']:.4g})"
    rows |= {f"array {name}": str(one) for name, one in meta.fields.items()}
    size = sum(shard.bytes for shard in meta.shards)
    raw = sum(shard.raw_bytes for shard in meta.shards)
    rows["files"] = f"{len(meta.shards)}, {size / 2**20:.1f} MiB ({raw / 2**20:.1f} MiB of arrays)"
    rows["written by"] = f"jaxmem {meta.jaxmem}"
    for name, value in rows.items():
        table.add_row(Text(name), Text("none" if value is None else str(value)))
    Console(soft_wrap=True).print(table)
