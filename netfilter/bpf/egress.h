/* What leaves with a VIP as its sender. ARP and NDP must tell the cluster MAC, requests as well as replies: a neighbour
 * learns from both, and one that has learnt this node's own MAC talks to this node alone. Everything else leaves only
 * under a valid lease: what was accepted before its end may sit in a socket or a retransmission timer for long. An
 * answer to a connection opener leaves only if the opener is this node's. */
#ifndef RELAIS_BPF_EGRESS_H
#define RELAIS_BPF_EGRESS_H

#include "netfilter/bpf/opener.h"

enum {
  NETWORK_OFFSET = sizeof(struct ethhdr),
  IPV6_PAYLOAD_OFFSET = NETWORK_OFFSET + sizeof(struct ipv6hdr),
};

/* RFC 826, for Ethernet and IPv4. */
struct arp_packet {
  __be16 hardware;
  __be16 protocol;
  __u8 hardware_length;
  __u8 protocol_length;
  __be16 operation;
  __u8 sender_mac[MAC_LENGTH];
  __u8 sender_address[4];
  __u8 target_mac[MAC_LENGTH];
  __u8 target_address[4];
};

/* RFC 4861: neighbour solicitation and advertisement have the same shape. */
struct neighbour_message {
  __u8 type;
  __u8 code;
  __be16 checksum;
  __be32 flags;
  struct in6_addr target;
};

struct link_address_option {
  __u8 type;   /* 1: of the source, 2: of the target */
  __u8 length; /* in units of 8 bytes; 1 for Ethernet */
  __u8 mac[MAC_LENGTH];
};

static __always_inline int egress_arp(struct __sk_buff *skb)
{
  struct arp_packet arp;
  struct relais_address4 sender;
  struct relais_vip *vip;

  if (bpf_skb_load_bytes(skb, NETWORK_OFFSET, &arp, sizeof(arp)) < 0)
    return TC_UNSPECIFIED;
  if (arp.hardware != bpf_htons(1) || arp.protocol != bpf_htons(ETHERTYPE_IPV4) || arp.hardware_length != MAC_LENGTH ||
      arp.protocol_length != sizeof(arp.sender_address))
    return TC_UNSPECIFIED;
  __builtin_memcpy(&sender.word, arp.sender_address, sizeof(sender.word));
  vip = bpf_map_lookup_elem(&vips4, &sender);
  if (!vip)
    return TC_UNSPECIFIED;
  bpf_skb_store_bytes(skb, NETWORK_OFFSET + __builtin_offsetof(struct arp_packet, sender_mac), vip->cluster_mac,
                      MAC_LENGTH, 0);
  count_verdict(RELAIS_EGRESS_REWRITTEN);
  return TC_UNSPECIFIED;
}

/* Replaces the MAC in the option at `offset` and mends the checksum of the message. */
static __always_inline void rewrite_link_address(struct __sk_buff *skb, __u32 offset,
                                                 const struct link_address_option *option, const struct relais_vip *vip)
{
  const __u32 checksum_offset = IPV6_PAYLOAD_OFFSET + __builtin_offsetof(struct neighbour_message, checksum);
  __u32 from[2] = {};
  __u32 to[2] = {};
  __s64 difference;

  __builtin_memcpy(from, option->mac, MAC_LENGTH);
  __builtin_memcpy(to, vip->cluster_mac, MAC_LENGTH);
  difference = bpf_csum_diff(from, sizeof(from), to, sizeof(to), 0);
  bpf_l4_csum_replace(skb, checksum_offset, 0, difference, 0);
  bpf_skb_store_bytes(skb, offset + __builtin_offsetof(struct link_address_option, mac), to, MAC_LENGTH, 0);
  count_verdict(RELAIS_EGRESS_REWRITTEN);
}

/* An advertisement speaks for its target, a solicitation for its source. The option may be absent (a probe's answer),
 * or follow others (a nonce): look at the first four. */
static __always_inline int egress_neighbour(struct __sk_buff *skb, const struct ipv6hdr *ip, __u8 type)
{
  struct neighbour_message message;
  struct link_address_option option;
  struct relais_address6 speaker;
  __u32 offset = IPV6_PAYLOAD_OFFSET + sizeof(message);
  __u8 wanted = type == NDP_NEIGHBOUR_ADVERTISEMENT ? 2 : 1;
  struct relais_vip *vip;

  if (bpf_skb_load_bytes(skb, IPV6_PAYLOAD_OFFSET, &message, sizeof(message)) < 0)
    return TC_UNSPECIFIED;
  __builtin_memcpy(&speaker, type == NDP_NEIGHBOUR_ADVERTISEMENT ? &message.target : &ip->saddr, sizeof(speaker));
  vip = bpf_map_lookup_elem(&vips6, &speaker);
  if (!vip)
    return TC_UNSPECIFIED;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    if (bpf_skb_load_bytes(skb, offset, &option, sizeof(option)) < 0 || option.length == 0)
      return TC_UNSPECIFIED;
    if (option.type == wanted && option.length == 1) {
      rewrite_link_address(skb, offset, &option, vip);
      return TC_UNSPECIFIED;
    }
    offset += option.length * 8;
  }
  return TC_UNSPECIFIED;
}

/* Whether a SYN-ACK to `packet->client` may leave: this node has accepted the opener that it answers, and the bucket is
 * its own since, or the new owner leaves the opener to it. So nothing that gets past the hold is answered, and no
 * socket of former times answers again. */
static __always_inline int is_to_answer(const struct packet *packet, const struct segment *segment, __u64 now)
{
  const relais_opener_id id = opener_id(flow_hash(packet, segment), segment->client_number);
  struct relais_opener *opener = bpf_map_lookup_elem(&openers, &id);
  __u32 slot = bucket_slot(packet);
  __u32 *state = bpf_map_lookup_elem(&buckets, &slot);
  __u64 limit_ns = RELAIS_OPENER_ACCEPTED_NS;

  if (!state || *(volatile __u32 *)state == RELAIS_FOREIGN)
    return 0;
  if (is_noted(opener, RELAIS_OPENER_KEPT, now, RELAIS_OPENER_KEPT_NS))
    return 1;
  if (*(volatile __u32 *)state == RELAIS_SERVE || *(volatile __u32 *)state == RELAIS_ADOPT)
    limit_ns = ~0ULL;
  return is_noted(opener, RELAIS_OPENER_ACCEPTED, now, limit_ns);
}

/* `packet` has client and VIP number; the transport header is at `offset`. */
static __always_inline int egress_of_vip(struct __sk_buff *skb, struct packet *packet, __u32 offset)
{
  const __u64 now = bpf_ktime_get_boot_ns();
  struct segment segment = {};
  struct tcphdr tcp;

  if (!lease_is_valid_at(now)) {
    count_verdict(RELAIS_EGRESS_DROP_LEASE);
    return TC_SHOT;
  }
  if (packet->protocol != PROTOCOL_TCP || packet->fragment == LATER_FRAGMENT ||
      bpf_skb_load_bytes(skb, offset, &tcp, sizeof(tcp)) < 0 || !tcp.syn || !tcp.ack)
    return TC_UNSPECIFIED;
  segment.client_port = tcp.dest;
  segment.vip_port = tcp.source;
  segment.client_number = bpf_ntohl(tcp.ack_seq) - 1;
  if (is_to_answer(packet, &segment, now))
    return TC_UNSPECIFIED;
  count_verdict(RELAIS_EGRESS_DROP_ANSWER);
  return TC_SHOT;
}

static __always_inline int egress_ipv4(struct __sk_buff *skb)
{
  struct relais_address4 source;
  struct packet packet = {};
  struct relais_vip *vip;
  struct iphdr ip;

  if (bpf_skb_load_bytes(skb, NETWORK_OFFSET, &ip, sizeof(ip)) < 0)
    return TC_UNSPECIFIED;
  source.word = ip.saddr;
  vip = bpf_map_lookup_elem(&vips4, &source);
  if (!vip)
    return TC_UNSPECIFIED;
  packet.vip_number = vip->number_plus_one - 1;
  packet.client[0] = ip.daddr;
  packet.protocol = ip.protocol;
  packet.fragment = ip.frag_off & bpf_htons(IPV4_FRAGMENT_OFFSET) ? LATER_FRAGMENT : WHOLE;
  return egress_of_vip(skb, &packet, NETWORK_OFFSET + ip.ihl * 4);
}

/* NDP needs no lease: every node says the same. */
static __always_inline int egress_ipv6(struct __sk_buff *skb)
{
  struct ipv6hdr ip;
  struct relais_address6 source;
  struct packet packet = {};
  struct relais_vip *vip;
  __u8 type = 0;

  if (bpf_skb_load_bytes(skb, NETWORK_OFFSET, &ip, sizeof(ip)) < 0)
    return TC_UNSPECIFIED;
  if (ip.nexthdr == PROTOCOL_ICMP6 && bpf_skb_load_bytes(skb, IPV6_PAYLOAD_OFFSET, &type, sizeof(type)) == 0) {
    if (type == NDP_NEIGHBOUR_SOLICITATION || type == NDP_NEIGHBOUR_ADVERTISEMENT)
      return egress_neighbour(skb, &ip, type);
    if (type >= NDP_FIRST && type <= NDP_LAST)
      return TC_UNSPECIFIED;
  }
  __builtin_memcpy(&source, &ip.saddr, sizeof(source));
  vip = bpf_map_lookup_elem(&vips6, &source);
  if (!vip)
    return TC_UNSPECIFIED;
  packet.is_ipv6 = 1;
  packet.vip_number = vip->number_plus_one - 1;
  copy_ipv6(packet.client, &ip.daddr);
  packet.protocol = ip.nexthdr;
  return egress_of_vip(skb, &packet, IPV6_PAYLOAD_OFFSET);
}

#endif
