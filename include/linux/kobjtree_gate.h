/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The gate: may this code touch the hardware?
 *
 * A reference says that the memory of an object is valid. A gate says that what
 * the object stands for is still there. Code that needs the hardware runs in a
 * section, between kobjtree_enter() and kobjtree_exit(). Removal refuses new
 * sections, ends those that sleep, waits for the last, and stops the hardware.
 *
 * Put sections around entry points (an ioctl, a read), never around each access
 * and never into what a quiesce callback calls. A section never touches user
 * memory, never sleeps freezably and never waits for another process: any of
 * these would let user space hold up the removal for ever.
 *
 * Concepts and rules: Documentation/core-api/kobjtree.rst
 */
#ifndef _LINUX_KOBJTREE_GATE_H
#define _LINUX_KOBJTREE_GATE_H

#include <linux/atomic.h>
#include <linux/cleanup.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/instruction_pointer.h>
#include <linux/kobjtree.h>
#include <linux/limits.h>
#include <linux/lockdep.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/types.h>
#include <linux/wait.h>

struct device;

/**
 * enum kobjtree_gate_state - the states of a gate, one way only
 * @KOBJTREE_GATE_INIT: not open yet: entering fails
 * @KOBJTREE_GATE_LIVE: open
 * @KOBJTREE_GATE_MARKED: closed: entering fails, sections may still run
 * @KOBJTREE_GATE_DRAINED: no section runs and none will
 * @KOBJTREE_GATE_QUIET: the quiesce callbacks have returned
 */
enum kobjtree_gate_state {
	KOBJTREE_GATE_INIT,
	KOBJTREE_GATE_LIVE,
	KOBJTREE_GATE_MARKED,
	KOBJTREE_GATE_DRAINED,
	KOBJTREE_GATE_QUIET,
};

/* What is added to the number of sections while the gate is not live. */
#define KOBJTREE_GATE_CLOSED	INT_MIN

/**
 * struct kobjtree_watcher - what removal does for one user of a gate
 * @wake: once, after new sections are refused and while old ones may run: wake
 *	what they sleep for, cancel what they wait for. Process context, may
 *	sleep. NULL if there is nothing to wake.
 * @quiesce: once, after the last section and before the hardware goes: stop it.
 *	Runs also if the gate never went live. Process context, may sleep. NULL
 *	if there is nothing to stop.
 * @next: the watcher that was registered before this one
 *
 * Embedded; lives as long as its gate.
 */
struct kobjtree_watcher {
	void (*wake)(struct kobjtree_watcher *watcher);
	void (*quiesce)(struct kobjtree_watcher *watcher);
	struct kobjtree_watcher *next;
};

/**
 * struct kobjtree_sections - how many sections began and ended on a CPU
 * @begun: all that did, for a moment also who comes while the gate is marked
 * @ended: perhaps of those that began on another one
 */
struct kobjtree_sections {
	unsigned long begun;
	unsigned long ended;
};

/**
 * struct kobjtree_gate - permission to touch the hardware, embedded
 * @active: sections that run, plus %KOBJTREE_GATE_CLOSED unless live; for a moment
 *	also who comes while the gate is marked. Not in the per-CPU mode
 * @state: an &enum kobjtree_gate_state, changes under the lock of @wait
 * @begun: phases of the removal that somebody runs or has run
 * @done: those that are over
 * @percpu: what counts the sections in the per-CPU mode, NULL in the other
 * @open: the same while the gate is live, else NULL
 * @grace: the grace period of the mark, in the per-CPU mode
 * @wait: of drain, of later removers, and of all who sleep in a section
 * @watchers: newest first, fixed once the gate is marked
 * @remover: the task that runs the callbacks
 * @obj: whose gate it is
 * @dev: for reports only, NULL if there is none
 * @action: closes the gate at the end of @obj, if nobody did
 * @dep_map: what a section and a drain are to lockdep
 *
 * No member is for drivers.
 */
struct kobjtree_gate {
	atomic_t active;
	u8 state;
	u8 begun;
	u8 done;
	struct kobjtree_sections __percpu *percpu;
	struct kobjtree_sections __percpu *open;
	unsigned long grace;
	wait_queue_head_t wait;
	struct kobjtree_watcher *watchers;
	struct task_struct *remover;
	struct kobjtree *obj;
	struct device *dev;
	struct kobjtree_action action;
	struct lockdep_map dep_map;
};

void __kobjtree_gate_init(struct kobjtree_gate *gate, struct kobjtree *obj,
			  const char *name, struct lock_class_key *key);

/**
 * kobjtree_gate_init() - initialise the gate of an object
 * @gate: in memory that lives as long as @obj
 * @obj: the object, whose references keep the gate
 *
 * There is nothing to undo: at the end of @obj, after its release, a gate that
 * nobody unplugged is. Each call site is a class of its own to lockdep.
 *
 * Context: any; the caller holds a reference to @obj.
 */
#define kobjtree_gate_init(gate, obj) do {				\
	static struct lock_class_key __kobjtree_key;			\
									\
	__kobjtree_gate_init((gate), (obj), #gate, &__kobjtree_key);	\
} while (0)

/**
 * kobjtree_gate_set_class() - give a gate a class of its own to lockdep
 * @gate: the gate, before it goes live
 *
 * For a gate that is drained in a section of another one of the same class, as
 * by a hub that removes what hangs on it. Each call site is a class.
 *
 * Context: any.
 */
#define kobjtree_gate_set_class(gate) do {				\
	static struct lock_class_key __kobjtree_key;			\
									\
	lockdep_init_map(&(gate)->dep_map, #gate, &__kobjtree_key, 0);	\
} while (0)

int __must_check kobjtree_gate_set_percpu(struct kobjtree_gate *gate);
int __must_check kobjtree_gate_live(struct kobjtree_gate *gate);
int __must_check kobjtree_watch(struct kobjtree_gate *gate,
				struct kobjtree_watcher *watcher);

/* === Sections === */

#ifdef CONFIG_LOCKDEP
/* Any section of any gate: what none of them may wait for. */
extern struct lockdep_map kobjtree_section_map;
#endif

void kobjtree_gate_idle(struct kobjtree_gate *gate);
void kobjtree_exit_marked(struct kobjtree_gate *gate);

/**
 * kobjtree_marked() - has the removal begun?
 * @gate: the gate
 *
 * For the condition of a sleep in a section, and for poll. It says nothing about
 * what is true a moment later: kobjtree_enter() does.
 *
 * Context: any.
 * Return: true from kobjtree_mark() on.
 */
static inline bool kobjtree_marked(struct kobjtree_gate *gate)
{
	return READ_ONCE(gate->state) >= KOBJTREE_GATE_MARKED;
}

static inline void kobjtree_exit_one_word(struct kobjtree_gate *gate)
{
	/* Pairs with the acquire in kobjtree_sections(). */
	if (unlikely(atomic_dec_return_release(&gate->active) ==
		     KOBJTREE_GATE_CLOSED))
		kobjtree_gate_idle(gate);
}

/**
 * kobjtree_exit_non_owner() - end a section that another task began
 * @gate: the gate
 *
 * Context: any.
 */
static inline void kobjtree_exit_non_owner(struct kobjtree_gate *gate)
{
	struct kobjtree_sections __percpu *open;

	/* The section is over before the look: a grace period may end right after it. */
	barrier();
	open = READ_ONCE(gate->open);
	/* Likely: in this mode a branch costs, beside a locked operation it does not. */
	if (likely(open)) {
		this_cpu_inc(open->ended);
		barrier();
		if (unlikely(kobjtree_marked(gate)))
			kobjtree_gate_idle(gate);
	} else if (unlikely(gate->percpu)) {
		kobjtree_exit_marked(gate);
	} else {
		kobjtree_exit_one_word(gate);
	}
}

/**
 * kobjtree_enter_non_owner() - begin a section that another task may end
 * @gate: the gate, of an object that the section has a reference to
 *
 * As kobjtree_enter(), without lockdep's help. For a section that a completion
 * ends, as that of an URB.
 *
 * Context: any.
 * Return: 0, and kobjtree_exit_non_owner() ends the section; -ENODEV if the gate
 * is not live.
 */
static inline int __must_check
kobjtree_enter_non_owner(struct kobjtree_gate *gate)
{
	struct kobjtree_sections __percpu *open = READ_ONCE(gate->open);

	/* Who finds it closed leaves the count alone, and so a drain ends. */
	if (likely(open)) {
		this_cpu_inc(open->begun);
		barrier();
		/* Pairs with the release in kobjtree_gate_live(). */
		if (likely(smp_load_acquire(&gate->state) == KOBJTREE_GATE_LIVE))
			return 0;
		/* The mark came in between. */
		kobjtree_exit_marked(gate);
		return -ENODEV;
	}
	if (unlikely(READ_ONCE(gate->state) != KOBJTREE_GATE_LIVE))
		return -ENODEV;
	/* The same; in the per-CPU mode it went live just now, and stays closed here. */
	if (likely(atomic_inc_return_acquire(&gate->active) > 0))
		return 0;
	kobjtree_exit_one_word(gate);
	return -ENODEV;
}

/**
 * kobjtree_enter() - begin a section: the hardware is there until its end
 * @gate: the gate, of an object that the caller has a reference to
 *
 * Never waits, also while a removal does. Sections of one gate nest; the inner
 * one fails if the gate was marked in between.
 *
 * Context: any.
 * Return: 0, and kobjtree_exit() ends the section; -ENODEV if the gate is not
 * live.
 */
static inline int __must_check kobjtree_enter(struct kobjtree_gate *gate)
{
	int ret = kobjtree_enter_non_owner(gate);

	if (!ret) {
		rwsem_acquire_read(&kobjtree_section_map, 0, 1, _THIS_IP_);
		rwsem_acquire_read(&gate->dep_map, 0, 1, _THIS_IP_);
	}
	return ret;
}

/**
 * kobjtree_exit() - end a section
 * @gate: the gate
 *
 * Context: any; in the task that entered.
 */
static inline void kobjtree_exit(struct kobjtree_gate *gate)
{
	rwsem_release(&gate->dep_map, _THIS_IP_);
	rwsem_release(&kobjtree_section_map, _THIS_IP_);
	kobjtree_exit_non_owner(gate);
}

/**
 * kobjtree_in_callback() - does the caller stand in a callback of this gate?
 * @gate: the gate
 *
 * For code that is both an entry point and called by wake and quiesce callbacks:
 * there the hardware can be touched without a section.
 *
 * Context: any.
 * Return: true in a callback of @gate's watchers, by the task that runs it.
 */
static inline bool kobjtree_in_callback(struct kobjtree_gate *gate)
{
	return READ_ONCE(gate->remover) == current;
}

/*
 * A section to the end of the scope; the variable is NULL if there is none:
 *
 *	CLASS(kobjtree_section, section)(&cam->bound.gate);
 *
 *	if (!section)
 *		return -ENODEV;
 */
DEFINE_CLASS(kobjtree_section, struct kobjtree_gate *, if (_T) kobjtree_exit(_T),
	     kobjtree_enter(gate) ? NULL : gate, struct kobjtree_gate *gate)

/* === Sleeping in a section === */

/*
 * On the gate's queue too: a removal wakes it there, whatever the sleeper waits
 * for, and one who comes late finds the gate marked and does not sleep.
 */
#define __kobjtree_cond(_cond)						\
	((__kobjtree_true = !!(_cond)) || kobjtree_marked(__kobjtree_gate))

#define __kobjtree_wait_event(_gate, _wait) ({				\
	struct kobjtree_gate *__kobjtree_gate = (_gate);		\
	DECLARE_WAITQUEUE(__kobjtree_on_gate, current);			\
	bool __kobjtree_true = false;					\
	long __kobjtree_ret;						\
									\
	add_wait_queue(&__kobjtree_gate->wait, &__kobjtree_on_gate);	\
	__kobjtree_ret = (_wait);					\
	remove_wait_queue(&__kobjtree_gate->wait, &__kobjtree_on_gate);	\
	if (__kobjtree_ret >= 0 && !__kobjtree_true &&			\
	    kobjtree_marked(__kobjtree_gate))				\
		__kobjtree_ret = -ENODEV;				\
	__kobjtree_ret;							\
})

/**
 * kobjtree_wait_event() - sleep in a section for a condition, or the removal
 * @gate: the gate of the section
 * @wq: the queue that is woken when @cond may have changed
 * @cond: the condition
 *
 * Context: process context, sleeps; no signal ends it.
 * Return: 0 if @cond was true, -ENODEV if not and the gate is marked.
 */
#define kobjtree_wait_event(gate, wq, cond)				\
	((int)__kobjtree_wait_event(gate, ({				\
		wait_event(wq, __kobjtree_cond(cond));			\
		0;							\
	})))

/**
 * kobjtree_wait_event_interruptible() - the same, until a signal
 * @gate: the gate of the section
 * @wq: the queue that is woken when @cond may have changed
 * @cond: the condition
 *
 * Context: process context, sleeps.
 * Return: 0 if @cond was true, -ERESTARTSYS after a signal, -ENODEV if the gate
 * is marked.
 */
#define kobjtree_wait_event_interruptible(gate, wq, cond)		\
	((int)__kobjtree_wait_event(gate,				\
		wait_event_interruptible(wq, __kobjtree_cond(cond))))

/**
 * kobjtree_wait_event_killable() - the same, until a fatal signal
 * @gate: the gate of the section
 * @wq: the queue that is woken when @cond may have changed
 * @cond: the condition
 *
 * Context: process context, sleeps.
 * Return: 0 if @cond was true, -ERESTARTSYS after a fatal signal, -ENODEV if the
 * gate is marked.
 */
#define kobjtree_wait_event_killable(gate, wq, cond)			\
	((int)__kobjtree_wait_event(gate,				\
		wait_event_killable(wq, __kobjtree_cond(cond))))

/**
 * kobjtree_wait_event_timeout() - the same, with a time-out and no signal
 * @gate: the gate of the section
 * @wq: the queue that is woken when @cond may have changed
 * @cond: the condition
 * @timeout: in jiffies
 *
 * Context: process context, sleeps.
 * Return: the jiffies that were left, at least 1, if @cond was true; 0 after
 * @timeout; -ENODEV if the gate is marked.
 */
#define kobjtree_wait_event_timeout(gate, wq, cond, timeout)		\
	__kobjtree_wait_event(gate,					\
		wait_event_timeout(wq, __kobjtree_cond(cond), timeout))

/**
 * kobjtree_wait_event_interruptible_timeout() - the same, until a signal
 * @gate: the gate of the section
 * @wq: the queue that is woken when @cond may have changed
 * @cond: the condition
 * @timeout: in jiffies
 *
 * Context: process context, sleeps.
 * Return: the jiffies that were left, at least 1, if @cond was true; 0 after
 * @timeout; -ERESTARTSYS after a signal; -ENODEV if the gate is marked.
 */
#define kobjtree_wait_event_interruptible_timeout(gate, wq, cond, timeout) \
	__kobjtree_wait_event(gate,					\
		wait_event_interruptible_timeout(wq,			\
						 __kobjtree_cond(cond),	\
						 timeout))

/* === Removal === */

void kobjtree_mark(struct kobjtree_gate *gate);
void kobjtree_wake(struct kobjtree_gate *gate);
void kobjtree_drain(struct kobjtree_gate *gate);
void kobjtree_quiesce(struct kobjtree_gate *gate);
void kobjtree_unplug(struct kobjtree_gate *gate);

#endif /* _LINUX_KOBJTREE_GATE_H */
