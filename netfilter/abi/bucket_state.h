/* What a node does with packets of one bucket of a VIP's clients: DESIGN "Data plane". Shared by BPF and C++ (base/bucket_state.h
 * has the same numbers, checked by the loader). 0 is the state of a map that nobody has filled yet: answer nothing. */
#ifndef RELAIS_ABI_BUCKET_STATE_H
#define RELAIS_ABI_BUCKET_STATE_H

enum relais_bucket_state {
	RELAIS_FOREIGN = 0,  /* someone else's: drop */
	RELAIS_LEFTOVER = 1, /* previous owner: only packets that a local socket has */
	RELAIS_SHADOW = 2,   /* standby: SYNs wait in the hold, the rest as leftover (the hold: a later issue; now as leftover) */
	RELAIS_ADOPT = 3,    /* new owner while others have leftovers: unknown segments are dropped silently */
	RELAIS_SERVE = 4,    /* owner */
};

#endif
