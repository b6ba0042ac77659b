/* Connection openers: each is answered by one node, also when it is sent again while its bucket moves.
 *
 * A node notes what it did with each opener (netfilter/abi/opener.h). The old owner of a bucket tells the new one which
 * openers it has accepted; the new one leaves those to it. A standby holds openers and looks on: if the client goes on,
 * somebody has answered. So who takes a bucket over knows which of the held ones nobody has answered. */
#ifndef RELAIS_BPF_OPENER_H
#define RELAIS_BPF_OPENER_H

#include "netfilter/bpf/siphash.h"
#include "netfilter/bpf/socket.h"

static __always_inline __u32 bucket_slot(const struct packet *packet)
{
  __u64 hash = packet->is_ipv6 ? siphash13_ipv6(node.key0, node.key1, packet->client)
                               : siphash13_ipv4(node.key0, node.key1, packet->client[0]);

  return packet->vip_number * RELAIS_BUCKETS + (hash & (RELAIS_BUCKETS - 1));
}

static __always_inline __u64 ports_word(__u16 client_port, __u16 vip_port)
{
  return (__u64)vip_port << 16 | client_port;
}

/* Ports are numbers here, not network order. */
static __always_inline __u64 flow_hash_ipv4(__be32 client, __u32 vip_number, __u64 ports)
{
  struct sip_state s;

  sip_start(&s, node.key0, node.key1);
  sip_word(&s, (__u64)vip_number << 32 | little_endian(client));
  sip_word(&s, 12ULL << 56 | ports);
  return sip_finish(&s);
}

static __always_inline __u64 flow_hash_ipv6(const __be32 *client, __u32 vip_number, __u64 ports)
{
  struct sip_state s;

  sip_start(&s, node.key0, node.key1);
  sip_word(&s, little_endian(client[1]) << 32 | little_endian(client[0]));
  sip_word(&s, little_endian(client[3]) << 32 | little_endian(client[2]));
  sip_word(&s, ports << 32 | vip_number);
  sip_word(&s, 24ULL << 56);
  return sip_finish(&s);
}

static __always_inline __u64 flow_hash(const struct packet *packet, const struct segment *segment)
{
  const __u64 ports = ports_word(bpf_ntohs(segment->client_port), bpf_ntohs(segment->vip_port));

  return packet->is_ipv6 ? flow_hash_ipv6(packet->client, packet->vip_number, ports)
                         : flow_hash_ipv4(packet->client[0], packet->vip_number, ports);
}

static __always_inline relais_opener_id opener_id(__u64 flow, __u32 first_number)
{
  return flow + RELAIS_OPENER_STEP * first_number;
}

/* Whether it is noted, not forgotten, and not older than that. */
static __always_inline int is_noted(const struct relais_opener *opener, enum relais_opener_fate fate, __u64 now,
                                    __u64 limit_ns)
{
  __u32 index = 0;
  __u64 *since;

  if (!opener || opener->fate != fate || now - opener->since >= limit_ns)
    return 0;
  since = bpf_map_lookup_elem(&openers_since, &index);
  return since && opener->since >= *(volatile __u64 *)since;
}

static __always_inline void note_opener(relais_opener_id id, __u64 flow, __u32 slot, __u64 now,
                                        enum relais_opener_fate fate)
{
  struct relais_opener opener = {.since = now, .flow = flow, .slot = slot, .fate = fate};

  bpf_map_update_elem(&openers, &id, &opener, BPF_ANY);
}

/* Token bucket (as a generic cell rate algorithm: the word is the time at which the bucket is full again). Who loses
 * the race for the word too often is refused: then there are many. */
static __always_inline int may_be_held(__u32 vip_number, __u64 now)
{
  __u64 *full_at = bpf_map_lookup_elem(&hold_rate, &vip_number);

  if (!full_at)
    return 0;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    const __u64 before = *(volatile __u64 *)full_at;
    const __u64 from = before > now ? before : now;

    if (from - now > node.hold_burst_ns)
      return 0;
    if (__sync_val_compare_and_swap(full_at, before, from + node.hold_interval_ns) == before)
      return 1;
  }
  return 0;
}

/* Into the hold, unless it waits there already or too many come. */
static __always_inline enum relais_verdict hold(const struct packet *packet, relais_opener_id id, __u64 flow,
                                                __u32 slot, __u64 now)
{
  if (is_noted(bpf_map_lookup_elem(&openers, &id), RELAIS_OPENER_HELD, now, node.hold_ns))
    return RELAIS_DROP_HELD;
  if (!may_be_held(packet->vip_number, now))
    return RELAIS_DROP_HOLD_RATE;
  note_opener(id, flow, slot, now, RELAIS_OPENER_HELD);
  return RELAIS_PASS_HOLD;
}

/* For buckets whose openers this node answers. Only while others have leftovers there can one be theirs. Without a
 * lease they wait: it may come back in a moment, or the next owner holds them too. */
static __always_inline enum relais_verdict accept_opener(struct packet *packet, const struct segment *segment,
                                                         __u32 slot, enum relais_verdict accepted)
{
  const __u64 flow = flow_hash(packet, segment);
  const relais_opener_id id = opener_id(flow, segment->client_number);
  const __u64 now = time_of(packet);

  if (!lease_is_valid_at(now))
    return hold(packet, id, flow, slot, now);
  if (accepted == RELAIS_PASS_ADOPT) {
    struct relais_opener *opener = bpf_map_lookup_elem(&openers, &id);

    if (is_noted(opener, RELAIS_OPENER_ELSEWHERE, now, RELAIS_OPENER_KEPT_NS))
      return RELAIS_DROP_ELSEWHERE;
  }
  note_opener(id, flow, slot, now, RELAIS_OPENER_ACCEPTED);
  return accepted;
}

/* Whether an opener of a bucket that was this node's has been accepted by it, and waits for the client to go on. */
static __always_inline int is_kept_opener(void *context, const struct packet *packet, const struct segment *segment,
                                          const struct relais_opener *opener, __u64 now)
{
  return is_noted(opener, RELAIS_OPENER_KEPT, now, RELAIS_OPENER_KEPT_NS) && is_opened_here(context, packet, segment);
}

static __always_inline enum relais_verdict leave_opener(void *context, struct packet *packet,
                                                        const struct segment *segment)
{
  const relais_opener_id id = opener_id(flow_hash(packet, segment), segment->client_number);
  struct relais_opener *opener = bpf_map_lookup_elem(&openers, &id);

  /* Most are somebody else's: no clock for them. */
  if (!opener || opener->fate != RELAIS_OPENER_KEPT)
    return RELAIS_DROP_LEFTOVER;
  return is_kept_opener(context, packet, segment, opener, time_of(packet)) ? RELAIS_PASS_REQUEST : RELAIS_DROP_LEFTOVER;
}

static __always_inline enum relais_verdict hold_opener(void *context, struct packet *packet,
                                                       const struct segment *segment, __u32 slot)
{
  const __u64 flow = flow_hash(packet, segment);
  const relais_opener_id id = opener_id(flow, segment->client_number);
  const __u64 now = time_of(packet);
  struct relais_opener *opener = bpf_map_lookup_elem(&openers, &id);

  if (is_kept_opener(context, packet, segment, opener, now))
    return RELAIS_PASS_REQUEST;
  if (is_noted(opener, RELAIS_OPENER_ELSEWHERE, now, RELAIS_OPENER_KEPT_NS))
    return RELAIS_DROP_ELSEWHERE;
  return hold(packet, id, flow, slot, now);
}

static __always_inline int has_just_claimed(__u64 now)
{
  __u32 index = 0;
  __u64 *at = bpf_map_lookup_elem(&claimed_at, &index);

  /* Signed: it may be stored after `now` was read. */
  return at && (__s64)(now - *(volatile __u64 *)at) < (__s64)RELAIS_CLAIM_SETTLES_NS;
}

/* A segment that is no opener, in a bucket whose openers are held or were until just now: a connection's first segments
 * have the number after its opener's. */
static __always_inline void note_that_client_goes_on(const struct packet *packet, const struct segment *segment)
{
  const relais_opener_id id = opener_id(flow_hash(packet, segment), segment->client_number - 1);
  struct relais_opener *opener = bpf_map_lookup_elem(&openers, &id);

  if (opener && opener->fate == RELAIS_OPENER_HELD)
    opener->fate = RELAIS_OPENER_WENT_ON;
}

#endif
