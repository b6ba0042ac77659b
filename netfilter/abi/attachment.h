/* Map `attachment`: ARRAY[1]: what the pinned set is, for the next daemon. Not read by the programs. */
#ifndef RELAIS_ABI_ATTACHMENT_H
#define RELAIS_ABI_ATTACHMENT_H

#include "netfilter/abi/limits.h"

struct relais_attachment {
  __u32 layout_version; /* 0: never filled */
  __u32 interface;      /* kernel index of the interface */
  __u32 clsact_is_ours; /* 1: the clsact qdisc was created by us and goes away with us */
  __u32 padding;        /* zero */
};
RELAIS_STATIC_ASSERT(sizeof(struct relais_attachment) == 16, "value of attachment");

#endif
