/* Sizes and the version of the data plane's maps. A daemon reuses pinned maps only if they have its layout version. */
#ifndef RELAIS_ABI_LIMITS_H
#define RELAIS_ABI_LIMITS_H

#ifdef __VMLINUX_H__
#define RELAIS_STATIC_ASSERT(condition, why) _Static_assert(condition, why)
#else
#include <linux/types.h>
#ifdef __cplusplus
#define RELAIS_STATIC_ASSERT(condition, why) static_assert(condition, why)
#else
#define RELAIS_STATIC_ASSERT(condition, why) _Static_assert(condition, why)
#endif
#endif

enum {
  RELAIS_LAYOUT_VERSION = 3, /* raise when any struct, size or meaning in netfilter/abi changes */
  RELAIS_BUCKETS = 256,      /* per VIP; bucket = siphash-1-3(key, client address) mod 256 */
  RELAIS_MAX_VIPS = 16,
};

#endif
