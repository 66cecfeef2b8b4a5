/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Last puts against weak references: of two objects, one weak reference to the
 * first, which is then set to the second, while others get it and the last
 * references go. objtree/weak.c; the walk through the bucket is one step.
 *
 * Laws: nobody touches an object that was freed, nor the weak reference once its
 * user saw that it names nothing and freed it; who gets an object gets it alive;
 * each object is torn down once.
 */
#define NULL	2

byte count[2];			/* references */
bool freed[2], released[2];
bool lock[2];			/* each object's bucket is another one */
byte weak = 0;			/* what it names */
bool listed[2];			/* the weak reference is in the bucket */
bool weak_freed;
byte nr_done;

#define LOCK(o)		atomic { !lock[o] -> lock[o] = true }
#define UNLOCK(o)	lock[o] = false

/* kobjtree_weak_forget(), the lock held */
inline forget(o)
{
	assert(!weak_freed);
#ifdef WRONG_STORE_FIRST
	weak = NULL;
	assert(!weak_freed);
	listed[o] = false;
#else
	listed[o] = false;
	weak = NULL;
#endif
}

/* kobjtree_weak_kill() */
inline kill(o)
{
	LOCK(o);
	if
	:: listed[o] -> forget(o)
	:: else
	fi;
	UNLOCK(o)
}

/* kobjtree_put() and the teardown, as far as it matters */
inline put(o)
{
	atomic {
		assert(count[o] > 0);
		count[o]--;
		last = (count[o] == 0)
	};
	if
	:: last ->
		assert(!released[o]);
#ifndef WRONG_KILL_AFTER_FREE
		kill(o);
#endif
		released[o] = true;
		freed[o] = true;
#ifdef WRONG_KILL_AFTER_FREE
		kill(o)
#endif
	:: else
	fi
}

/* kobjtree_weak_lock(): o is what is locked, or NULL */
inline weak_lock(o)
{
	do
	:: o = weak;
		if
		:: o == NULL -> break
		:: else
		fi;
#ifndef WRONG_NO_LOCK
		LOCK(o);
#endif
#ifdef WRONG_NO_RECHECK
		break;
#endif
		if
		:: weak == o -> break
		:: else
		fi;
#ifndef WRONG_NO_LOCK
		UNLOCK(o);
#endif
	od
}

/* kobjtree_weak_get() */
proctype getter()
{
	byte o, got;
	bool last;

	weak_lock(o);
	if
	:: o != NULL ->
		got = weak;
		if
		:: got == NULL
		:: else ->
			assert(!freed[got]);
			atomic {
#ifdef WRONG_GET_DEAD
				count[got]++
#else
				if
				:: count[got] > 0 -> count[got]++
				:: else -> got = NULL
				fi
#endif
			}
		fi;
#ifndef WRONG_NO_LOCK
		UNLOCK(o);
#endif
		if
		:: got != NULL ->
			assert(!released[got] && !freed[got]);
			put(got)
		:: else
		fi
	:: else
	fi;
	nr_done++
}

/* The user of the weak reference: kobjtree_weak_set(), then it looks on. */
proctype setter()
{
	byte o;
	bool last;

	weak_lock(o);
	if
	:: o != NULL -> forget(o); UNLOCK(o)
	:: else
	fi;
	LOCK(1);
	listed[1] = true;
	weak = 1;
	UNLOCK(1);
	put(1);
	weak_lock(o);
	if
	:: o != NULL -> forget(o); UNLOCK(o)
	:: else
	fi;
	/* the getters are the user's, and over before it frees */
	nr_done == 2;
	weak_freed = true
}

proctype putter(byte o)
{
	bool last;

	put(o)
}

init {
	atomic {
		count[0] = 1;
		count[1] = 2;
		listed[0] = true;
		run setter();
		run getter();
		run getter();
		run putter(0);
		run putter(1)
	}
}
