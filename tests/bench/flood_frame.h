/* The frame that the generator repeats: a SYN to a VIP. Only the second half of its source address varies. */
#pragma once

#include <linux/types.h>

enum {
  FLOOD_HALF_WORDS = 30,  /* 60 bytes: the least that Ethernet carries */
  FLOOD_IP_CHECKSUM = 12, /* half words from the start of the frame */
  FLOOD_SOURCE = 14,      /* its second half */
  FLOOD_TCP_CHECKSUM = 25,
};

struct flood_frame {
  __u16 half_words[FLOOD_HALF_WORDS]; /* as in memory */
  __u32 ip_sum;                       /* one's complement sums without the varying half word and the checksum */
  __u32 tcp_sum;
};
