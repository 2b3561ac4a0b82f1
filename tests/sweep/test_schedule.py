"""When a sweep is expected to end."""

from jaxmem.sweep.schedule import Schedule


def test_the_rest_takes_what_cells_took_so_far_by_their_steps():
    schedule = Schedule([100, 300, 600])
    # Nothing is known but the present cell: 10 s for 100 steps, half of it done.
    assert schedule.expected(0, 10.0, 5.0) == 5 + 90
    schedule.finish(0, 10.0)
    # 10 s for 100 steps and 70 s for 300: 0.2 s a step for the 600 that are left.
    assert schedule.expected(1, 70.0, 70.0) == 70 + 120
    # A failed cell is over, but says nothing about the time: 0.1 s a step by the first, and now 110 s for 600.
    schedule.finish(1, None)
    assert schedule.expected(2, 110.0, 11.0) == 11
