import pytest

from jaxmem import experiment
from jaxmem.cli.arguments import set_fields
from jaxmem.cli.configure import warn_of_discount


@pytest.mark.parametrize(
    ("name", "preset", "fields", "warned"),
    [
        ("active_tmaze_500", "paper", [], "leaves 0.0064 of the reward"),
        ("active_tmaze_500", "paper", ["--agent.discount", "0.998"], None),
        ("active_tmaze_500", "best", [], None),
        ("active_tmaze_50", "paper", [], None),
        # What tells right from wrong is paid at once.
        ("passive_tmaze_500", "paper", [], None),
        # Nothing is stated of gymnax's tasks.
        ("minatar_breakout", "best", [], None),
    ],
)
def test_warning_where_the_discount_leaves_nothing_of_the_decisive_reward(name, preset, fields, warned, capsys):
    warn_of_discount(set_fields(experiment.find(name).config(preset), fields, "jaxmem run"))
    said = capsys.readouterr().err
    assert (said == "") if warned is None else (warned in said and said.count("\n") == 1)
