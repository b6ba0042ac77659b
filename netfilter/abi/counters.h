/* Map `verdicts`: PERCPU_ARRAY[RELAIS_VERDICTS] of __u64: packets per verdict.
 * Map `bucket_packets`: PERCPU_ARRAY[RELAIS_BUCKET_SLOTS] of struct relais_bucket_packets, index as in `buckets`. */
#ifndef RELAIS_ABI_COUNTERS_H
#define RELAIS_ABI_COUNTERS_H

#include "netfilter/abi/bucket_state.h"

/* X(NAME, name): every verdict once, for the enum and for its name in status and metrics. pass_*: on to the stack. */
#define RELAIS_VERDICT_LIST(X)                                                                                         \
  X(PASS_OTHER, pass_other)                 /* not for a VIP: untouched */                                             \
  X(PASS_NEIGHBOUR, pass_neighbour)         /* NDP for a VIP: every node answers it the same way */                    \
  X(PASS_SERVE, pass_serve)                 /* owner */                                                                \
  X(PASS_ADOPT, pass_adopt)                 /* new owner: opener, UDP, ICMP */                                         \
  X(PASS_SOCKET, pass_socket)               /* a local connection has it */                                            \
  X(PASS_TIME_WAIT, pass_time_wait)         /* a closed local connection has it */                                     \
  X(PASS_REQUEST, pass_request)             /* a local request socket has it, sequence number checked */               \
  X(PASS_COOKIE, pass_cookie)               /* a valid SYN cookie of this node */                                      \
  X(PASS_FRAGMENT, pass_fragment)           /* later fragment: useless without its first one */                        \
  X(PASS_HOLD, pass_hold)                   /* opener in a shadow bucket: into the hold */                             \
  X(DROP_FOREIGN, drop_foreign)             /* someone else's */                                                       \
  X(DROP_LEFTOVER, drop_leftover)           /* opener, UDP or ICMP in a leftover bucket */                             \
  X(DROP_SHADOW, drop_shadow)               /* UDP or ICMP in a shadow bucket */                                       \
  X(DROP_HELD, drop_held)                   /* opener that waits in the hold already */                                \
  X(DROP_HOLD_RATE, drop_hold_rate)         /* opener for the hold, but too many come */                               \
  X(DROP_ELSEWHERE, drop_elsewhere)         /* opener that the previous owner has accepted */                          \
  X(DROP_MARKER, drop_marker)               /* came from the wire with the hold's marker */                            \
  X(DROP_UNKNOWN, drop_unknown)             /* no local socket has it; another node may */                             \
  X(DROP_REQUEST, drop_request)             /* answers another node's SYN-ACK: I would reset it */                     \
  X(DROP_LEASE, drop_lease)                 /* would have been answered, but the lease is over */                      \
  X(DROP_MALFORMED, drop_malformed)         /* for a VIP, but truncated or senseless */                                \
  X(EGRESS_REWRITTEN, egress_rewritten)     /* ARP or NDP from a VIP: now carries the cluster MAC */                   \
  X(EGRESS_DROP_LEASE, egress_drop_lease)   /* from a VIP after the end of the lease */                                \
  X(EGRESS_DROP_ANSWER, egress_drop_answer) /* SYN-ACK to an opener that is not this node's to answer */

enum relais_verdict {
  RELAIS_NO_VERDICT = 0,
#define RELAIS_VERDICT_ENUM(upper, lower) RELAIS_##upper,
  RELAIS_VERDICT_LIST(RELAIS_VERDICT_ENUM)
#undef RELAIS_VERDICT_ENUM
  RELAIS_VERDICTS, /* how many, with number 0 */
};

struct relais_bucket_packets {
  __u64 passed;
  __u64 dropped;
};
RELAIS_STATIC_ASSERT(sizeof(struct relais_bucket_packets) == 16, "value of bucket_packets");

#endif
