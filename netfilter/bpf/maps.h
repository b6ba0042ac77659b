/* The maps, laid out by netfilter/abi, and the few ways in which the programs use them. */
#ifndef RELAIS_BPF_MAPS_H
#define RELAIS_BPF_MAPS_H

#include "netfilter/abi/attachment.h"
#include "netfilter/abi/bucket_state.h"
#include "netfilter/abi/counters.h"
#include "netfilter/abi/lease.h"
#include "netfilter/abi/node.h"
#include "netfilter/abi/opener.h"
#include "netfilter/abi/vip.h"

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, RELAIS_MAX_VIPS);
  __type(key, struct relais_address4);
  __type(value, struct relais_vip);
} vips4 SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, RELAIS_MAX_VIPS);
  __type(key, struct relais_address6);
  __type(value, struct relais_vip);
} vips6 SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, RELAIS_BUCKET_SLOTS);
  __uint(map_flags, BPF_F_MMAPABLE);
  __type(key, __u32);
  __type(value, __u32);
} buckets SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __uint(map_flags, BPF_F_MMAPABLE);
  __type(key, __u32);
  __type(value, relais_lease);
} lease SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, RELAIS_VERDICTS);
  __type(key, __u32);
  __type(value, __u64);
} verdicts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, RELAIS_BUCKET_SLOTS);
  __type(key, __u32);
  __type(value, struct relais_bucket_packets);
} bucket_packets SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, RELAIS_OPENERS);
  __type(key, relais_opener_id);
  __type(value, struct relais_opener);
} openers SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __uint(map_flags, BPF_F_MMAPABLE);
  __type(key, __u32);
  __type(value, __u64);
} openers_since SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __uint(map_flags, BPF_F_MMAPABLE);
  __type(key, __u32);
  __type(value, __u64);
} claimed_at SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, RELAIS_MAX_VIPS);
  __type(key, __u32);
  __type(value, __u64);
} hold_rate SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct relais_attachment);
} attachment SEC(".maps");

const volatile struct relais_node node = {};

static __always_inline void count_verdict(enum relais_verdict verdict)
{
  __u32 index = verdict;
  __u64 *count = bpf_map_lookup_elem(&verdicts, &index);

  if (count)
    (*count)++;
}

static __always_inline void count_bucket(__u32 slot, int dropped)
{
  struct relais_bucket_packets *packets = bpf_map_lookup_elem(&bucket_packets, &slot);

  if (!packets)
    return;
  if (dropped)
    packets->dropped++;
  else
    packets->passed++;
}

static __always_inline int lease_is_valid_at(__u64 now)
{
  __u32 index = 0;
  relais_lease *end = bpf_map_lookup_elem(&lease, &index);

  return end && now < *(volatile relais_lease *)end;
}

#endif
