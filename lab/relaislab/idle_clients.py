"""Clients that only listen while a run goes on. One whose connection ends is not connected again, so from time to time
new ones take the place of all: each such set is a stretch of the run.
"""

import time

from . import api, buckets, topology
from .load import Load

PER_VIP = 25
# The nodes tell each other once a second whom they serve; who is not known of cannot be told that its node has died.
KNOWN_S = 2.5
SOURCES = {vip: addresses[:PER_VIP]
           for vip, addresses in zip((topology.VIP4, topology.VIP6), topology.client_addresses())}


def range_of(addresses):
    """As the probe takes it: "203.0.113.10-34"."""
    return addresses[0] + "-" + addresses[-1].replace(":", ".").rpartition(".")[2]


class IdleClients:
    """From its making to `finish` there are idle clients, each from an address of its own. key: buckets.hash_key's."""

    def __init__(self, state, key):
        self.state = state
        self.clients = [{"source": source, "vip": topology.VIP_NAMES[vip], "bucket": buckets.bucket_of(key, source)}
                        for vip, sources in SOURCES.items() for source in sources]
        self.stretches = []   # {"clients", "probe", "receipts"}: who listened, the probe's report, {node: receipts}
        self.begin()

    def begin(self):
        self.load = Load(self.state, self.state.path("idle.json"), rate=0, idle=len(self.clients),
                         sources=[range_of(sources) for sources in SOURCES.values()])
        self.known_at = time.monotonic() + KNOWN_S

    def end(self):
        self.stretches.append({"clients": self.clients, "probe": self.load.report(),
                               "receipts": api.receipts_of_all(self.state)})

    def renew(self):
        """All connections end; as many new ones begin."""
        self.end()
        self.begin()

    def finish(self):
        """All stretches."""
        self.end()
        return self.stretches

    def abandon(self):
        self.load.abandon()
