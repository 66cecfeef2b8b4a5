/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sections against two removers, in the default mode: ->active counts, and the mark
 * adds CLOSED to it. Who adds one to a count that is negative takes it back. A task opens the gate beside them. Whoever waits sleeps, until
 * it is woken. kobjtree_enter() and kobjtree_exit() of kobjtree_gate.h, the phases of
 * objtree/gate.c; the object goes when the removers and sections have put it.
 *
 * Laws: while a section runs the hardware is there; each callback runs once, wake
 * before quiesce; a remover that returns finds it stopped; nobody touches the gate
 * when its object is gone; nobody waits for ever.
 */
#define CLOSED	10
#define INIT	0
#define LIVE	1
#define MARKED	2
#define DRAINED	3
#define QUIET	4

short count = -CLOSED;
byte state = INIT;
bool lock;			/* gate->wait.lock */
bool begun[2], over[2];		/* wake, quiesce */
byte woken, quiesced, sections;
byte refs = 5;
byte wakes;			/* of gate->wait: how often, in a ring */

#define LOCK	atomic { !lock -> lock = true }
#define UNLOCK	lock = false
#define TOUCH	assert(refs > 0)

/* wake_up_all(), which takes the lock of the queue */
inline wake_up()
{
	LOCK;
	TOUCH;
	wakes = (wakes + 1) % 16;
	UNLOCK
}

/* wait_event(): a wake-up after the look at the condition ends the sleep */
#define WAIT(condition)				\
	do					\
	:: atomic {				\
		TOUCH;				\
		if				\
		:: condition -> break		\
		:: else -> before = wakes	\
		fi				\
	   };					\
	   wakes != before			\
	od

proctype section()
{
	bool in, idle;

	TOUCH;
	if
	:: state == LIVE ->
		/* atomic_inc_return_acquire() */
		atomic { TOUCH; count++; in = (count > 0) };
#ifdef WRONG_ENTER_LOOKS_ONCE
		in = true;
#endif
		if
		:: in ->
			sections++;
			assert(quiesced == 0);
			sections--
		:: else
		fi;
#ifdef WRONG_ENTER_KEEPS
		if
		:: !in -> refs--; goto end
		:: else
		fi;
#endif
		/* kobjtree_exit_non_owner(), after a section or for none */
		atomic { count--; idle = (count == -CLOSED) };
#ifndef WRONG_EXIT_NO_WAKE
		if
		:: idle -> wake_up()
		:: else
		fi
#endif
	:: else
	fi;
	refs--;
#ifdef WRONG_ENTER_KEEPS
end:	skip
#endif
}

/* kobjtree_gate_live() */
proctype opener()
{
	LOCK;
	if
#ifdef WRONG_LIVE_WHEN_MARKED
	:: state != LIVE ->
#else
	:: state == INIT ->
#endif
		state = LIVE;
#ifdef WRONG_LIVE_STORES
		count = 0
#else
		count = count + CLOSED
#endif
	:: else
	fi;
	UNLOCK;
	refs--
}

/* kobjtree_phase_begin(), the callback, kobjtree_phase_end() */
inline phase(which, callback)
{
#ifdef WRONG_PHASE_IN_TWO
	first = !begun[which];
	LOCK;
#else
	LOCK;
	first = !begun[which];
#endif
	begun[which] = true;
	UNLOCK;
	if
	:: first ->
		assert(sections == 0 || which == 0);
		callback++;
		assert(callback == 1);
		LOCK;
		state = (which == 1 -> QUIET : state);
		over[which] = true;
		UNLOCK;
		wake_up()
#ifndef WRONG_LATER_RETURNS
	:: else -> WAIT(over[which])
#else
	:: else
#endif
	fi
}

/* kobjtree_unplug() */
proctype remover()
{
	bool first;
	byte before;

	/* kobjtree_mark() */
	LOCK;
	if
	:: state < MARKED ->
		first = (state == LIVE);
		state = MARKED;
		if
		:: first ->
#ifdef WRONG_MARK_STORES
			count = -CLOSED
#else
			count = count - CLOSED
#endif
		:: else
		fi
	:: else
	fi;
	UNLOCK;
	wake_up();
	phase(0, woken);
	/* kobjtree_do_drain() */
#ifndef WRONG_NO_DRAIN
	WAIT(count == -CLOSED);
#endif
	LOCK;
	if
	:: state == MARKED -> state = DRAINED
	:: else
	fi;
	UNLOCK;
	phase(1, quiesced);
	assert(woken == 1 && quiesced == 1 && sections == 0 && state == QUIET);
	assert(count < 0);
	refs--
}

init {
	atomic {
		run opener();
		run section();
		run section();
		run remover();
		run remover()
	}
}
