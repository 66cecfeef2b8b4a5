/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sections against a removal in the per-CPU mode: each CPU counts those that began on
 * it and those that ended, and nothing but the grace period of the mark orders an
 * addition and the look at the gate that follows it. objtree/gate.c.
 *
 * What a CPU adds lies in its store buffer first. It gets out at any time, in order;
 * by a barrier; and by a grace period, which is one on each CPU. A section may end on
 * another CPU than it began on: that it moves is a barrier, too.
 *
 * Laws: while a section runs the drain is not over; nobody touches the gate when its
 * object is gone; nobody waits for ever.
 */
byte begun[2], ended[2];	/* as the others see them */
byte new_begun[2], new_ended[2]; /* in the store buffers, the begun first */
bool open = true, marked;
byte sections, refs = 3;
byte wakes;			/* of gate->wait: how often, in a ring */

#define TOUCH	assert(refs > 0)

inline barrier(cpu)
{
	atomic {
		begun[cpu] = begun[cpu] + new_begun[cpu];
		ended[cpu] = ended[cpu] + new_ended[cpu];
		new_begun[cpu] = 0;
		new_ended[cpu] = 0
	}
}

/* kobjtree_gate_idle(): the lock of the queue is a barrier, too */
inline idle(cpu)
{
	barrier(cpu);
	TOUCH;
	wakes = (wakes + 1) % 16
}

/* kobjtree_exit_marked() */
inline exit_marked(cpu)
{
	barrier(cpu);
	new_ended[cpu]++;
	idle(cpu)
}

proctype section(byte cpu)
{
	bool in;
	byte to = cpu;

	/* kobjtree_enter_non_owner() */
	TOUCH;
	if
	:: open ->
		new_begun[cpu]++;
#ifdef WRONG_ENTER_LOOKS_ONCE
		in = true;
#else
		in = !marked;
#endif
		if
		:: in ->
			sections++;
			sections--;
			if
			:: to = 1 - cpu;
			   barrier(cpu)
			:: skip
			fi;
			/* kobjtree_exit_non_owner() */
			TOUCH;
			if
			:: open ->
				new_ended[to]++;
#ifndef WRONG_EXIT_NO_WAKE
				if
				:: marked -> idle(to)
				:: else
				fi
#endif
			:: else -> exit_marked(to)
			fi
		:: else ->
#ifndef WRONG_ENTER_KEEPS
			exit_marked(cpu)
#endif
		fi
	:: else
	fi;
	/* a put, which is a barrier */
	barrier(to);
	refs--
}

/* The store buffer of a CPU gets out by itself. */
proctype buffer(byte cpu)
{
end:	do
	:: atomic { new_begun[cpu] > 0 -> new_begun[cpu]--; begun[cpu]++ }
	:: atomic { new_begun[cpu] == 0 && new_ended[cpu] > 0 ->
		new_ended[cpu]--; ended[cpu]++ }
	od
}

/* kobjtree_sections_percpu() */
inline look()
{
#ifdef WRONG_BEGUN_FIRST
	n = begun[0];
	n = n + begun[1];
	n = n - ended[0];
	n = n - ended[1]
#else
	n = 0 - ended[0];
	n = n - ended[1];
	n = n + begun[0];
	n = n + begun[1]
#endif
}

/* kobjtree_mark(), kobjtree_drain(), then the last put */
proctype remover()
{
	short n;
	byte before;

	marked = true;
	open = false;
#ifndef WRONG_NO_GRACE
	/* cond_synchronize_rcu() */
	barrier(0);
	barrier(1);
#endif
	do
	:: before = wakes;
	   look();
	   if
	   :: n == 0 -> break
	   :: else -> wakes != before
	   fi
	od;
	assert(sections == 0);
	refs--
}

init {
	atomic {
		run buffer(0);
		run buffer(1);
		run section(0);
		run section(1);
		run remover()
	};
	refs == 0;
	assert(begun[0] + begun[1] == ended[0] + ended[1])
}
