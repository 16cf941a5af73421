"""Nobody sends more than the limit: a capture on loopback with the kernel's time stamps, where there may be one;
in any case the agents' own count of their writes."""
import os

from . import capture
from .process import wait_for


class Witness:
    """From now on. `bridges()` gives those whose agents are asked."""

    def __init__(self, stack, bridges, limit):
        self.stack, self.bridges, self.limit = stack, bridges, limit
        self.before = stack.mno.stats()["submits"]
        self.capture = None
        if capture.available():
            self.capture = capture.Capture(os.path.join(stack.directory, "mno.pcap"), [stack.mno.port])
            self.capture.__enter__()

    def check(self):
        """At most the limit in any second; the times, empty without a capture."""
        peaks = [b.metric("smpp_connector_tps_peak") for b in self.bridges() if b and b.alive()]
        assert max(peaks) <= self.limit
        if self.capture is None:
            return []
        seen = self.stack.mno.stats()["submits"] - self.before
        wait_for(lambda: len(self.capture.times_so_far()) >= seen, 20, "all that the MNO got is in the capture", 0.2)
        times = self.capture.submit_times()
        assert seen > self.limit and capture.most_in_window(times) <= self.limit
        return times
