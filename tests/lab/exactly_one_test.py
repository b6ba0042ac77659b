"""The exactly-one checker's pure part: frames in, findings out. And the buckets that it names."""

import os
import pathlib
import re
import struct
import sys
import unittest

sys.dont_write_bytecode = True
TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, os.path.join(TOP, "lab"))

from relaislab import buckets, exactly_one, frames  # noqa: E402
from relaislab.run_record import History  # noqa: E402

CLIENT4, VIP4 = bytes([203, 0, 113, 10]), bytes([198, 51, 100, 100])
CLIENT6, VIP6 = bytes.fromhex("20010db8000200000000000000000100"), bytes.fromhex("20010db8000100000000000000000100")
SYN, SYN_ACK, RST = 0x02, 0x12, 0x04
N1, N2 = bytes.fromhex("02005e000101"), bytes.fromhex("02005e000102")
ISN = 1000
END_US = 60_000_000


def frame(flags, sequence, acknowledged=0, family=4, port=20000, mac=N1):
    """An Ethernet frame: from client to VIP if it is a SYN, else back."""
    client, vip = (CLIENT4, VIP4) if family == 4 else (CLIENT6, VIP6)
    forth = flags == SYN
    source, target = (client, vip) if forth else (vip, client)
    ports = (port, 7000) if forth else (7000, port)
    tcp = struct.pack("!HHIIBBHHH", *ports, sequence, acknowledged, 5 << 4, flags, 65535, 0, 0)
    if family == 4:
        header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, frames.TCP, 0) + source + target
    else:
        header = struct.pack("!IHBB", 6 << 28, len(tcp), frames.TCP, 64) + source + target
    return bytes(6) + mac + struct.pack("!H", 0x0800 if family == 4 else 0x86DD) + header + tcp


def syn(at_ms, **other):
    return at_ms * 1000, frame(SYN, ISN, **other)


def answer(at_ms, sequence, acknowledged=ISN + 1, **other):
    return at_ms * 1000, frame(SYN_ACK, sequence, acknowledged, **other)


def judged(*packets, who=None):
    return exactly_one.judge(packets, END_US, who)


class Judge(unittest.TestCase):
    def counts(self, verdict):
        return verdict.openers, verdict.answered, len(verdict.none), len(verdict.late), len(verdict.two)

    def test_one_answer_in_time_is_no_finding(self):
        for family in (4, 6):
            verdict = judged(syn(10, family=family), answer(11, 5, family=family))
            self.assertEqual(self.counts(verdict), (1, 1, 0, 0, 0))
            self.assertTrue(verdict.ok())

    def test_two_sequence_numbers_are_two_answers_and_both_nodes_are_named(self):
        packets = [syn(10), answer(11, 5, mac=N1), answer(13, 6, mac=N2)]
        who = exactly_one.who_answered(packets, {N1: "n1", N2: "n2"})
        verdict = judged(*packets, who=who)
        self.assertEqual(self.counts(verdict), (1, 1, 0, 0, 1))
        self.assertFalse(verdict.ok())
        self.assertEqual([(item["node"], item["after_ms"]) for item in verdict.two[0]["answers"]],
                         [("n1", 1.0), ("n2", 3.0)])
        self.assertEqual((verdict.two[0]["client"], verdict.two[0]["vip"]), ("203.0.113.10", "198.51.100.100"))

    def test_a_dead_nodes_answer_and_its_heirs_to_the_same_opener_are_two(self):
        verdict = judged(syn(10), answer(11, 5), syn(1010), answer(1011, 6))
        self.assertEqual(self.counts(verdict), (1, 1, 0, 0, 1))
        self.assertEqual(verdict.two[0]["transmissions"], 2)

    def test_an_answer_that_is_sent_again_is_the_same_answer(self):
        verdict = judged(syn(10), answer(11, 5), answer(1011, 5))
        self.assertEqual(self.counts(verdict), (1, 1, 0, 0, 0))

    def test_a_syn_that_is_sent_again_is_the_same_opener_and_its_answer_is_late(self):
        verdict = judged(syn(10), syn(1012), answer(1013, 5))
        self.assertEqual(self.counts(verdict), (1, 1, 0, 1, 0))
        self.assertEqual(verdict.late[0]["transmissions"], 2)
        self.assertEqual(verdict.late[0]["answers"][0]["after_ms"], 1003)
        self.assertEqual(verdict.retransmitted, 1)

    def test_200_ms_are_in_time_and_201_are_late(self):
        self.assertEqual(judged(syn(10), answer(210, 5)).late, [])
        self.assertEqual(len(judged(syn(10), answer(211, 5)).late), 1)

    def test_no_answer_to_any_transmission_is_none(self):
        verdict = judged(syn(10), syn(1010), syn(2010))
        self.assertEqual(self.counts(verdict), (1, 0, 1, 0, 0))
        self.assertEqual(verdict.none[0]["transmissions"], 3)

    def test_a_reset_is_no_answer(self):
        verdict = judged(syn(10), (11_000, frame(RST, 0, ISN + 1)))
        self.assertEqual(self.counts(verdict), (1, 0, 1, 0, 0))

    def test_an_answer_to_another_number_or_port_is_not_this_openers(self):
        for stray in (answer(11, 5, acknowledged=ISN + 2), answer(11, 5, port=20001)):
            verdict = judged(syn(10), stray)
            self.assertEqual(self.counts(verdict), (1, 0, 1, 0, 0))
            self.assertEqual(verdict.unasked, 1)

    def test_a_port_that_is_used_again_is_another_opener(self):
        again = (20_000, frame(SYN, 0xFFFFFFFF))
        verdict = judged(syn(10), answer(11, 5), again, answer(21, 6, acknowledged=0))
        self.assertEqual(self.counts(verdict), (2, 2, 0, 0, 0))

    def test_an_opener_just_before_the_end_is_undecided(self):
        verdict = judged((END_US - 100_000, frame(SYN, ISN)))
        self.assertEqual((verdict.undecided, len(verdict.none)), (1, 0))

    def test_frames_that_are_no_tcp_or_cut_off_are_passed_over(self):
        for data in (b"", bytes(14), frame(SYN, ISN)[:40], bytes(12) + b"\x08\x06" + bytes(40)):
            self.assertEqual(self.counts(judged((0, data))), (0, 0, 0, 0, 0))


class Captures(unittest.TestCase):
    HEADER = b"\xd4\xc3\xb2\xa1" + struct.pack("<HHiIII", 2, 4, 0, 0, 96, 1)

    def test_records_are_read_with_their_times_and_a_cut_off_one_is_left_out(self):
        record = struct.pack("<IIII", 7, 5, 3, 60) + b"abc"
        self.assertEqual(list(frames.packets_of(self.HEADER + record + record[:-1])), [(7_000_005, b"abc")])

    def test_another_format_is_refused(self):
        with self.assertRaises(ValueError):
            list(frames.packets_of(b"\x0a\x0d\x0d\x0a" + bytes(40)))


class Buckets(unittest.TestCase):
    """Against the vectors that the data plane is tested with."""

    VECTORS = (TOP / "tests/unit/netfilter/siphash_vectors.h").read_text(encoding="utf-8")
    KEY = struct.unpack("<QQ", bytes(range(16)))

    def test_siphash_gives_the_published_hashes(self):
        table = self.VECTORS.partition("kSip13Vectors{")[2].partition("}")[0]
        published = [int(word, 16) for word in re.findall(r"0x[0-9a-f]{16}", table)]
        self.assertEqual(len(published), 64)
        self.assertEqual([buckets.siphash13(self.KEY, bytes(range(length))) for length in range(64)], published)

    def test_an_address_falls_into_the_same_bucket_as_in_the_data_plane(self):
        vectors = re.findall(r'\{"([0-9a-f.:]+)", 0x[0-9a-f]+, (\d+)\}', self.VECTORS)
        self.assertEqual(len(vectors), 9)
        for address, bucket in vectors:
            self.assertEqual(buckets.bucket_of(self.KEY, address), int(bucket), address)


def status_of(owner, state, epoch=1):
    return {"epoch": epoch, "vips": [{"name": "mail4", "buckets": [{"owner": owner}] * 256,
                                      "local_states": [state] * 256}]}


class Record(unittest.TestCase):
    def test_only_changes_are_noted(self):
        history = History(1000)
        for at_ms in (1000, 1100, 1200):
            history.see_owners(at_ms, status_of(1, "serve"))
            history.see_states(at_ms, "n1", status_of(1, "serve"))
        history.see_owners(1300, status_of(2, "foreign", epoch=2))
        written = history.to_json(["n1"], ["mail4"])
        self.assertEqual([(item["at_ms"], item["owners"][0]) for item in written["maps"]], [(0, 1), (300, 2)])
        self.assertEqual([item["states"] for item in written["states"]], [[["serve", 256]]])

    def test_a_node_that_lags_behind_does_not_turn_the_owners_back(self):
        history = History(0)
        history.see_owners(100, status_of(2, "serve", epoch=5))
        history.see_owners(200, status_of(1, "serve", epoch=4))
        self.assertEqual([owners[0] for _, _, owners in history.maps], [2])

    def test_states_around_a_time_are_the_last_before_it_and_all_in_it(self):
        history = History(0)
        for at_ms, state in ((0, "serve"), (100, "leftover"), (500, "foreign"), (900, "serve")):
            history.see_states(at_ms, "n1", status_of(1, state))
        history.see_nothing(450, "n2", ["mail4"], "off")
        self.assertEqual(history.states_around("mail4", 7, 300, 600), {"n1": "leftover > foreign", "n2": "off"})

    def test_a_finding_is_explained_by_bucket_and_states(self):
        history = History(0)
        history.see_states(0, "n1", status_of(1, "serve"))
        verdict = judged(syn(10))
        exactly_one.explain(verdict, (0, 0), history)
        item = verdict.none[0]
        self.assertEqual(item["bucket"], buckets.bucket_of((0, 0), "203.0.113.10"))
        self.assertEqual((item["vip_name"], item["states"]), ("mail4", {"n1": "serve"}))
        self.assertIn(f"bucket {item['bucket']}", "\n".join(exactly_one.summary(verdict)))


if __name__ == "__main__":
    unittest.main()
