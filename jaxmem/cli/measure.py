"""`jaxmem measure`: memory and credit-assignment lengths of a task, and why they are what they are.

Importing what trains agents takes longer than measuring most tasks: it is imported where it is needed.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jaxmem import envs
from jaxmem.analysis.lengths import catalogue, gaps, measure
from jaxmem.analysis.lengths.drawing import draw_lengths
from jaxmem.analysis.lengths.measure import Lengths
from jaxmem.analysis.lengths.replay import replay
from jaxmem.analysis.lengths.report import page, task
from jaxmem.analysis.lengths.witness import CreditWitness, PairWitness
from jaxmem.analysis.lengths.words import NAMES, explain
from jaxmem.cli.arguments import Parser, check_out, count, natural, set_fields, split_name
from jaxmem.config import ConfigError

# What depends on values, and so on the discount.
_BLURRED = ("value_memory", "policy_memory", "policy_memory_uniform", "credit_assignment")
_GAP_DISCOUNTS = [0.9, 0.99, 0.999, 1.0]


def main(arguments: list[str]) -> int:
    """Run the command; see `jaxmem measure --help`."""
    parser = _parser()
    env_id, rest, asks_help = split_name(parser, arguments)
    if asks_help and env_id is None:
        return 0
    options, fields = parser.parse_known_args(rest)
    chosen = [name for name in ("all", "run") if getattr(options, name)] + ([env_id] if env_id else [])
    if len(chosen) != 1:
        raise ConfigError("give one environment, or --all, or --run FOLDER: `jaxmem list environments` shows them all")
    if env_id is None and fields:
        raise ConfigError(f"unknown argument {fields[0]!r}: options of an environment need its id first")
    check_out(options.out)
    if options.file is not None:
        from jaxmem.experiment import run_file

        run_file(options.file)
    console = Console(width=None if Console().is_terminal else 160, highlight=False, soft_wrap=True)
    if options.all:
        return _measure_all(console, options.out)
    if options.run:
        _check_picture(options.out)
        from jaxmem.cli.estimate import print_estimates

        return print_estimates(console, options)
    assert env_id is not None
    return _measure_one(console, env_id, options, fields + ["--help"] * asks_help)


def _parser() -> Parser:
    parser = Parser("measure", "Memory lengths and credit-assignment length of a task (Ni et al. 2023), measured.")
    parser.usage = (
        "jaxmem measure ID [--discount G] [--out FILE.png] [options of the environment] | "
        "jaxmem measure --all [--out FILE.md] | jaxmem measure --run FOLDER [--out FILE.png]"
    )
    parser.epilog = "`jaxmem measure ID --help` lists the environment's options, such as --length 20."
    parser.add_argument("--discount", type=_discount, default=0.99, help="gamma, above 0 and at most 1 (default: 0.99)")
    parser.add_argument(
        "--out", type=Path, help="where the picture goes (default: lengths-ID.png), or the page of --all"
    )
    parser.add_argument("--max-beliefs", type=count, default=500_000, help="give up above that many (default: 500000)")
    parser.add_argument("--draws", type=count, default=16_384, help="of each random outcome that is not known (16384)")
    parser.add_argument("--file", type=Path, metavar="FILE.py", help="a Python file that registers the environment")
    parser.add_argument("--all", action="store_true", help="every environment of the registry, beside what is claimed")
    parser.add_argument("--run", type=Path, metavar="FOLDER", help="estimate the lengths from the agent of this run")
    parser.add_argument("--episodes", type=count, default=256, help="with --run: for each window (default: 256)")
    parser.add_argument("--windows", type=count, nargs="+", help="with --run: steps remembered (default: 1 2 4 8 ...)")
    parser.add_argument("--times", type=natural, nargs="+", help="with --run: steps at which actions are compared")
    parser.add_argument("--seed", type=natural, default=0, help="with --run: randomness of episodes (default: 0)")
    return parser


def _discount(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0, and at most 1")
    return value


def _check_picture(path: Path | None) -> None:
    if path is not None and path.suffix not in (".png", ".pdf", ".svg"):
        raise ConfigError(f"--out is {str(path)!r}: allowed are files that end in .png, .pdf or .svg")


def _measure_one(console: Console, env_id: str, options: argparse.Namespace, fields: list[str]) -> int:
    path = options.out or Path(f"lengths-{env_id.replace('/', '_')}.png")
    _check_picture(path)
    chosen = set_fields(envs.options(env_id), fields, f"jaxmem measure {env_id}")
    env, params = chosen.make()
    pomdp = envs.as_pomdp(env, params, draws=options.draws)
    lengths = measure(pomdp, options.discount, max_beliefs=options.max_beliefs)
    _print_table(console, env_id, lengths, chosen.spec())
    for name, title in NAMES.items():
        console.print(f"\n{title} = {getattr(lengths, name)}", markup=False)
        for line in explain(lengths, name):
            console.print(f"  {line}", markup=False)
    _print_gaps(console, lengths)
    _print_replay(console, env, params, lengths)
    draw_lengths(lengths, path, f"{env_id}, T = {lengths.horizon}, discount {lengths.discount:g}")
    console.print(f"picture: {path}", markup=False)
    return 0


def _print_table(console: Console, env_id: str, lengths: Lengths, spec: envs.EnvSpec) -> None:
    title = (
        f"{env_id}: T = {lengths.horizon}, discount {lengths.discount:g}, best return {lengths.value:.4g}; "
        f"{lengths.pomdp.num_states} states, {lengths.beliefs} beliefs"
    )
    # As text, since an id may look like markup.
    table = Table(title=Text(title), title_justify="left")
    for column in ("length", "measured", "", "stated"):
        table.add_column(column)
    certain = "exact but for estimated chances" if lengths.pomdp.sampled else "exact"
    stated = {"policy_memory": spec.memory_length, "credit_assignment": spec.credit_length}
    for name, text in NAMES.items():
        length, claim = getattr(lengths, name), stated.get(name)
        how = "bounds" if not length.exact else "blurred" if lengths.blurred and name in _BLURRED else certain
        table.add_row(text, str(length), how, "" if claim is None else str(claim))
    table.add_row("m = max(m_R, m_T)", str(lengths.memory), "exact" if lengths.memory.exact else "bounds", "")
    console.print(table)
    if lengths.blurred:
        console.print(
            f"note: discount {lengths.discount:g} leaves so little of the last steps that what hangs on them can pass "
            "for rounding: with one closer to 1 lengths can be longer"
        )
    if lengths.pomdp.sampled:
        console.print(
            f"random outcomes were found by {lengths.pomdp.sampled} draws each: those much rarer than "
            f"{3 / lengths.pomdp.sampled:.1g} can be missing, and probabilities are simple fractions that fit"
        )


def _print_gaps(console: Console, lengths: Lengths) -> None:
    credit = lengths.credit_assignment.witness
    if not isinstance(credit, CreditWitness) or not credit.gap:
        return
    found = gaps(lengths, _GAP_DISCOUNTS)
    told = ", ".join(f"{gap:.3g} at {discount:g}" for gap, discount in zip(found, _GAP_DISCOUNTS, strict=True))
    console.print(f"\nwhat hangs on that action, by discount: {told}", markup=False)


def _print_replay(console: Console, env: Any, params: Any, lengths: Lengths) -> None:
    """Whether the witnesses happen in the environment itself."""
    histories = []
    for name in NAMES:
        witness = getattr(lengths, name).witness
        if isinstance(witness, PairWitness):
            histories += [witness.first, witness.second]
        elif isinstance(witness, CreditWitness):
            histories.append(witness.history)
    if not all(isinstance(seen, np.ndarray | np.generic) for history in histories for seen in history.observations):
        return
    found = replay(env, params, histories, [-1] * len(histories))
    met = sum(one.met > 0 for one in found)
    how = "every layout" if hasattr(env, "layouts") else f"{found[0].episodes} random episodes"
    console.print(f"replayed in the environment ({how}): {met} of {len(found)} of these histories were met")


def _measure_all(console: Console, path: Path | None) -> int:
    from jaxmem.cli.stages import Stages
    from jaxmem.training.folder import write_atomically

    entries, results = catalogue.entries(), []
    with Stages(len(entries)) as progress:
        for entry in entries:
            progress.begin(task(entry), 1)
            results.append(catalogue.measure_entry(entry))
    text = page(results)
    if path is None:
        console.print(text, markup=False)
    else:
        write_atomically(path, text)
        console.print(f"written to {path}", markup=False)
    return 0
