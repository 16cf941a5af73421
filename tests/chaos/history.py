"""What outside observers wrote in a run's directory, put in order: journal.jsonl (commands and faults),
stream.jsonl (what the server stored and who acknowledged it), mno.jsonl (PDUs), events.jsonl (what
JetStream has of sms.dlr.inbound), final.json. All times are monotonic nanoseconds of one machine."""
import bisect
import collections
import json
import os
import re

S = 1_000_000_000
COPY = re.compile(r"failover:[^:]+:(\d+):")  # the Nats-Msg-Id of a copy for the backup: the stream sequence of the original


class Submit:
    __slots__ = ("t", "session", "system", "token", "part", "parts", "sequence", "status", "id", "answered")

    def __init__(self, row, token):
        self.t, self.session, self.system, self.sequence = row["t"], row["n"], row["s"], row["q"]
        self.token, self.part, self.parts = token, row.get("part", 1), row.get("parts", 1)
        self.status = self.id = self.answered = None


def read_lines(directory, name):
    with open(os.path.join(directory, name), encoding="utf-8") as f:
        for line in f:
            if line.endswith("\n"):
                yield json.loads(line)


class Mno:
    """The MNO's view."""

    def __init__(self, rows):
        self.submits = []
        self.binds, self.ends = collections.defaultdict(list), collections.defaultdict(list)
        self.session_begin, self.session_end = {}, {}
        self.receipts_acked = []  # (time, operatorMessageId)
        self._by_sequence, self._receipt_of, self._token_of_message = {}, {}, {}
        for row in rows:
            if row.get("d") == "event":
                self._event(row)
            else:
                self._pdu(row)
        self.submits.sort(key=lambda s: s.t)

    def _event(self, row):
        if row["c"] == "closed":
            self.session_end[row["n"]] = row["t"]
            self.ends[row["s"]].append(row["n"])

    def _pdu(self, row):
        c, d = row["c"], row["d"]
        key = row["n"], row["q"]
        if c == "submit_sm" and d == "in":
            s = Submit(row, self._token(row))
            self.submits.append(s)
            self._by_sequence[key] = s
        elif c == "submit_sm_resp" and d == "out":
            s = self._by_sequence.get(key)
            if s and s.answered is None:
                s.answered, s.status, s.id = row["t"], row["r"], row.get("id")
        elif c == "deliver_sm" and d == "out":
            self._receipt_of[key] = row.get("id")
        elif c == "deliver_sm_resp" and d == "in" and row["r"] == 0:
            self.receipts_acked.append((row["t"], self._receipt_of.get(key)))
        elif c.startswith("bind_") and c.endswith("_resp") and d == "out" and row["r"] == 0:
            self.binds[row["s"]].append(row["t"])
            self.session_begin.setdefault(row["n"], row["t"])

    def _token(self, row):
        """The first word of the text; later segments carry only the reference of the first."""
        raw = bytes.fromhex(row.get("text", ""))
        text = raw.decode("utf-16-be", "replace") if b"\x00T\x000" in raw[:12] else raw.decode("latin-1")
        match = re.search(r"T\d{7}", text[:16])
        key = (row["s"], row.get("to"), row.get("ref"))
        if match:
            if "ref" in row:
                self._token_of_message[key] = match.group()
            return match.group()
        return self._token_of_message.get(key)


class History:
    def __init__(self, directory):
        self.journal = list(read_lines(directory, "journal.jsonl"))
        self.events, self.health, self.letters, self.samples = (
            list(read_lines(directory, name + ".jsonl")) for name in ("events", "health", "letters", "samples"))
        with open(os.path.join(directory, "final.json"), encoding="utf-8") as f:
            self.final = json.load(f)
        # After its time everything is stopped, which ends sessions too.
        self.mno = Mno(r for r in read_lines(directory, "mno.jsonl") if r["t"] <= self.final["t"])
        self.commands = {r["token"]: r for r in self.journal if r["kind"] == "command"}
        self.pub_acks = {r["token"]: r for r in self.journal if r["kind"] == "stored"}
        self.token_of = {c["messageId"]: token for token, c in self.commands.items()}
        self._read_stream(list(read_lines(directory, "stream.jsonl")))
        self._add_unseen_storings()
        self._add_unseen_copies()

    def _read_stream(self, rows):
        self.storings = collections.defaultdict(list)  # token: when the server stored it
        self.acks = collections.defaultdict(list)  # token: when somebody acknowledged it
        self.copies = collections.defaultdict(list)  # token: when the server stored a copy for the backup
        self.unseen_copies = set()
        self.copy_acks = collections.defaultdict(list)  # token: when somebody acknowledged that
        self.terminated = set()
        self._held_by = collections.defaultdict(list)  # stream sequence: (time, token, is it a copy)
        self.unseen_storings = 0
        told_of = {r["sequence"]: token for token, r in self.pub_acks.items()}  # where the storing itself was not seen
        for row in rows:
            if row["kind"] == "stored":
                self._note_storing(row, told_of)
                continue
            token, is_copy = self._holder(row["sequence"], row["t"], told_of)
            if row["kind"] == "term":
                self.terminated.add(token)
            elif token:
                (self.copy_acks if is_copy else self.acks)[token].append(row["t"])

    def _note_storing(self, row, told_of):
        copy, t = COPY.match(row["messageId"] or ""), row["t"]
        token = self._holder(int(copy[1]), t, told_of)[0] if copy else self.token_of.get(row["messageId"])
        (self.copies if copy else self.storings)[token].append(t)
        self._held_by[row["sequence"]].append((t, token, bool(copy)))

    def _holder(self, sequence, t, told_of):
        """(token, is it a copy). A server that dies before it has written gives the same sequence out again."""
        held = self._held_by[sequence]
        at = bisect.bisect_right(held, t, key=lambda h: h[0])
        return held[at - 1][1:] if at and held[at - 1][1] else (told_of.get(sequence), False)

    def _add_unseen_storings(self):
        """The server may die between storing and telling the observer. A PubAck that is no duplicate says that the
        server stored it then; what was at the MNO before that had been stored before."""
        first_submit = {}
        for s in self.mno.submits:
            first_submit.setdefault(s.token, s.t)
        for token, ack in self.pub_acks.items():
            times = self.storings[token]
            if ack["duplicate"]:
                continue
            if not any(t >= ack["begun"] for t in times):
                times.append(ack["begun"])
                self.unseen_storings += 1
            first = first_submit.get(token)
            if first and first < ack["begun"] and not any(t < ack["begun"] for t in times):
                times.append(first)
                self.unseen_storings += 1
            times.sort()

    def _add_unseen_copies(self):
        """What another operator than its own was given had been copied; who acknowledged that is not known."""
        for s in self.mno.submits:
            command = self.commands.get(s.token)
            if command and s.system != command["system"] and not self.copies[s.token]:
                self.copies[s.token].append(command["t"])
                self.copy_acks[s.token] = []
                self.unseen_copies.add(s.token)

    def faults(self, names):
        """(begin, end) of each fault that has one of these names; those of one name never overlap."""
        spans, begun = [], {}
        for row in self.journal:
            if row["kind"] == "fault" and row["name"] in names:
                if row["phase"] == "begin":
                    begun[row["name"]] = row["t"]
                else:
                    spans.append((begun.pop(row["name"]), row["t"]))
        return sorted(spans)


def within(t, spans, after_s):
    return any(b - S // 5 <= t <= e + after_s * S for b, e in spans)
