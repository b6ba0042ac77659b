/* Settings that are fixed when the programs are loaded (read-only data, so the compiler and the verifier see
 * constants). */
#ifndef RELAIS_ABI_NODE_H
#define RELAIS_ABI_NODE_H

#include "netfilter/abi/limits.h"

struct relais_node {
  __u64 key0; /* siphash key of the cluster, words as in the SipHash specification */
  __u64 key1;
  /* The hold. An opener that comes again within `hold_ns` is the one that waits already. Of each VIP one may enter
   * every `hold_interval_ns`, and as many at once as that makes in `hold_burst_ns`. */
  __u64 hold_ns;
  __u64 hold_interval_ns;
  __u64 hold_burst_ns;
  __u8 own_mac[6]; /* of the interface that the programs are attached to */
  __u8 padding[2]; /* zero */
};
RELAIS_STATIC_ASSERT(sizeof(struct relais_node) == 48, "no hidden padding");

#endif
