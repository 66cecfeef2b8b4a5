/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sections against a removal in the per-CPU mode: a percpu_ref counts on two CPUs,
 * and in ->active all of them are one. The mark kills the percpu_ref; after a grace
 * period its callback adds up and drops the first reference. Whoever drops the last
 * one says so under the gate's lock, and has no reference to the object: the drain
 * takes that lock before it lets the object go. objtree/gate.c; the percpu_ref is
 * lib/percpu-refcount.c's, and a part of the model.
 *
 * Laws: no section when the drain is over; ->active falls once; nobody touches the
 * gate when its object is gone; nobody waits for ever.
 */
short percpu[2];		/* what each CPU has counted */
#define BIAS	8		/* nobody comes to 0 before all was added up */
short count = 1 + BIAS;		/* the first reference, then all */
bool killed, switched;
byte readers;			/* in an RCU read section, in the per-CPU mode */
bool closed;			/* ->active is KOBJTREE_GATE_CLOSED */
bool lock, gone;
byte sections;

#define LOCK	atomic { !lock -> lock = true }
#define UNLOCK	lock = false
#define TOUCH	assert(!gone)

/* kobjtree_gate_idle_percpu() */
inline idle()
{
#ifdef WRONG_IDLE_NO_LOCK
	closed = true;
	TOUCH			/* the queue that it wakes */
#else
	LOCK;
	TOUCH;
	assert(!closed);
	closed = true;
	TOUCH;
	UNLOCK
#endif
}

inline count_put()
{
	atomic { count--; last = (count == 0) };
	if
	:: last -> idle()
	:: else
	fi
}

proctype section(byte cpu)
{
	bool in, last;

	/* percpu_ref_tryget_live(), in rcu_read_lock() */
	readers++;
#ifdef WRONG_NOT_LIVE
	in = true;
#else
	in = !killed;
#endif
	if
	:: in && !switched -> percpu[cpu]++
	:: in && switched -> count++
	:: else
	fi;
	readers--;
	if
	:: in ->
		sections++;
		assert(!gone);
		sections--;
		/* percpu_ref_put(), perhaps on another CPU */
		readers++;
		if
		:: !switched -> percpu[1 - cpu]--; readers--
		:: else -> readers--; count_put()
		fi
	:: else
	fi
}

/* kobjtree_mark(), kobjtree_drain(), then the last put */
proctype remover()
{
	LOCK;
	killed = true;		/* percpu_ref_kill() */
	UNLOCK;
	closed;			/* the drain */
#ifndef WRONG_DRAIN_NO_LOCK
	LOCK;
	UNLOCK;
#endif
	assert(sections == 0);
	gone = true
}

/* What percpu_ref_kill() leaves to RCU */
proctype grace()
{
	bool last;

	killed;
	/* it is seen by who comes from now on: percpu_ref_switch_to_atomic_rcu() */
	switched = true;
#ifndef WRONG_NO_GRACE
	readers == 0;
#endif
	atomic { count = count + percpu[0] + percpu[1] - BIAS };
	count_put()
}

init {
	atomic {
		run section(0);
		run section(1);
		run remover();
		run grace()
	};
	_nr_pr == 1;
	assert(gone && closed && count == 0)
}
