/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hand-over of last puts to the worker, against the barrier in module exit: two
 * tasks defer an object each, a third tears one down itself, one waits. When the
 * barrier is over, the module is gone, and with it the owner's record and the text of
 * every release. objtree/owner.c; the work item is a workqueue's: queued at most once,
 * and never run beside itself.
 *
 * Laws: nobody touches the record or runs the module's text when they are gone; every
 * object is torn down; nobody waits for ever.
 */
byte count = 3;		/* owner->count: three objects */
byte deferred;		/* objects on the list */
bool queued, running;	/* the work item */
bool gone;
byte torn;

#define TOUCH	assert(!gone)

/* kobjtree_owner_put(): the last touch */
inline owner_put()
{
	atomic {
		TOUCH;
		assert(count > 0);
		count--
	}
}

/* kobjtree_teardown() of an object, with kobjtree_step_free() at its end */
inline teardown()
{
#ifdef WRONG_COUNT_FIRST
	owner_put();
	TOUCH;			/* the release */
	torn++
#else
	TOUCH;			/* the release */
	torn++;
	owner_put()
#endif
}

/* kobjtree_defer() */
proctype putter()
{
	bool first;

	atomic { TOUCH; count++ };
#ifdef WRONG_QUEUE_FIRST
	atomic { TOUCH; queued = true };
#endif
	atomic {
		TOUCH;
		first = (deferred == 0);
		deferred++
	};
#ifdef WRONG_NOT_QUEUED
	first = first && !running;
#endif
#ifndef WRONG_QUEUE_FIRST
	if
	:: first -> atomic { TOUCH; queued = true }
	:: else
	fi;
#endif
	owner_put()
}

/* A put in process context */
proctype direct()
{
	teardown()
}

/* kobjtree_owner_work(), and the workqueue around it */
proctype worker()
{
	byte n;

	do
	:: atomic { queued -> TOUCH; queued = false; running = true };
		atomic { TOUCH; n = deferred; deferred = 0 };
		do
		:: n > 0 -> teardown(); n--
		:: else -> break
		od;
		atomic {
			TOUCH;	/* it looks at the item once more */
			running = false
		}
	:: gone && !queued -> break
	od
}

/* __kobjtree_owner_barrier() */
proctype barrier()
{
	count == 0;
#ifndef WRONG_NO_FLUSH
	!queued && !running;		/* flush_work() */
#endif
	gone = true
}

init {
	atomic {
		run putter();
		run putter();
		run direct();
		run worker();
		run barrier()
	};
	_nr_pr == 1;
	assert(torn == 3)
}
