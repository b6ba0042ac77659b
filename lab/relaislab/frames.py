"""Reads captures: pcap files into frames, frames into TCP segments. Pure but for opening the file."""

import ipaddress
import struct
from dataclasses import dataclass

SYN, ACK = 0x02, 0x10
TCP = 6
PCAP_HEADER, RECORD_HEADER = 24, 16
LITTLE_ENDIAN_MICROSECONDS = b"\xd4\xc3\xb2\xa1"


@dataclass(frozen=True)
class Segment:
    """The header of a TCP segment, and the Ethernet address that it came from."""

    mac: bytes
    source: bytes
    source_port: int
    target: bytes
    target_port: int
    sequence: int
    acknowledged: int
    flags: int


def segment_of(frame):
    """The TCP segment in an Ethernet frame, or None. IPv6 extension headers are not followed: no SYN has any here."""
    if len(frame) < 34:
        return None
    kind = struct.unpack_from("!H", frame, 12)[0]
    if kind == 0x0800 and frame[23] == TCP:
        header, source, target = 14 + (frame[14] & 15) * 4, frame[26:30], frame[30:34]
    elif kind == 0x86DD and frame[20] == TCP:
        header, source, target = 54, frame[22:38], frame[38:54]
    else:
        return None
    if len(frame) < header + 14:
        return None
    source_port, target_port, sequence, acknowledged, _, flags = struct.unpack_from("!HHIIBB", frame, header)
    return Segment(frame[6:12], source, source_port, target, target_port, sequence, acknowledged, flags)


def packets_of(data):
    """(time in µs of the Unix epoch, frame) of a pcap file's bytes. A record that is cut off at the end is left out."""
    if data[:4] != LITTLE_ENDIAN_MICROSECONDS:
        raise ValueError("not a little-endian pcap file with microseconds")
    offset = PCAP_HEADER
    while offset + RECORD_HEADER <= len(data):
        seconds, microseconds, length = struct.unpack_from("<III", data, offset)
        frame = data[offset + RECORD_HEADER:offset + RECORD_HEADER + length]
        if len(frame) < length:
            return
        yield seconds * 1_000_000 + microseconds, frame
        offset += RECORD_HEADER + length


def read_packets(path):
    with open(path, "rb") as file:
        return packets_of(file.read())


def address_text(packed):
    return str(ipaddress.ip_address(packed))
