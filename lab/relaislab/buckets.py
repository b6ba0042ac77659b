"""Which bucket an address falls into, as base/cluster_key.h, base/siphash.h and netfilter/bpf/siphash.h say. Pure."""

import hmac
import ipaddress
import struct

BUCKETS = 256
MASK = (1 << 64) - 1


def hash_key(key):
    """The two words that base/cluster_key.h derives: HKDF-SHA256 without salt, 16 bytes."""
    extracted = hmac.digest(bytes(32), bytes.fromhex(key), "sha256")
    return struct.unpack("<QQ", hmac.digest(extracted, b"relais bucket hash v1\x01", "sha256")[:16])


def rotated(word, bits):
    return (word << bits | word >> (64 - bits)) & MASK


def sip_round(v0, v1, v2, v3):
    v0 = (v0 + v1) & MASK
    v1 = rotated(v1, 13) ^ v0
    v0 = rotated(v0, 32)
    v2 = (v2 + v3) & MASK
    v3 = rotated(v3, 16) ^ v2
    v0 = (v0 + v3) & MASK
    v3 = rotated(v3, 21) ^ v0
    v2 = (v2 + v1) & MASK
    v1 = rotated(v1, 17) ^ v2
    v2 = rotated(v2, 32)
    return v0, v1, v2, v3


def siphash13(key, data):
    words = [0x736F6D6570736575 ^ key[0], 0x646F72616E646F6D ^ key[1], 0x6C7967656E657261 ^ key[0],
             0x7465646279746573 ^ key[1]]
    padded = data + bytes(7 - len(data) % 8) + bytes([len(data) & 255])
    for (word,) in struct.iter_unpack("<Q", padded):
        words[3] ^= word
        words = list(sip_round(*words))
        words[0] ^= word
    words[2] ^= 0xFF
    for _ in range(3):
        words = sip_round(*words)
    return words[0] ^ words[1] ^ words[2] ^ words[3]


def bucket_of(key, address):
    """The bucket of a client; key: the two words of hash_key."""
    return siphash13(key, ipaddress.ip_address(address).packed) % BUCKETS
