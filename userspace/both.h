/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Operations, each on the core and on the model, which must agree.
 */
#ifndef _KOBJTREE_BOTH_H
#define _KOBJTREE_BOTH_H

#include "model.h"

enum op_kind {
	OP_INIT,		/* a as kind b */
	OP_MEMBER,		/* a in b, c: plain */
	OP_HOLD,		/* a holds b, place c, d: give */
	OP_LINK,		/* a holds b, place c, d: give */
	OP_UNLINK,		/* of a, place b */
	OP_DROP,		/* a's newest edge to b */
	OP_MOVE,		/* from a, place b, to c, place d */
	OP_GET,			/* a, b: unless zero */
	OP_GET_HELD,		/* b, which a holds */
	OP_PUT,			/* a */
	OP_PUT_ASYNC,		/* a */
	OP_RUN,			/* the worker */
	OP_WEAK_SET,		/* weak a to b */
	OP_WEAK_GET,		/* weak a */
	OP_WEAK_CLEAR,		/* weak a */
	OP_ACTION,		/* of a, deed b, way c */
	OP_REMOVE,		/* of a, deed b */
	OP_RELEASE,		/* of a, deed b */
	OP_ALLOC,		/* of a, block b, c: a string */
	OP_KFREE,		/* of a, block b */
	OP_CARRY,		/* a carries b, in callback c, d: async */
	OP_UNDO,		/* in a's release, the bit b */
	NR_OPS,
};

struct op {
	unsigned char what, a, b, c, d;
};

void both_start(void);
bool both(struct op op);	/* false if it is not the caller's right */
void both_end(void);		/* everything goes */
unsigned long long both_state(void);
extern void (*both_failed)(void);

#endif /* _KOBJTREE_BOTH_H */
