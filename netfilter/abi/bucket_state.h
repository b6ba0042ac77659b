/* Map `buckets`: ARRAY[RELAIS_MAX_VIPS * RELAIS_BUCKETS] of __u32, mmap-able; index = VIP number * RELAIS_BUCKETS +
 * bucket. A value says what a node does with packets of one bucket of a VIP's clients: docs/architecture.md has the
 * table. base/bucket_state.h has the same numbers (the loader checks it). 0 is the state of a map that nobody has
 * filled yet: answer nothing. */
#ifndef RELAIS_ABI_BUCKET_STATE_H
#define RELAIS_ABI_BUCKET_STATE_H

#include "netfilter/abi/limits.h"

enum relais_bucket_state {
  RELAIS_FOREIGN = 0,  /* someone else's: drop */
  RELAIS_LEFTOVER = 1, /* previous owner: only packets that a local socket has */
  RELAIS_SHADOW = 2,   /* standby, or new owner in a handover: openers wait in the hold, the rest as leftover */
  RELAIS_ADOPT = 3,    /* new owner while others have leftovers: unknown segments are dropped silently */
  RELAIS_SERVE = 4,    /* owner */
};

enum {
  RELAIS_BUCKET_SLOTS = RELAIS_MAX_VIPS * RELAIS_BUCKETS
};

/* The kernel lays ARRAY values out in steps of 8 bytes, whatever their size: where a mapped value is. */
enum {
  RELAIS_MAPPED_STRIDE = 8
};

#endif
