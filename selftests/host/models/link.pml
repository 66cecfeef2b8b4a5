/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Links against links that would together close a cycle: three tasks link A to B,
 * B to C and C to A; a fourth unlinks B from something else, which held it before. The
 * sticky bit, the mutex and the walk are those of objtree/edge.c and objtree/cycle.c; one look at an object's
 * edges is one step. (selftests/host/link_interleave.c looks at more graphs.)
 *
 * Laws: no three edges at a time; one is refused, and only one; nobody waits for ever.
 */
#define N	3
#define NEXT(o)	((o + 1) % N)

bool edge[N];		/* edge[o]: from o to the next one */
bool was_held[N];	/* KOBJTREE_HELD */
bool mutex;
byte refused, linked;

inline insert(o)
{
	atomic {
		edge[o] = true;
		linked++;
		assert(!(edge[0] && edge[1] && edge[2]))
	}
}

/* kobjtree_reaches(): from the next of o, edge by edge, to o? */
inline walk(o, at, found)
{
	at = NEXT(o);
	found = false;
	do
	:: at == o -> found = true; break
	:: at != o && edge[at] -> at = NEXT(at)
	:: at != o && !edge[at] -> break
	od
}

/* kobjtree_add() */
proctype linker(byte o)
{
	byte at;
	bool found, must_walk;

#ifdef WRONG_CHECK_BEFORE_SET
	must_walk = was_held[o];
	was_held[NEXT(o)] = true;
#else
	was_held[NEXT(o)] = true;	/* kobjtree_mark_held() */
#endif
	/* kobjtree_edge_add(), under the lock of o */
	atomic {
#ifndef WRONG_CHECK_BEFORE_SET
		must_walk = was_held[o];
#endif
		if
		:: !must_walk -> insert(o)
		:: else
		fi
	};
	if
	:: must_walk ->
#ifdef WRONG_WALK_BEFORE_MUTEX
		walk(o, at, found);
#endif
#ifndef WRONG_NO_MUTEX
		atomic { !mutex -> mutex = true };
#endif
#ifndef WRONG_WALK_BEFORE_MUTEX
		walk(o, at, found);
#endif
		if
		:: found -> refused++
		:: else -> insert(o)
		fi;
		mutex = false
	:: else
	fi
}

proctype unlinker()
{
	atomic {
		skip;
#ifdef WRONG_NOT_STICKY
		was_held[1] = edge[0]
#endif
	}
}

init {
	atomic {
		was_held[1] = true;
		run linker(0);
		run linker(1);
		run linker(2);
		run unlinker()
	};
	_nr_pr == 1;
	assert(refused == 1 && linked == N - 1)
}
