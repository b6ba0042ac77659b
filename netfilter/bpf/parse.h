/* From a frame to what a verdict needs to know of it. Reads headers only, within the linear part of the frame. A
 * frame is judged by its destination *address*, never by its destination MAC: a poisoned neighbour would bypass
 * ownership. */
#ifndef RELAIS_BPF_PARSE_H
#define RELAIS_BPF_PARSE_H

#include "netfilter/bpf/maps.h"
#include "netfilter/bpf/protocol.h"

enum parse_result {
  PARSED_OTHER,     /* not for a VIP */
  PARSED_NEIGHBOUR, /* NDP for a VIP */
  PARSED_MALFORMED, /* for a VIP, but not to be understood */
  PARSED_PACKET,
};

enum fragment {
  WHOLE,
  FIRST_FRAGMENT,
  LATER_FRAGMENT, /* has no transport header */
};

struct packet {
  __u32 vip_number;
  __u8 is_ipv6;
  __u8 protocol;      /* transport; of the quoted packet if is_icmp_error */
  __u8 is_icmp_error; /* `client`, `protocol`, `transport` are those of the quoted packet, which we sent */
  enum fragment fragment;
  __be32 client[4]; /* whose bucket it is; IPv4: the first word */
  __be32 vip[4];
  void *network; /* the IP header */
  void *transport;
  __u64 now; /* time_of() */
};

/* The clock read is the most expensive part of the packet path: once a packet, and not for what others answer. */
static __always_inline __u64 time_of(struct packet *packet)
{
  if (packet->now == 0)
    packet->now = bpf_ktime_get_boot_ns();
  return packet->now;
}

static __always_inline void copy_ipv6(__be32 *to, const struct in6_addr *from)
{
  to[0] = from->in6_u.u6_addr32[0];
  to[1] = from->in6_u.u6_addr32[1];
  to[2] = from->in6_u.u6_addr32[2];
  to[3] = from->in6_u.u6_addr32[3];
}

static __always_inline int same_ipv6(const __be32 *left, const __be32 *right)
{
  return left[0] == right[0] && left[1] == right[1] && left[2] == right[2] && left[3] == right[3];
}

/* An ICMP error belongs to the flow that it quotes, not to the router that sent it. */
static __always_inline enum parse_result parse_quoted_ipv4(struct packet *packet, struct iphdr *quoted, void *end)
{
  __u32 header_length;

  if ((void *)(quoted + 1) > end)
    return PARSED_MALFORMED;
  header_length = quoted->ihl * 4;
  if (header_length < sizeof(*quoted) || quoted->saddr != packet->vip[0])
    return PARSED_MALFORMED;
  packet->is_icmp_error = 1;
  packet->client[0] = quoted->daddr;
  packet->protocol = quoted->protocol;
  packet->fragment = quoted->frag_off & bpf_htons(IPV4_FRAGMENT_OFFSET) ? LATER_FRAGMENT : WHOLE;
  packet->transport = (void *)quoted + header_length;
  return PARSED_PACKET;
}

static __always_inline enum parse_result parse_icmp(struct packet *packet, void *end)
{
  struct icmphdr *icmp = packet->transport;

  if ((void *)(icmp + 1) > end)
    return PARSED_MALFORMED;
  if (icmp->type != ICMP_UNREACHABLE && icmp->type != ICMP_TIME_EXCEEDED && icmp->type != ICMP_PARAMETER_PROBLEM)
    return PARSED_PACKET;
  return parse_quoted_ipv4(packet, (void *)(icmp + 1), end);
}

static __always_inline enum parse_result parse_ipv4(struct packet *packet, struct iphdr *ip, void *end)
{
  struct relais_address4 destination;
  struct relais_vip *vip;
  __u32 header_length;

  if ((void *)(ip + 1) > end)
    return PARSED_OTHER; /* no whole header: the stack refuses it */
  destination.word = ip->daddr;
  vip = bpf_map_lookup_elem(&vips4, &destination);
  if (!vip)
    return PARSED_OTHER;
  header_length = ip->ihl * 4;
  if (header_length < sizeof(*ip))
    return PARSED_MALFORMED;
  packet->vip_number = vip->number_plus_one - 1;
  packet->client[0] = ip->saddr;
  packet->vip[0] = ip->daddr;
  packet->network = ip;
  packet->transport = (void *)ip + header_length;
  packet->protocol = ip->protocol;
  if (ip->frag_off & bpf_htons(IPV4_FRAGMENT_OFFSET))
    packet->fragment = LATER_FRAGMENT;
  else if (ip->frag_off & bpf_htons(IPV4_MORE_FRAGMENTS))
    packet->fragment = FIRST_FRAGMENT;
  if (packet->protocol == PROTOCOL_ICMP && packet->fragment != LATER_FRAGMENT)
    return parse_icmp(packet, end);
  return PARSED_PACKET;
}

static __always_inline enum parse_result parse_quoted_ipv6(struct packet *packet, struct ipv6hdr *quoted, void *end)
{
  if ((void *)(quoted + 1) > end || !same_ipv6(quoted->saddr.in6_u.u6_addr32, packet->vip))
    return PARSED_MALFORMED;
  packet->is_icmp_error = 1;
  copy_ipv6(packet->client, &quoted->daddr);
  packet->protocol = quoted->nexthdr;
  packet->fragment = WHOLE;
  packet->transport = quoted + 1;
  return PARSED_PACKET;
}

static __always_inline enum parse_result parse_icmp6(struct packet *packet, void *end)
{
  struct icmp6hdr *icmp = packet->transport;

  if ((void *)(icmp + 1) > end)
    return PARSED_MALFORMED;
  if (icmp->icmp6_type >= NDP_FIRST && icmp->icmp6_type <= NDP_LAST)
    return PARSED_NEIGHBOUR;
  if (icmp->icmp6_type < ICMP6_FIRST_ERROR || icmp->icmp6_type > ICMP6_LAST_ERROR)
    return PARSED_PACKET;
  return parse_quoted_ipv6(packet, (void *)(icmp + 1), end);
}

static __always_inline int is_extension(__u8 protocol)
{
  return protocol == PROTOCOL_HOP_BY_HOP || protocol == PROTOCOL_ROUTING || protocol == PROTOCOL_FRAGMENT ||
         protocol == PROTOCOL_DESTINATION_OPTIONS;
}

/* Up to 4 extension headers: real senders use two; each one more costs the verifier and nobody gains. */
static __always_inline enum parse_result skip_extensions(struct packet *packet, void *end)
{
#pragma unroll
  for (int i = 0; i < 4; i++) {
    __u8 *header = packet->transport;
    __u8 protocol = packet->protocol;

    if (!is_extension(protocol) || packet->fragment == LATER_FRAGMENT)
      return PARSED_PACKET;
    if ((void *)(header + 8) > end)
      return PARSED_MALFORMED;
    packet->protocol = header[0];
    if (protocol == PROTOCOL_FRAGMENT) {
      packet->fragment = *(__be16 *)(header + 2) & bpf_htons(IPV6_FRAGMENT_OFFSET) ? LATER_FRAGMENT : FIRST_FRAGMENT;
      packet->transport = header + 8;
    } else {
      packet->transport = header + (header[1] + 1) * 8;
    }
  }
  return is_extension(packet->protocol) && packet->fragment != LATER_FRAGMENT ? PARSED_MALFORMED : PARSED_PACKET;
}

static __always_inline enum parse_result parse_ipv6(struct packet *packet, struct ipv6hdr *ip, void *end)
{
  struct relais_address6 destination;
  struct relais_vip *vip;

  if ((void *)(ip + 1) > end)
    return PARSED_OTHER; /* no whole header: the stack refuses it */
  copy_ipv6(destination.words, &ip->daddr);
  vip = bpf_map_lookup_elem(&vips6, &destination);
  if (!vip)
    return PARSED_OTHER;
  packet->is_ipv6 = 1;
  packet->vip_number = vip->number_plus_one - 1;
  copy_ipv6(packet->client, &ip->saddr);
  copy_ipv6(packet->vip, &ip->daddr);
  packet->network = ip;
  packet->transport = ip + 1;
  packet->protocol = ip->nexthdr;
  if (skip_extensions(packet, end) == PARSED_MALFORMED)
    return PARSED_MALFORMED;
  if (packet->protocol == PROTOCOL_ICMP6 && packet->fragment != LATER_FRAGMENT)
    return parse_icmp6(packet, end);
  return PARSED_PACKET;
}

/* `packet` is all zero. Frames with a VLAN tag are of another segment: not for a VIP here. */
static __always_inline enum parse_result parse(struct packet *packet, void *begin, void *end)
{
  struct ethhdr *ethernet = begin;

  if ((void *)(ethernet + 1) > end)
    return PARSED_OTHER;
  if (ethernet->h_proto == bpf_htons(ETHERTYPE_IPV4))
    return parse_ipv4(packet, (void *)(ethernet + 1), end);
  if (ethernet->h_proto == bpf_htons(ETHERTYPE_IPV6))
    return parse_ipv6(packet, (void *)(ethernet + 1), end);
  return PARSED_OTHER;
}

#endif
