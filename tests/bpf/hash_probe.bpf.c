/* Hashes the address that a "packet" carries, with the code of the data plane, for its test vectors. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "netfilter/bpf/siphash.h"
#include "tests/bpf/hash_probe.h"

char LICENSE[] SEC("license") = "GPL";

SEC("xdp")
int hash_probe(struct xdp_md* context) {
  struct hash_question* question = (void*)(long)context->data;

  if ((void*)(question + 1) > (void*)(long)context->data_end) return XDP_ABORTED;
  question->hash = question->bytes == 4 ? siphash13_ipv4(question->key0, question->key1, question->address[0])
                                        : siphash13_ipv6(question->key0, question->key1, question->address);
  return XDP_PASS;
}
