/* What hash_probe.bpf.c is asked, and where it writes the answer. */
#pragma once

#include "netfilter/abi/limits.h"

struct hash_question {
  __u64 key0;
  __u64 key1;
  __u64 hash;        /* the answer */
  __u32 bytes;       /* 4 or 16 */
  __be32 address[4]; /* network order; IPv4: the first word */
  __u32 padding;     /* zero */
};
RELAIS_STATIC_ASSERT(sizeof(struct hash_question) == 48, "no hidden padding");
