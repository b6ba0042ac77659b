/* The verdict on a received frame: parse, look up, judge. No policy: what a bucket's state is, is decided elsewhere.
 *
 *  state    | SYN  | other TCP                 | UDP, ICMP
 *  foreign  | drop | drop                      | drop
 *  leftover | drop | pass if a socket has it   | drop
 *  shadow   | drop | pass if a socket has it   | drop         (its SYNs have a verdict of their own, for the hold)
 *  adopt    | pass | pass if a socket has it   | pass
 *  serve    | pass | pass                      | pass
 *
 * What passes needs a valid lease as well; the clock is read last, so that others' packets never pay for it. */
#ifndef RELAIS_BPF_VERDICT_H
#define RELAIS_BPF_VERDICT_H

#include "netfilter/bpf/siphash.h"
#include "netfilter/bpf/socket.h"

static __always_inline int is_drop(enum relais_verdict verdict)
{
  return verdict >= RELAIS_DROP_FOREIGN;
}

/* Not ours to judge: the stack gets the frame as it came. */
static __always_inline int is_untouched(enum relais_verdict verdict)
{
  return verdict == RELAIS_PASS_OTHER || verdict == RELAIS_PASS_NEIGHBOUR;
}

static __always_inline __u32 bucket_slot(const struct packet *packet)
{
  __u64 hash = packet->is_ipv6 ? siphash13_ipv6(node.key0, node.key1, packet->client)
                               : siphash13_ipv4(node.key0, node.key1, packet->client[0]);

  return packet->vip_number * RELAIS_BUCKETS + (hash & (RELAIS_BUCKETS - 1));
}

/* For buckets in which several nodes may have connections. `opener` is the verdict on what opens something new. */
static __always_inline enum relais_verdict judge_shared(void *context, const struct packet *packet, void *end,
                                                        enum relais_verdict opener)
{
  struct segment segment = {};

  if (packet->protocol != PROTOCOL_TCP)
    return opener;
  /* An error about a packet of ours does no harm where the connection is unknown; drop it only with its bucket. */
  if (packet->is_icmp_error && opener == RELAIS_PASS_ADOPT)
    return opener;
  if (packet->fragment == LATER_FRAGMENT)
    return packet->is_icmp_error ? RELAIS_DROP_UNKNOWN : RELAIS_PASS_FRAGMENT;
  if (!read_segment(&segment, packet, end))
    return RELAIS_DROP_MALFORMED;
  if (!packet->is_icmp_error && is_opener(&segment))
    return opener;
  return judge_by_socket(context, packet, &segment, end);
}

static __always_inline enum relais_verdict judge(void *context, const struct packet *packet, void *end, __u32 state)
{
  switch (state) {
  case RELAIS_SERVE:
    return RELAIS_PASS_SERVE;
  case RELAIS_ADOPT:
    return judge_shared(context, packet, end, RELAIS_PASS_ADOPT);
  case RELAIS_LEFTOVER:
    return judge_shared(context, packet, end, RELAIS_DROP_LEFTOVER);
  case RELAIS_SHADOW:
    return judge_shared(context, packet, end, RELAIS_DROP_SHADOW);
  default:
    return RELAIS_DROP_FOREIGN;
  }
}

static __always_inline enum relais_verdict judge_packet(void *context, const struct packet *packet, void *end)
{
  __u32 slot = bucket_slot(packet);
  __u32 *state = bpf_map_lookup_elem(&buckets, &slot);
  enum relais_verdict verdict;

  if (!state)
    return RELAIS_DROP_MALFORMED;
  verdict = judge(context, packet, end, *(volatile __u32 *)state);
  if (!is_drop(verdict) && !lease_is_valid())
    verdict = RELAIS_DROP_LEASE;
  count_bucket(slot, is_drop(verdict));
  return verdict;
}

static __always_inline enum relais_verdict decide(void *context, void *begin, void *end)
{
  struct packet packet = {};
  enum relais_verdict verdict = RELAIS_PASS_OTHER;

  switch (parse(&packet, begin, end)) {
  case PARSED_OTHER:
    break;
  case PARSED_NEIGHBOUR:
    verdict = RELAIS_PASS_NEIGHBOUR;
    break;
  case PARSED_MALFORMED:
    verdict = RELAIS_DROP_MALFORMED;
    break;
  case PARSED_PACKET:
    verdict = judge_packet(context, &packet, end);
    break;
  }
  count_verdict(verdict);
  return verdict;
}

#endif
