/* "A local socket has it" in the table of docs/architecture.md. For packets of buckets in which another node may
 * have the connection.
 *
 * A connection, a TIME_WAIT entry: ours. A request socket (we sent a SYN-ACK) is ours only if the packet answers *that*
 * SYN-ACK: a SYN retransmitted while its bucket moved makes a request socket on two nodes, and the one that takes the
 * answer to the other's SYN-ACK for its own resets the client. With SYN cookies there is no socket at all; the listener
 * knows its cookies. A listener alone is nothing: every node has it. */
#ifndef RELAIS_BPF_SOCKET_H
#define RELAIS_BPF_SOCKET_H

#include "netfilter/bpf/parse.h"

/* Of a TCP header; of a quoted one (8 bytes of it, RFC 792) only ports and sequence number. */
struct segment {
  __be16 client_port;
  __be16 vip_port;
  __u8 flags;
  __u32 client_number;    /* its sequence number; not of a quoted one */
  __u32 our_first_number; /* that our SYN-ACK must have had for this packet to answer it, or to quote it */
};

/* 0 if the header is truncated. */
static __always_inline int read_segment(struct segment *segment, const struct packet *packet, void *end)
{
  struct tcphdr *tcp = packet->transport;

  if (packet->is_icmp_error) {
    if (packet->transport + 8 > end)
      return 0;
    segment->client_port = tcp->dest;
    segment->vip_port = tcp->source;
    segment->our_first_number = bpf_ntohl(tcp->seq);
    return 1;
  }
  if ((void *)(tcp + 1) > end)
    return 0;
  segment->client_port = tcp->source;
  segment->vip_port = tcp->dest;
  segment->client_number = bpf_ntohl(tcp->seq);
  segment->our_first_number = bpf_ntohl(tcp->ack_seq) - 1;
  segment->flags = ((__u8 *)tcp)[13];
  return 1;
}

static __always_inline int is_opener(const struct segment *segment)
{
  return (segment->flags & (TCP_FLAG_BYTE_SYN | TCP_FLAG_BYTE_ACK)) == TCP_FLAG_BYTE_SYN;
}

static __always_inline struct bpf_sock *look_up_socket(void *context, const struct packet *packet,
                                                       const struct segment *segment)
{
  struct bpf_sock_tuple tuple = {};

  if (packet->is_ipv6) {
    __builtin_memcpy(tuple.ipv6.saddr, packet->client, sizeof(tuple.ipv6.saddr));
    __builtin_memcpy(tuple.ipv6.daddr, packet->vip, sizeof(tuple.ipv6.daddr));
    tuple.ipv6.sport = segment->client_port;
    tuple.ipv6.dport = segment->vip_port;
    return bpf_skc_lookup_tcp(context, &tuple, sizeof(tuple.ipv6), BPF_F_CURRENT_NETNS, 0);
  }
  tuple.ipv4.saddr = packet->client[0];
  tuple.ipv4.daddr = packet->vip[0];
  tuple.ipv4.sport = segment->client_port;
  tuple.ipv4.dport = segment->vip_port;
  return bpf_skc_lookup_tcp(context, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
}

/* Whether a request socket here has been made by this very SYN. */
static __always_inline int is_opened_here(void *context, const struct packet *packet, const struct segment *segment)
{
  struct bpf_sock *socket = look_up_socket(context, packet, segment);
  int same = 0;

  if (!socket)
    return 0;
  if (socket->state == BPF_TCP_NEW_SYN_RECV) {
    struct tcp_request_sock *request = bpf_skc_to_tcp_request_sock(socket);

    same = request && request->rcv_isn == segment->client_number;
  }
  bpf_sk_release(socket);
  return same;
}

static __always_inline int is_own_cookie(struct bpf_sock *listener, const struct packet *packet,
                                         const struct segment *segment, void *end)
{
  struct tcphdr *tcp = packet->transport;

  if (packet->is_icmp_error || (void *)(tcp + 1) > end)
    return 0;
  if ((segment->flags & (TCP_FLAG_BYTE_SYN | TCP_FLAG_BYTE_RST | TCP_FLAG_BYTE_ACK)) != TCP_FLAG_BYTE_ACK)
    return 0;
  if (packet->is_ipv6) {
    struct ipv6hdr *ip6 = packet->network;

    return (void *)(ip6 + 1) <= end && bpf_tcp_check_syncookie(listener, ip6, sizeof(*ip6), tcp, sizeof(*tcp)) == 0;
  }
  struct iphdr *ip4 = packet->network;

  return (void *)(ip4 + 1) <= end && bpf_tcp_check_syncookie(listener, ip4, sizeof(*ip4), tcp, sizeof(*tcp)) == 0;
}

static __always_inline enum relais_verdict judge_by_socket(void *context, const struct packet *packet,
                                                           const struct segment *segment, void *end)
{
  struct bpf_sock *socket = look_up_socket(context, packet, segment);
  enum relais_verdict verdict = RELAIS_PASS_SOCKET;

  if (!socket)
    return RELAIS_DROP_UNKNOWN;
  if (socket->state == BPF_TCP_LISTEN) {
    verdict = is_own_cookie(socket, packet, segment, end) ? RELAIS_PASS_COOKIE : RELAIS_DROP_UNKNOWN;
  } else if (socket->state == BPF_TCP_TIME_WAIT) {
    verdict = RELAIS_PASS_TIME_WAIT;
  } else if (socket->state == BPF_TCP_NEW_SYN_RECV) {
    struct tcp_request_sock *request = bpf_skc_to_tcp_request_sock(socket);

    verdict = request && request->snt_isn == segment->our_first_number ? RELAIS_PASS_REQUEST : RELAIS_DROP_REQUEST;
  }
  bpf_sk_release(socket);
  return verdict;
}

#endif
