"""The table of all tasks as a page: measured lengths beside claimed ones."""

from collections.abc import Sequence

from jaxmem.analysis.lengths.catalogue import DISCOUNT, Entry, Result
from jaxmem.analysis.lengths.measure import Lengths

_HEAD = f"""# Memory and credit-assignment lengths, measured

Written by `jaxmem measure --all`, discount {DISCOUNT}. `jaxmem measure ID` shows for one task the histories behind each
number.

Definitions are those of Ni et al. 2023 ([arXiv 2307.03864](https://arxiv.org/abs/2307.03864)). A memory length n counts
the latest n observations and the n - 1 actions between them; the time is known. Rewards are no observations.
"""
_DEFINITIONS = (
    ("column", "what it is", "how it is found"),
    ("---", "---", "---"),
    (
        "m_R, m_T",
        "what expected rewards, and what next observations, depend on, after any history of any actions",
        "exact, over all pairs of beliefs",
    ),
    ("l_value", "what the optimal values of all actions depend on, after any history", "exact"),
    (
        "l_mem",
        "what the least demanding of all optimal policies acts on, where it gets; it may use idle actions as notes to "
        "itself",
        "exact where the search over optimal policies ends, else bounds",
    ),
    ("ties drawn", "l_mem of the optimal policy that draws among all best actions, and so writes no notes", "exact"),
    (
        "c",
        "credit assignment: the first n at which a best action's n-step return is above all others', at its longest on "
        "the path of the optimal policy for which that is shortest, among those that are optimal after every history",
        "exact where two bounds meet, as they do without ties",
    ),
)
_THEOREM = """
The theorem of the paper, l_mem <= l_value <= m = max(m_R, m_T), holds in every row; tests check it, and every column,
on hundreds of random tasks against the definitions taken literally over all histories.
"""
_COLUMNS = (
    "task",
    "T",
    "m_R",
    "m_T",
    "l_value",
    "l_mem",
    "ties drawn",
    "c",
    "paper: l_mem, m, c",
    "jaxmem states: l_mem, c",
)


def page(results: Sequence[Result]) -> str:
    """The page, in Markdown."""
    measured = [result for result in results if result.lengths is not None]
    lines = [_HEAD, *map(_row, _DEFINITIONS), _THEOREM, "## Measured\n", _row(_COLUMNS), _row(["---"] * len(_COLUMNS))]
    notes: list[str] = []
    for result in measured:
        mark = ""
        if result.entry.note:
            if result.entry.note not in notes:
                notes.append(result.entry.note)
            mark = f" [{notes.index(result.entry.note) + 1}]"
        lines.append(_row([task(result.entry) + mark, *cells(result)]))
    lines += ["", "Where measured and claimed lengths differ:", ""]
    lines += [f"{number}. {note[0].upper()}{note[1:]}." for number, note in enumerate(notes, start=1)]
    sampled = [task(result.entry) for result in measured if result.lengths and result.lengths.pomdp.sampled]
    if sampled:
        told = "Exact but for probabilities that were estimated from draws, as simple fractions that fit"
        lines += ["", f"{told}: {', '.join(sampled)}."]
    lines += ["", "## Not measured\n", _row(["environment", "why"]), _row(["---"] * 2)]
    lines += [_row([result.entry.id, result.reason]) for result in results if result.lengths is None]
    return "\n".join(lines) + "\n"


def task(entry: Entry) -> str:
    """A task by its name and options."""
    options = ", ".join(f"{name} {value}" for name, value in entry.options.items())
    return f"{entry.id}, {options}" if options else entry.id


def cells(result: Result) -> list[str]:
    """What stands beside a task."""
    lengths, claim, spec = result.lengths, result.entry.claim, result.spec
    assert isinstance(lengths, Lengths)
    found = [
        lengths.reward_memory,
        lengths.transition_memory,
        lengths.value_memory,
        lengths.policy_memory,
        lengths.policy_memory_uniform,
        lengths.credit_assignment,
    ]
    stated = [] if spec is None else [spec.memory_length, spec.credit_length]
    return [
        str(lengths.horizon),
        *map(str, found),
        "" if claim is None else ", ".join(claim),
        ", ".join("-" if length is None else str(length) for length in stated) if any(stated) else "",
    ]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
