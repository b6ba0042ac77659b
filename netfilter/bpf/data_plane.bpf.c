/* The programs of the data plane and the hooks that they sit on.
 *
 *   with XDP:  NIC -> relais_xdp (decides) -> relais_tc_host (packet type) -> stack -> relais_tc_egress -> NIC
 *   without:   NIC -> relais_tc_ingress (decides, packet type)             -> stack -> relais_tc_egress -> NIC
 *
 * An opener that is to be held goes up with the marker as its source MAC; a firewall rule of netfilter/hold takes it
 * out of the stack's way. Were the rule missing, the stack's answer would not pass relais_tc_egress. */
#include "vmlinux.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "netfilter/bpf/egress.h"
#include "netfilter/bpf/verdict.h"

char LICENSE[] SEC("license") = "GPL";

/* Two words instead of six bytes: the packet path. Both sides are aligned to 2 bytes at least; packets need no more.
 * */
static __always_inline void make_own(struct ethhdr *ethernet)
{
  *(__u32 *)ethernet->h_dest = *(const volatile __u32 *)node.own_mac;
  *(__u16 *)(ethernet->h_dest + 4) = *(const volatile __u16 *)(node.own_mac + 4);
}

static __always_inline int is_own(const struct ethhdr *ethernet)
{
  return *(__u32 *)ethernet->h_dest == *(const volatile __u32 *)node.own_mac &&
         *(__u16 *)(ethernet->h_dest + 4) == *(const volatile __u16 *)(node.own_mac + 4);
}

static __always_inline void mark_for_hold(struct ethhdr *ethernet)
{
  *(__u16 *)ethernet->h_source = MARKER_FIRST;
  *(__u32 *)(ethernet->h_source + 2) = MARKER_REST;
}

SEC("xdp.frags")
int relais_xdp(struct xdp_md *context)
{
  void *begin = (void *)(long)context->data;
  void *end = (void *)(long)context->data_end;
  struct ethhdr *ethernet = begin;
  enum relais_verdict verdict = decide(context, begin, end);

  if (is_drop(verdict))
    return XDP_DROP;
  if (is_untouched(verdict) || (void *)(ethernet + 1) > end)
    return XDP_PASS;
  make_own(ethernet);
  if (verdict == RELAIS_PASS_HOLD)
    mark_for_hold(ethernet);
  return XDP_PASS;
}

/* Companion of relais_xdp. With native XDP on veth the packet type was set by the sender and stays "multicast"
 * although the frame now has this NIC's MAC; TCP drops such packets silently (ping and UDP work). Real NICs set the
 * type after XDP. */
SEC("tc")
int relais_tc_host(struct __sk_buff *skb)
{
  void *end = (void *)(long)skb->data_end;
  struct ethhdr *ethernet = (void *)(long)skb->data;

  if (skb->pkt_type == PACKET_TYPE_MULTICAST && (void *)(ethernet + 1) <= end && is_own(ethernet))
    bpf_skb_change_type(skb, PACKET_TYPE_HOST);
  return TC_UNSPECIFIED;
}

static __always_inline int store_marker(struct __sk_buff *skb)
{
  const __u8 marker[MAC_LENGTH] = RELAIS_HOLD_MARKER;

  return bpf_skb_store_bytes(skb, __builtin_offsetof(struct ethhdr, h_source), marker, sizeof(marker), 0) == 0;
}

/* For interfaces that take no XDP program: decides here; only the packet type needs to change, not the own MAC. */
SEC("tc")
int relais_tc_ingress(struct __sk_buff *skb)
{
  enum {
    HEADERS = 256
  }; /* Ethernet, IPv6, extensions of usual size, ICMP error with the header that it quotes */
  enum relais_verdict verdict;

  if (skb->vlan_present)
    return TC_UNSPECIFIED;
  /* If it fails, less can be read, and what is a VIP's is dropped as malformed. */
  bpf_skb_pull_data(skb, skb->len < HEADERS ? skb->len : HEADERS);
  verdict = decide(skb, (void *)(long)skb->data, (void *)(long)skb->data_end);
  if (is_drop(verdict))
    return TC_SHOT;
  if (!is_untouched(verdict) && skb->pkt_type != PACKET_TYPE_HOST)
    bpf_skb_change_type(skb, PACKET_TYPE_HOST);
  if (verdict == RELAIS_PASS_HOLD && !store_marker(skb))
    return TC_SHOT; /* what cannot be held must not be answered */
  return TC_UNSPECIFIED;
}

SEC("tc")
int relais_tc_egress(struct __sk_buff *skb)
{
  switch (skb->protocol) {
  case bpf_htons(ETHERTYPE_ARP):
    return egress_arp(skb);
  case bpf_htons(ETHERTYPE_IPV4):
    return egress_ipv4(skb);
  case bpf_htons(ETHERTYPE_IPV6):
    return egress_ipv6(skb);
  default:
    return TC_UNSPECIFIED;
  }
}
