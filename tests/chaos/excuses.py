"""What a fault excuses: the end of a session, an answer that was not read, a correlation that was forgotten."""
from faults import DEAF_FAULTS, SESSION_FAULTS
from history import S

LATE_NS = S // 10  # two observers' stamps of one instant
GRACE_NS = 5 * S   # from a fault to the end of the sessions that it ends
# What the MNO wrote that shortly before a session's end may not have been read, though nobody was stopped.
UNREAD_NS = S // 4


class Excuses:
    def __init__(self, h):
        self._mno = h.mno
        self._session_faults, self._deaf = h.faults(SESSION_FAULTS), h.faults(DEAF_FAULTS)
        # (what was written until then, is forgotten from then on)
        self._forgotten = ([(begin, begin) for begin, _ in h.faults({"redis_killed"})]
                           + [(end, begin) for begin, end in h.faults({"redis_failed_over"})])

    def _last_end(self, end):
        """Until when a fault's sessions may end: who is stopped notices later."""
        for begin, resumed in self._deaf:
            if begin <= end + GRACE_NS:
                end = max(end, resumed)
        return end + GRACE_NS

    def ended_by_fault(self, session):
        """It was there when a fault that ends sessions struck."""
        begun, ended = self._mno.session_begin.get(session), self._mno.session_end.get(session)
        if begun is None or ended is None:
            return False
        return any(begun <= end + LATE_NS and begin - LATE_NS <= ended <= self._last_end(end)
                   for begin, end in self._session_faults)

    def unread_since(self, session):
        """What was answered from then on may not have been read when the session ended."""
        since = self._mno.session_end[session] - UNREAD_NS
        for begin, end in reversed(self._deaf):
            if begin < since <= end + UNREAD_NS:
                since = begin - LATE_NS
        return since

    def may_be_unread(self, submit):
        return (self.ended_by_fault(submit.session)
                and (submit.answered is None or submit.answered >= self.unread_since(submit.session)))

    def told_while_unread(self, submit, told):
        """Its receipt was read just before the agent was stopped, the answer was not: the hold ran out meanwhile."""
        return any(begin - LATE_NS <= submit.answered and told <= end + LATE_NS for begin, end in self._deaf)

    def may_be_forgotten(self, answered, told):
        """By Redis, between the answer and the moment when its receipt was told."""
        return any(answered <= until + LATE_NS and told >= since for until, since in self._forgotten)
