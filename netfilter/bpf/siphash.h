/* SipHash-1-3 of one client address: the BPF twin of base/siphash.h, bound to it by
 * tests/unit/netfilter/siphash_vectors.h. Unrolled for exactly 4 and 16 bytes: this is the packet path, and a loop
 * over bytes costs three times as much. Source: Aumasson & Bernstein, "SipHash: a fast short-input PRF", with c = 1,
 * d = 3. */
#ifndef RELAIS_BPF_SIPHASH_H
#define RELAIS_BPF_SIPHASH_H

struct sip_state {
  __u64 v0, v1, v2, v3;
};

static __always_inline __u64 rotate_left(__u64 word, int bits)
{
  return (word << bits) | (word >> (64 - bits));
}

/* The specification reads input as little-endian words; addresses are in network order, byte for byte in memory. */
static __always_inline __u64 little_endian(__u32 word)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  return __builtin_bswap32(word);
#else
  return word;
#endif
}

static __always_inline void sip_round(struct sip_state *s)
{
  s->v0 += s->v1;
  s->v1 = rotate_left(s->v1, 13) ^ s->v0;
  s->v0 = rotate_left(s->v0, 32);
  s->v2 += s->v3;
  s->v3 = rotate_left(s->v3, 16) ^ s->v2;
  s->v0 += s->v3;
  s->v3 = rotate_left(s->v3, 21) ^ s->v0;
  s->v2 += s->v1;
  s->v1 = rotate_left(s->v1, 17) ^ s->v2;
  s->v2 = rotate_left(s->v2, 32);
}

static __always_inline void sip_start(struct sip_state *s, __u64 key0, __u64 key1)
{
  s->v0 = 0x736f6d6570736575ULL ^ key0;
  s->v1 = 0x646f72616e646f6dULL ^ key1;
  s->v2 = 0x6c7967656e657261ULL ^ key0;
  s->v3 = 0x7465646279746573ULL ^ key1;
}

static __always_inline void sip_word(struct sip_state *s, __u64 word)
{
  s->v3 ^= word;
  sip_round(s);
  s->v0 ^= word;
}

static __always_inline __u64 sip_finish(struct sip_state *s)
{
  s->v2 ^= 0xff;
  sip_round(s);
  sip_round(s);
  sip_round(s);
  return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

/* `address` in network order. */
static __always_inline __u64 siphash13_ipv4(__u64 key0, __u64 key1, __be32 address)
{
  struct sip_state s;

  sip_start(&s, key0, key1);
  sip_word(&s, (4ULL << 56) | little_endian(address));
  return sip_finish(&s);
}

/* `address`: 4 words in network order. */
static __always_inline __u64 siphash13_ipv6(__u64 key0, __u64 key1, const __be32 *address)
{
  struct sip_state s;

  sip_start(&s, key0, key1);
  sip_word(&s, little_endian(address[1]) << 32 | little_endian(address[0]));
  sip_word(&s, little_endian(address[3]) << 32 | little_endian(address[2]));
  sip_word(&s, 16ULL << 56);
  return sip_finish(&s);
}

#endif
