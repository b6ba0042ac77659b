/* Map `lease`: ARRAY[1] of __u64, mmap-able: the boot clock (ns) from which this node may not answer any more. 0 =
 * not at all. Its type, size and name never change between layouts, so that any daemon can end the lease of any
 * predecessor. */
#ifndef RELAIS_ABI_LEASE_H
#define RELAIS_ABI_LEASE_H

#include "netfilter/abi/limits.h"

typedef __u64 relais_lease;
RELAIS_STATIC_ASSERT(sizeof(relais_lease) == 8, "a lease is stored and read as one word");

#endif
