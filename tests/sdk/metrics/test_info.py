import pytest

from firstlight.errors import UsageError
from firstlight.sdk.flow.ledger import Rows
from tests.sdk.recorder import Recorder


def test_facts_are_labels_of_a_one(recorder: Recorder) -> None:
    build = recorder.telemetry.scope("").facts("build_info", {"version": 1.5, "branch": "", "commit": "abc"})
    assert recorder.latest("build_info") == {(("commit", "abc"), ("version", "1.5")): 1.0}
    assert recorder.series("build_info").kind == "info"
    build.set({"version": "2"})
    assert recorder.fresh("build_info") == {(("version", "2"),): 1.0}
    build.set({str(at): "too many" for at in range(100)})
    build.set("text")
    assert recorder.fresh("build_info") == {(("version", "2"),): 1.0}
    assert recorder.telemetry.counts().dropped == {"invalid": Rows(samples=2)}


def test_facts_are_silent_before_they_are_said(recorder: Recorder) -> None:
    recorder.telemetry.scope("").facts("build_info")
    assert recorder.latest("build_info") == {}


def test_an_enumeration_is_in_one_state_at_a_time(recorder: Recorder) -> None:
    job = recorder.telemetry.scope("").enumeration("job_state", ("waiting", "running", "done"), labels=("job",))
    one = job.labels("a")
    assert recorder.latest("job_state") == {
        (("job", "a"), ("job_state", "waiting")): 1.0,
        (("job", "a"), ("job_state", "running")): 0.0,
        (("job", "a"), ("job_state", "done")): 0.0,
    }
    one.set("running")
    one.set("gone")
    found = recorder.latest("job_state")
    assert found[("job", "a"), ("job_state", "running")] == 1.0
    assert sum(found.values()) == 1.0
    assert one.value() == "running"
    assert recorder.series("job_state").kind == "stateset"
    assert recorder.telemetry.counts().dropped == {"invalid": Rows(samples=1)}


@pytest.mark.parametrize("states", [(), ("a", "a"), ("",)])
def test_impossible_states_are_refused(recorder: Recorder, states: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="states"):
        recorder.telemetry.scope("").enumeration("job_state", states)
