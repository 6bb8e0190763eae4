"""The host receiver: what this machine is doing, once a second, for at most one hundredth of one core."""

from firstlight.ingest.host.receiver import HostReceiver

__all__ = ["HostReceiver"]
