/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two unlinkers of one edge, or fewer, beside the last put of its holder: each has a
 * reference to the holder, and drops that afterwards. The held object has the edge's reference
 * alone. kobjtree_unlink() of objtree/edge.c, kobjtree_pop_edge() of
 * objtree/teardown.c. Holder and held share a bucket, so that a put under its lock
 * would take it twice.
 *
 * Laws: the edge's reference is dropped once; one unlinker at most says that it did;
 * nobody touches the edge after its holder is freed; nobody waits for ever.
 */
bool lock;
bool linked = true;		/* edge->node.pprev */
byte holder = 1, held = 1;	/* counts */
byte dropped, said;
bool freed, held_freed;

#define LOCK	atomic { !lock -> lock = true }
#define UNLOCK	lock = false

inline put_held()
{
	bool last_held;

	atomic {
		assert(held > 0);
		held--;
		dropped++;
		last_held = (held == 0)
	};
	if
	:: last_held ->
		LOCK;		/* its own teardown: weak references, actions */
		held_freed = true;
		UNLOCK
	:: else
	fi
}

inline put_holder()
{
	bool last;

	atomic {
		holder--;
		last = (holder == 0)
	};
	if
	:: last ->
		/* step 4: the list is the cascade's alone */
		if
		:: linked -> linked = false; put_held()
		:: else
		fi;
		freed = true
	:: else
	fi
}

proctype unlinker()
{
	bool mine;

#ifdef WRONG_NO_REFERENCE
	put_holder();
#endif
#ifdef WRONG_CHECK_OUTSIDE
	mine = linked;
	LOCK;
	assert(!freed);
	linked = false;
#else
	LOCK;
	assert(!freed);
	mine = linked;
#ifndef WRONG_NOT_CLEARED
	linked = false;
#endif
#endif
#ifdef WRONG_PUT_UNDER_LOCK
	if
	:: mine -> said++; put_held()
	:: else
	fi;
	UNLOCK;
#else
	UNLOCK;
	if
	:: mine -> said++; put_held()
	:: else
	fi;
#endif
	assert(said <= 1);
#ifndef WRONG_NO_REFERENCE
	put_holder()
#endif
}

proctype putter()
{
	put_holder()
}

init {
	atomic {
		if
		:: skip
		:: holder++; run unlinker()
		:: holder++; run unlinker(); holder++; run unlinker()
		fi;
		run putter()
	};
	_nr_pr == 1;
	assert(freed && held_freed && dropped == 1)
}
