/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The collector against who comes between: of two objects, 0 => 1 => 0, one weak
 * reference to each; a third, 2 => 2, which a user has. Users find, go along an edge,
 * link, unlink and drop; one pass looks, condemns and commits. objtree/cyclic.c
 *
 * Laws: what died nobody has, and nothing that lives holds; nobody gets hold of it.
 */
#define N	3

#define IDLE	0
#define LOOKING	1
#define RESCUED	2
#define COMMITTED 3

#define UNKNOWN	0
#define TOUCHED	1
#define GARBAGE	2
#define DEAD	3

byte count[N];			/* references */
byte mine[N];			/* of these, outside ones: for the laws alone */
bool next01 = true, next10 = true, self2 = true, next21;	/* the edges */
byte state[N];
byte phase = IDLE;
bool lock[N];

#define LOCK(o)		atomic { !lock[o] -> lock[o] = true }
#define UNLOCK(o)	lock[o] = false

/* kobjtree_cyclic_touch(): dead is set if it is */
inline touch(o)
{
	dead = false;
	if
	:: phase == IDLE
	:: else ->
		atomic { old = state[o]; state[o] = TOUCHED };
#ifndef WRONG_NO_RESCUE
		if
		:: old == GARBAGE ->
			atomic {
				if
				:: phase == LOOKING -> phase = RESCUED
				:: phase == COMMITTED -> dead = true
				:: else
				fi
			}
		:: else
		fi
#endif
	fi
}

/* kobjtree_weak_get() of one that has a weak reference until it is dead */
inline weak_get(o)
{
	LOCK(o);
	if
	:: state[o] == DEAD -> got = N
	:: else ->
		count[o]++;
		got = o;
#ifndef WRONG_WEAK_GET_WITHOUT_TOUCH
		touch(o);
		if
		:: dead ->
			if
			:: state[o] != DEAD -> state[o] = GARBAGE
			:: else
			fi;
			count[o]--;
			got = N
		:: else
		fi
#endif
	fi;
	if
	:: got == o -> mine[o]++
	:: else
	fi;
	assert(got == N || state[o] != DEAD);
	UNLOCK(o)
}

inline put(o)
{
	assert(state[o] != DEAD);
	atomic { count[o]--; mine[o]-- }
}

/* kobjtree_cyclic_get() of what the user's @o leads to, which then goes */
inline go_along(o, to)
{
	assert(state[to] != DEAD);
	atomic { count[to]++; mine[to]++ };
#ifndef WRONG_GO_ALONG_WITHOUT_TOUCH
	touch(to);
#endif
	put(o)
}

/* kobjtree_link() of 2 => 1; the user keeps its reference to 1, and drops 2 */
inline link21()
{
	count[1]++;
#ifndef WRONG_LINK_WITHOUT_TOUCH
	touch(1);
#endif
	LOCK(2);
	next21 = true;
	UNLOCK(2)
}

inline unlink21()
{
	LOCK(2);
	next21 = false;
	UNLOCK(2);
	count[1]--
}

/* Finds 0, goes along, drops. */
proctype finder()
{
	byte got, old;
	bool dead;

	weak_get(0);
	if
	:: got == 0 ->
		go_along(0, 1);
		put(1)
	:: else
	fi
}

/* Has 2; finds 1, links it, drops 2, or unlinks it before. */
proctype linker()
{
	byte got, old;
	bool dead;

	weak_get(1);
	if
	:: got == 1 ->
		link21();
		if
		:: unlink21()
		:: skip
		fi;
		put(2);
		put(1)
	:: else ->
		put(2)
	fi
}

byte outside[N], seen01, seen10, seen22, seen21;
bool reached[N];

#define reach()	\
	do \
	:: reached[0] && seen01 && !reached[1] -> reached[1] = true \
	:: reached[1] && seen10 && !reached[0] -> reached[0] = true \
	:: reached[2] && seen21 && !reached[1] -> reached[1] = true \
	:: else -> break \
	od

/* kobjtree_see_all(), for one object: its references, then its edges */
inline see(o)
{
#ifndef WRONG_EDGES_FIRST
	outside[o] = count[o] - 1;
#endif
	LOCK(o);
	if
	:: o == 0 -> seen01 = next01
	:: o == 1 -> seen10 = next10
	:: o == 2 -> atomic { seen22 = self2; seen21 = next21 }
	fi;
	UNLOCK(o);
#ifdef WRONG_EDGES_FIRST
	outside[o] = count[o] - 1
#endif
}

inline condemn(o)
{
	if
	:: reached[o] ->
		atomic {
			if
			:: state[o] == GARBAGE -> state[o] = UNKNOWN
			:: else
			fi
		}
	:: else ->
		atomic {
			if
			:: state[o] == UNKNOWN -> state[o] = GARBAGE
			:: state[o] == TOUCHED -> outside[o] = 1; all = false
			:: else
			fi
		}
	fi
}

inline kill(o)
{
	if
	:: !reached[o] ->
		LOCK(o);
		state[o] = DEAD;
		UNLOCK(o)
	:: else
	fi
}

/* Of each order in which objects can be looked at, one. */
proctype collector()
{
	bool all;

	phase = LOOKING;
	atomic { count[0]++; state[0] = UNKNOWN };
	atomic { count[1]++; state[1] = UNKNOWN };
	atomic { count[2]++; state[2] = UNKNOWN };
	if
	:: see(0); see(1); see(2)
	:: see(1); see(0); see(2)
	:: see(2); see(1); see(0)
	:: see(1); see(2); see(0)
	fi;
	atomic {
		outside[0] = outside[0] - seen10;
		outside[1] = outside[1] - seen01 - seen21;
		outside[2] = outside[2] - seen22
	};
	do
	:: atomic {
		reached[0] = (reached[0] || (outside[0] > 0 && outside[0] < 128));
		reached[1] = (reached[1] || (outside[1] > 0 && outside[1] < 128));
		reached[2] = (reached[2] || (outside[2] > 0 && outside[2] < 128));
		reach()
	   };
	   phase = LOOKING;
	   all = true;
	   condemn(0);
	   condemn(1);
	   condemn(2);
#ifdef WRONG_COMMIT_WITHOUT_LOOKING
	   phase = COMMITTED;
	   break;
#endif
	   atomic {
		if
		:: all && phase == LOOKING -> phase = COMMITTED; break
		:: else
		fi
	   }
	od;
	/* The moment of their death. */
	atomic {
		assert(reached[0] || !mine[0]);
		assert(reached[1] || !mine[1]);
		assert(reached[2] || !mine[2]);
		assert(reached[1] || !next21 || !reached[2])
	};
	kill(0);
	kill(1);
	kill(2);
	phase = IDLE
}

init {
	atomic {
		count[0] = 1;
		count[1] = 1;
		count[2] = 2;
		mine[2] = 1;
		run finder();
		run linker();
		run collector()
	}
}
