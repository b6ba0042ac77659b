/* Map `openers`: LRU_HASH[RELAIS_OPENERS], id of a connection opener (TCP SYN) -> what became of it on this node.
 * Map `openers_since`: ARRAY[1] of __u64, mmap-able: what was noted before that (boot clock, ns) is forgotten.
 * Map `claimed_at`: ARRAY[1] of __u64, mmap-able: when a shadow bucket last became this node's own (boot clock, ns).
 * Map `hold_rate`: ARRAY[RELAIS_MAX_VIPS] of __u64: the token bucket before the hold, one per VIP.
 *
 * An opener is known by its flow and its initial sequence number, so a SYN that is sent again is the same opener, and a
 * later connection from the same port is another one:
 *   flow = siphash-1-3(cluster key, the 32-bit words client address (1 or 4, network order, as bytes), VIP number (32
 *          bits), client port (16), VIP port (16)), little endian numbers but for the address
 *   id   = flow + RELAIS_OPENER_STEP * initial sequence number, modulo 2^64
 * All nodes of a cluster compute the same ids. */
#ifndef RELAIS_ABI_OPENER_H
#define RELAIS_ABI_OPENER_H

#include "netfilter/abi/limits.h"

typedef __u64 relais_opener_id;

enum {
  RELAIS_OPENERS = 32768, /* what is older gives way; at 3,000 new connections/s a node that is ten seconds */
};

/* Odd, so that different numbers give different ids; the golden ratio's bits. */
#define RELAIS_OPENER_STEP 0x9e3779b97f4a7c15ULL

enum relais_opener_fate {
  RELAIS_OPENER_UNKNOWN = 0,
  RELAIS_OPENER_ACCEPTED = 1,  /* given to the stack here */
  RELAIS_OPENER_HELD = 2,      /* waits in the hold */
  RELAIS_OPENER_WENT_ON = 3,   /* was held, and its client has gone on: another node has answered */
  RELAIS_OPENER_KEPT = 4,      /* accepted here; its bucket has been handed over since, and the new owner knows */
  RELAIS_OPENER_ELSEWHERE = 5, /* the previous owner of its bucket has accepted it */
};

struct relais_opener {
  __u64 since; /* boot clock, ns */
  __u64 flow;
  __u32 slot; /* index as in `buckets` */
  __u32 fate;
};
RELAIS_STATIC_ASSERT(sizeof(struct relais_opener) == 24, "value of openers");

/* For so long after a handover the old owner goes on with the openers that it had accepted and the new one leaves them
 * to it: time for a client's retries after 1, 2, 3 (and 7) seconds. */
#define RELAIS_OPENER_KEPT_NS 10000000000ULL

/* For so long after a bucket has been given up may an answer to an opener leave that was accepted just before. */
#define RELAIS_OPENER_ACCEPTED_NS 100000000ULL

/* For so long after a claim clients are still looked at that go on (and as long as there is no lease): the previous
 * owner may have answered them in the last moment of its own, and what was held is let in up to 200 ms later. */
#define RELAIS_CLAIM_SETTLES_NS 300000000ULL

/* The source MAC by which the stack's firewall knows an opener that is to be held; locally administered. Frames that
 * come with it from the wire are dropped. */
#define RELAIS_HOLD_MARKER                                                                                             \
  {                                                                                                                    \
    0x02, 0x72, 0x65, 0x6c, 0x61, 0x69                                                                                 \
  }

#endif
