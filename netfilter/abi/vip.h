/* Maps `vips4` and `vips6`: HASH, address of a VIP (network order) -> its number and its cluster MAC. Two maps,
 * because a 4-byte key is looked up in half the time of a 16-byte one and every received packet pays for it. */
#ifndef RELAIS_ABI_VIP_H
#define RELAIS_ABI_VIP_H

#include "netfilter/abi/limits.h"

struct relais_address4 {
  __be32 word; /* network order */
};
RELAIS_STATIC_ASSERT(sizeof(struct relais_address4) == 4, "key of vips4");

struct relais_address6 {
  __be32 words[4]; /* network order */
};
RELAIS_STATIC_ASSERT(sizeof(struct relais_address6) == 16, "key of vips6");

struct relais_vip {
  __u32 number_plus_one; /* 1..RELAIS_MAX_VIPS; 0: no VIP */
  __u8 cluster_mac[6];
  __u8 padding[2]; /* zero */
};
RELAIS_STATIC_ASSERT(sizeof(struct relais_vip) == 12, "value of vips4 and vips6");

#endif
