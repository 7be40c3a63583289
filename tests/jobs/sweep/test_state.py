"""What a state means."""

from jobs.sweep.state import State


def test_every_state_says_who_moves_it_on():
    # Another launch, a job or process that is at it, or nobody: never two of them.
    for state in State:
        assert not (state.active and (state.terminal or state.resumable)), state
    assert [s for s in State if not (s.active or s.resumable)] == [State.DONE, State.UNKNOWN]
