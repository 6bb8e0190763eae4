"""What holds for every test: nothing of the machine leaks in, nothing is timed, a browser may be demanded."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from firstlight.native import loops
from firstlight.native.loops import Compiled

settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The same examples every time, so that a red run says something about the change.
settings.register_profile("ci", settings.get_profile("suite"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "suite")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session", autouse=True)
def _own_surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hide the user's settings and data directory from the tests and from the programs that they start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell starts what runs in its background so, and programs under test would inherit it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("FIRSTLIGHT_", "OTEL_")):
                patch.delenv(name)
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data-home")))
        yield


@pytest.fixture(scope="session")
def chromium_path() -> Path:
    """Return the browser's path; without one the test is skipped, except where ``REQUIRE_BROWSER`` is set."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is not None:
        return Path(found)
    if os.environ.get("REQUIRE_BROWSER"):
        pytest.fail(f"the page must be tested in a browser and there is none of: {', '.join(BROWSERS)}")
    pytest.skip(f"no browser ({', '.join(BROWSERS)}); on Debian: apt install chromium")


@pytest.fixture(scope="session")
def compiled_loops() -> Compiled:
    """Return them; where they are not built the test is skipped, except where ``REQUIRE_COMPILED`` is set."""
    if loops.compiled is not None:
        return loops.compiled
    if os.environ.get("REQUIRE_COMPILED"):
        pytest.fail("the compiled loops must be tested: install a C compiler and Python's headers, then make install")
    pytest.skip("the compiled loops are not built: that needs a C compiler and Python's headers, then make install")


@pytest.fixture(scope="module", params=["compiled", "python"])
def each_loops(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run the tests of a module with the compiled loops and again with their twins in Python."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "python":
            patch.setattr(loops, "compiled", None)
        else:
            request.getfixturevalue("compiled_loops")
        yield request.param
