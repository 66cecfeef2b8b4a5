/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Members against their container: an allocation with a container and two members,
 * each with one reference from outside, put by three tasks. The container's release
 * and the members' teardown touch the one memory.
 * kobjtree_init_member() of objtree/object.c, kobjtree_step_free() of
 * objtree/teardown.c.
 *
 * Laws: nobody touches the memory after it was freed; it is freed once, after all
 * three releases; no member's release runs after the container's.
 */
#define CONTAINER	0
#define OBJECTS		3

byte count[OBJECTS];
byte released, freed;

#define TOUCH	assert(!freed)

inline last_put(o, last)
{
	atomic {
		assert(count[o] > 0);
		count[o]--;
		last = (count[o] == 0)
	}
}

/* The container as the last act of whoever drops its last reference */
inline end_container()
{
	TOUCH;
	released++;
#ifndef WRONG_EARLY
	assert(released == OBJECTS);
#endif
	TOUCH;
	atomic { freed++; assert(freed == 1) }
}

/* What a member's teardown does before step 6 */
inline work()
{
	TOUCH;
	released++;		/* its release */
	TOUCH			/* actions, edges, memory */
}

proctype member(byte o)
{
	bool last;

	TOUCH;
	last_put(o, last);
	assert(last);
#ifdef WRONG_EARLY
	/* dropped with the edges, before the rest */
	last_put(CONTAINER, last);
	if
	:: last -> end_container()
	:: else
	fi;
	work()
#else
	work();
#ifndef WRONG_NO_REFERENCE
	last_put(CONTAINER, last);
#else
	last = false;
#endif
#ifdef WRONG_TOUCH_AFTER
	TOUCH;			/* as a c->top = obj->link after it would */
#endif
	if
	:: last -> end_container()
	:: else
	fi
#endif
}

proctype container()
{
	bool last;

	TOUCH;
	last_put(CONTAINER, last);
	if
	:: last -> end_container()
	:: else
	fi
}

init {
	atomic {
#ifdef WRONG_NO_REFERENCE
		count[CONTAINER] = 1;
#else
		count[CONTAINER] = OBJECTS;
#endif
		count[1] = 1;
		count[2] = 1;
		run container();
		run member(1);
		run member(2)
	}
	/* everything is over: then it is freed */
	_nr_pr == 1;
	assert(freed == 1 && released == OBJECTS)
}
