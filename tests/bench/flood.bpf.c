/* The generator of the flood and the programs that do nothing, which the others are measured against. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "tests/bench/flood_frame.h"

char LICENSE[] SEC("license") = "GPL";

const volatile struct flood_frame frame = {};
const volatile __u32 target = 0; /* interface that the frames leave by */
__u32 sent = 0;

static __always_inline __u16 fold(__u32 sum) {
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return ~sum;
}

/* Writes the whole frame anew: live frames are recycled with what the receiver left in them. */
SEC("xdp")
int generate(struct xdp_md* context) {
  __u16* out = (void*)(long)context->data;
  __u16 source = sent++;

  if ((void*)(out + FLOOD_HALF_WORDS) > (void*)(long)context->data_end) return XDP_ABORTED;
#pragma unroll
  for (int i = 0; i < FLOOD_HALF_WORDS; i++) out[i] = frame.half_words[i];
  out[FLOOD_SOURCE] = source;
  out[FLOOD_IP_CHECKSUM] = fold(frame.ip_sum + source);
  out[FLOOD_TCP_CHECKSUM] = fold(frame.tcp_sum + source);
  return bpf_redirect(target, 0);
}

SEC("xdp")
int null_drop(struct xdp_md* context) { return XDP_DROP; }

SEC("tc")
int null_tc(struct __sk_buff* skb) { return -1; }
