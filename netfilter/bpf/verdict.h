/* The verdict on a received frame: parse, look up, judge. No policy: what a bucket's state is, is decided elsewhere.
 *
 *  state    | SYN         | other TCP                 | UDP, ICMP
 *  foreign  | drop        | drop                      | drop
 *  leftover | drop, but 1 | pass if a socket has it   | drop
 *  shadow   | hold, but 1 | pass if a socket has it   | drop
 *  adopt    | pass, but 2 | pass if a socket has it   | pass
 *  serve    | pass        | pass                      | pass
 *
 *  1: one that was accepted before the bucket was handed over is this node's still
 *  2: one that the previous owner has accepted is that one's still
 *
 * What passes needs a valid lease as well, and SYNs without one are held. In `foreign` and `leftover`
 * the clock is not read but for openers that are still this node's. */
#ifndef RELAIS_BPF_VERDICT_H
#define RELAIS_BPF_VERDICT_H

#include "netfilter/bpf/opener.h"

static __always_inline int is_drop(enum relais_verdict verdict)
{
  return verdict >= RELAIS_DROP_FOREIGN;
}

/* Not ours to judge: the stack gets the frame as it came. */
static __always_inline int is_untouched(enum relais_verdict verdict)
{
  return verdict == RELAIS_PASS_OTHER || verdict == RELAIS_PASS_NEIGHBOUR;
}

/* On what opens something new, in a bucket of this state. */
static __always_inline enum relais_verdict judge_opener(void *context, struct packet *packet,
                                                        const struct segment *segment, __u32 slot, __u32 state)
{
  switch (state) {
  case RELAIS_SERVE:
    return accept_opener(packet, segment, slot, RELAIS_PASS_SERVE);
  case RELAIS_ADOPT:
    return accept_opener(packet, segment, slot, RELAIS_PASS_ADOPT);
  case RELAIS_LEFTOVER:
    return leave_opener(context, packet, segment);
  default:
    return hold_opener(context, packet, segment, slot);
  }
}

/* UDP and ICMP: what is not the owner's is not held, for a client that asks again does so within its own time. */
static __always_inline enum relais_verdict judge_datagram(__u32 state)
{
  switch (state) {
  case RELAIS_ADOPT:
    return RELAIS_PASS_ADOPT;
  case RELAIS_LEFTOVER:
    return RELAIS_DROP_LEFTOVER;
  default:
    return RELAIS_DROP_SHADOW;
  }
}

/* Whether something may be held in a bucket of this state that another node may have answered. */
static __always_inline int looks_on(struct packet *packet, __u32 state)
{
  if (state == RELAIS_SHADOW)
    return 1;
  if (state != RELAIS_SERVE && state != RELAIS_ADOPT)
    return 0;
  return has_just_claimed(time_of(packet)) || !lease_is_valid_at(time_of(packet));
}

/* For buckets in which several nodes may have connections. */
static __always_inline enum relais_verdict judge_shared(void *context, struct packet *packet, void *end, __u32 slot,
                                                        __u32 state)
{
  struct segment segment = {};

  if (packet->protocol != PROTOCOL_TCP)
    return judge_datagram(state);
  /* An error about a packet of ours does no harm where the connection is unknown; drop it only with its bucket. */
  if (packet->is_icmp_error && state == RELAIS_ADOPT)
    return RELAIS_PASS_ADOPT;
  if (packet->fragment == LATER_FRAGMENT)
    return packet->is_icmp_error ? RELAIS_DROP_UNKNOWN : RELAIS_PASS_FRAGMENT;
  if (!read_segment(&segment, packet, end))
    return RELAIS_DROP_MALFORMED;
  if (!packet->is_icmp_error && is_opener(&segment))
    return judge_opener(context, packet, &segment, slot, state);
  if (!packet->is_icmp_error && looks_on(packet, state))
    note_that_client_goes_on(packet, &segment);
  return judge_by_socket(context, packet, &segment, end);
}

static __always_inline enum relais_verdict judge_served(void *context, struct packet *packet, void *end, __u32 slot)
{
  struct segment segment = {};

  if (packet->protocol != PROTOCOL_TCP || packet->is_icmp_error || packet->fragment == LATER_FRAGMENT ||
      !read_segment(&segment, packet, end))
    return RELAIS_PASS_SERVE;
  if (is_opener(&segment))
    return judge_opener(context, packet, &segment, slot, RELAIS_SERVE);
  if (looks_on(packet, RELAIS_SERVE))
    note_that_client_goes_on(packet, &segment);
  return RELAIS_PASS_SERVE;
}

static __always_inline enum relais_verdict judge(void *context, struct packet *packet, void *end, __u32 slot,
                                                 __u32 state)
{
  switch (state) {
  case RELAIS_SERVE:
    return judge_served(context, packet, end, slot);
  case RELAIS_ADOPT:
  case RELAIS_LEFTOVER:
  case RELAIS_SHADOW:
    return judge_shared(context, packet, end, slot, state);
  default:
    return RELAIS_DROP_FOREIGN;
  }
}

static __always_inline enum relais_verdict judge_packet(void *context, struct packet *packet, void *end)
{
  __u32 slot = bucket_slot(packet);
  __u32 *state = bpf_map_lookup_elem(&buckets, &slot);
  enum relais_verdict verdict;

  if (!state)
    return RELAIS_DROP_MALFORMED;
  verdict = judge(context, packet, end, slot, *(volatile __u32 *)state);
  if (!is_drop(verdict) && verdict != RELAIS_PASS_HOLD && !lease_is_valid_at(time_of(packet)))
    verdict = RELAIS_DROP_LEASE;
  count_bucket(slot, is_drop(verdict));
  return verdict;
}

/* Only this node's own programs may say what is to be held. */
static __always_inline int has_marker(void *begin, void *end)
{
  struct ethhdr *ethernet = begin;

  return (void *)(ethernet + 1) <= end && *(__u16 *)ethernet->h_source == MARKER_FIRST &&
         *(__u32 *)(ethernet->h_source + 2) == MARKER_REST;
}

static __always_inline enum relais_verdict decide(void *context, void *begin, void *end)
{
  struct packet packet = {};
  enum relais_verdict verdict = RELAIS_PASS_OTHER;

  if (has_marker(begin, end)) {
    count_verdict(RELAIS_DROP_MARKER);
    return RELAIS_DROP_MARKER;
  }
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
