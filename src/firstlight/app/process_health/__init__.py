"""How well this process is, by what it recorded itself: without a lake and without a hub."""

from firstlight.app.process_health.judge import Condition, ProcessHealth, ProcessReport
from firstlight.app.process_health.watch import Watch
from firstlight.app.process_health.watched import configure_watched

__all__ = ["Condition", "ProcessHealth", "ProcessReport", "Watch", "configure_watched"]
