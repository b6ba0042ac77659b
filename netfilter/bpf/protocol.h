/* Numbers of the protocols; vmlinux.h has types but no macros. */
#ifndef RELAIS_BPF_PROTOCOL_H
#define RELAIS_BPF_PROTOCOL_H

enum {
  ETHERTYPE_IPV4 = 0x0800,
  ETHERTYPE_ARP = 0x0806,
  ETHERTYPE_IPV6 = 0x86dd,
};

enum {
  PROTOCOL_HOP_BY_HOP = 0,
  PROTOCOL_ICMP = 1,
  PROTOCOL_TCP = 6,
  PROTOCOL_ROUTING = 43,
  PROTOCOL_FRAGMENT = 44,
  PROTOCOL_ICMP6 = 58,
  PROTOCOL_DESTINATION_OPTIONS = 60,
};

/* RFC 791: flags and offset of a fragment. RFC 8200: the same in the fragment header, offset in the upper 13 bits. */
enum {
  IPV4_MORE_FRAGMENTS = 0x2000,
  IPV4_FRAGMENT_OFFSET = 0x1fff,
  IPV6_FRAGMENT_OFFSET = 0xfff8,
};

/* RFC 792, 4443, 4861. */
enum {
  ICMP_UNREACHABLE = 3,
  ICMP_TIME_EXCEEDED = 11,
  ICMP_PARAMETER_PROBLEM = 12,
  ICMP6_FIRST_ERROR = 1,
  ICMP6_LAST_ERROR = 4,
  NDP_FIRST = 133,
  NDP_NEIGHBOUR_SOLICITATION = 135,
  NDP_NEIGHBOUR_ADVERTISEMENT = 136,
  NDP_LAST = 137,
};

enum {
  TCP_FLAG_BYTE_SYN = 0x02,
  TCP_FLAG_BYTE_RST = 0x04,
  TCP_FLAG_BYTE_ACK = 0x10,
};

enum {
  MAC_LENGTH = 6
};

/* RELAIS_HOLD_MARKER in the two parts in which the packet path compares and stores it, in memory order. */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define MARKER_FIRST ((__u16)0x0272)
#define MARKER_REST ((__u32)0x656c6169)
#else
#define MARKER_FIRST ((__u16)0x7202)
#define MARKER_REST ((__u32)0x69616c65)
#endif

/* Let later filters run, accept if there is none; drop. (linux/pkt_cls.h) */
enum {
  TC_UNSPECIFIED = -1,
  TC_SHOT = 2,
};

/* linux/if_packet.h */
enum {
  PACKET_TYPE_HOST = 0,
  PACKET_TYPE_MULTICAST = 2,
};

#endif
