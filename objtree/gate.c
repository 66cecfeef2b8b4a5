// SPDX-License-Identifier: GPL-2.0-only
/*
 * The gate: sections that may touch the hardware, and the removal that waits
 * for them.
 *
 * Invariant: ->active counts the sections that run, and is negative unless the
 * gate is live. Whoever raised it to more than zero sees the hardware until the
 * matching exit. Who raised a negative one, since the gate was marked just then,
 * takes that back, by the same exit; nobody raises it who finds the gate marked. It
 * is one word, so that there is nothing to allocate, and no grace period between
 * mark and drain.
 *
 * In the per-CPU mode each CPU counts those that began on it, and those that
 * ended; the difference of the sums is how many run. This is SRCU-fast, for one
 * grace period: an addition is an RCU read section, and so no barrier is needed
 * between it and the look at the gate that follows. A drain waits for the grace
 * period of the mark. Whose addition comes later sees the mark, and takes a begin
 * back.
 *
 * Each callback runs once, in the task that first comes to its phase; who comes
 * later returns after it was run. No lock is held meanwhile, so that lockdep
 * sees the driver's order of locks and none of ours.
 *
 *   INIT -> LIVE -> MARKED -> DRAINED -> QUIET
 *     \________________^
 */
#include <linux/debug_locks.h>
#include <linux/device.h>
#include <linux/kobjtree_gate.h>
#include <linux/poll.h>
#include <linux/printk.h>
#include <linux/sched/mm.h>

#include <kunit/static_stub.h>

#include <trace/events/kobjtree.h>

#include "internal.h"

/* How many seconds to wait between two words on what is waited for. */
#define KOBJTREE_DRAIN_REPORT	10

/* kobjtree_gate.begun and .done */
#define KOBJTREE_DO_WAKE	BIT(0)
#define KOBJTREE_DO_QUIESCE	BIT(1)

/* === Points for tests, and what lockdep is taught === */

#if IS_ENABLED(CONFIG_KOBJTREE_KUNIT_TEST)
/* A test that replaces this one steps in between; @where says where. */
void kobjtree_point(const char *where, struct kobjtree_gate *gate)
{
	KUNIT_STATIC_STUB_REDIRECT(kobjtree_point, where, gate);
}
EXPORT_SYMBOL_GPL(kobjtree_point);
#endif

#ifdef CONFIG_LOCKDEP
struct lockdep_map kobjtree_section_map =
	STATIC_LOCKDEP_MAP_INIT("kobjtree_section", &kobjtree_section_map);
EXPORT_SYMBOL_GPL(kobjtree_section_map);

/*
 * Whoever serves a page fault would hold up the removal of a section that
 * faults. Say to lockdep, once for all gates, that a removal may be what a page
 * fault waits for: then might_fault() in a section closes a circle.
 */
void kobjtree_gate_start(void)
{
	/* Built in, there is no user memory yet. */
	struct mm_struct *mm = __is_defined(MODULE) ? current->mm : mm_alloc();

	if (!mm)
		return;
	rwsem_acquire_read(&mm->mmap_lock.dep_map, 0, 0, _THIS_IP_);
	rwsem_acquire(&kobjtree_section_map, 0, 0, _THIS_IP_);
	rwsem_release(&kobjtree_section_map, _THIS_IP_);
	rwsem_release(&mm->mmap_lock.dep_map, _THIS_IP_);
	if (!__is_defined(MODULE))
		mmput(mm);
}
#endif

/* === Phases === */

/* True if the caller is to run @phase; false after it was run by another. */
static bool kobjtree_phase_begin(struct kobjtree_gate *gate, u8 phase)
{
	bool first;

	scoped_guard(spinlock_irq, &gate->wait.lock) {
		first = !(gate->begun & phase);
		gate->begun |= phase;
		if (first)
			WRITE_ONCE(gate->remover, current);
	}
	if (!first)	/* pairs with the release in kobjtree_phase_end() */
		wait_event(gate->wait, smp_load_acquire(&gate->done) & phase);
	return first;
}

static void kobjtree_phase_end(struct kobjtree_gate *gate, u8 phase)
{
	scoped_guard(spinlock_irq, &gate->wait.lock) {
		WRITE_ONCE(gate->remover, NULL);
		if (phase == KOBJTREE_DO_QUIESCE)
			WRITE_ONCE(gate->state, KOBJTREE_GATE_QUIET);
		/* Pairs with the acquire in kobjtree_phase_begin(). */
		smp_store_release(&gate->done, gate->done | phase);
	}
	wake_up_all(&gate->wait);
}

/* === Drain === */

/* A section after the mark is over, in the default mode the last one. */
void kobjtree_gate_idle(struct kobjtree_gate *gate)
{
	kobjtree_point("idle", gate);
	wake_up_all(&gate->wait);
}
EXPORT_SYMBOL_GPL(kobjtree_gate_idle);

/*
 * In the per-CPU mode, by who sees the mark: nothing but the barrier may order the
 * section before its end.
 */
void kobjtree_exit_marked(struct kobjtree_gate *gate)
{
	smp_mb();	/* pairs with the acquire in kobjtree_sections_percpu() */
	this_cpu_inc(gate->percpu->ended);
	kobjtree_gate_idle(gate);
}
EXPORT_SYMBOL_GPL(kobjtree_exit_marked);

/* What lockdep knows, and it alone: how many sections is the caller in? */
static int kobjtree_own_sections(struct kobjtree_gate *gate)
{
	int n = 0;
#ifdef CONFIG_LOCKDEP
	int i;

	for (i = 0; debug_locks && i < current->lockdep_depth; i++)
		n += current->held_locks[i].instance == &gate->dep_map;
#endif
	return n;
}

/* After the grace period of the mark, how many sections run? */
static unsigned long kobjtree_sections_percpu(struct kobjtree_gate *gate)
{
	unsigned long n = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		/*
		 * Pairs with the barrier in kobjtree_exit_marked(): whose end is
		 * counted has its begin counted, and its section is over.
		 */
		n -= smp_load_acquire(&per_cpu_ptr(gate->percpu, cpu)->ended);
	for_each_possible_cpu(cpu)
		n += READ_ONCE(per_cpu_ptr(gate->percpu, cpu)->begun);
	return n;
}

static unsigned long kobjtree_sections(struct kobjtree_gate *gate)
{
	if (gate->percpu)
		return kobjtree_sections_percpu(gate);
	/* Pairs with the release in kobjtree_exit_one_word(). */
	return atomic_read_acquire(&gate->active) - KOBJTREE_GATE_CLOSED;
}

static void kobjtree_drain_report(struct kobjtree_gate *gate, int seconds)
{
	pr_warn("kobjtree: %s of %s: drain waits for %lu sections for %d s\n",
		gate->obj->type->name,
		gate->dev ? dev_name(gate->dev) : "no device",
		kobjtree_sections(gate), seconds);
	if (seconds == KOBJTREE_DRAIN_REPORT) {
		dump_stack();
		debug_show_all_locks();
	}
}

/* @may_wait: some other task may be in a section, as far as lockdep is concerned */
static void kobjtree_wait_drained(struct kobjtree_gate *gate, bool may_wait)
{
	int seconds = 0;

	if (may_wait)
		rwsem_acquire(&gate->dep_map, 0, 0, _THIS_IP_);
	kobjtree_point("drain", gate);
	while (!wait_event_timeout(gate->wait, !kobjtree_sections(gate),
				   KOBJTREE_DRAIN_REPORT * HZ)) {
		seconds += KOBJTREE_DRAIN_REPORT;
		kobjtree_drain_report(gate, seconds);
	}
	if (may_wait)
		rwsem_release(&gate->dep_map, _THIS_IP_);
}

/* Nobody says when this many are left, and so it asks at each tick. */
static void kobjtree_wait_others(struct kobjtree_gate *gate, unsigned int own)
{
	kobjtree_misuse(gate->obj, "drain in a section of the same gate, does not wait for it");
	while (kobjtree_sections(gate) > own)
		schedule_timeout_uninterruptible(1);
}

static void kobjtree_do_drain(struct kobjtree_gate *gate, bool may_wait)
{
	int own;

	might_sleep();
	/* The class may have gone with the driver's module. */
	if (READ_ONCE(gate->state) >= KOBJTREE_GATE_DRAINED)
		return;
	trace_kobjtree_drain(gate->obj);
	if (gate->percpu)
		cond_synchronize_rcu(gate->grace);
	own = kobjtree_own_sections(gate);
	if (own)
		kobjtree_wait_others(gate, own);
	else
		kobjtree_wait_drained(gate, may_wait);
	trace_kobjtree_drained(gate->obj);

	guard(spinlock_irq)(&gate->wait.lock);
	if (gate->state == KOBJTREE_GATE_MARKED)
		WRITE_ONCE(gate->state, KOBJTREE_GATE_DRAINED);
}

/* Each call of the four asks for those before it, and survives without. */
static void kobjtree_want_marked(struct kobjtree_gate *gate)
{
	if (kobjtree_marked(gate))
		return;
	kobjtree_misuse(gate->obj, "gate is not marked");
	kobjtree_mark(gate);
}

/* === Removal === */

static void kobjtree_gate_close(struct kobjtree_gate *gate)
{
	if (gate->percpu) {
		WRITE_ONCE(gate->open, NULL);
		gate->grace = get_state_synchronize_rcu();
	} else {
		atomic_add(KOBJTREE_GATE_CLOSED, &gate->active);
	}
}

/**
 * kobjtree_mark() - refuse new sections
 * @gate: the gate
 *
 * The first phase of a removal. It acts at once: from its return on,
 * kobjtree_enter() fails, and who sleeps in kobjtree_wait_event() or poll is
 * woken. May be called early and alone, by who knows first that the hardware
 * goes. Idempotent.
 *
 * Context: any but NMI; the caller holds a reference to the gate's object.
 */
void kobjtree_mark(struct kobjtree_gate *gate)
{
	bool live;

	scoped_guard(spinlock_irqsave, &gate->wait.lock) {
		if (gate->state >= KOBJTREE_GATE_MARKED)
			return;
		live = gate->state == KOBJTREE_GATE_LIVE;
		WRITE_ONCE(gate->state, KOBJTREE_GATE_MARKED);
		if (live)
			kobjtree_gate_close(gate);
	}
	trace_kobjtree_mark(gate->obj);
	kobjtree_point("mark", gate);
	__wake_up(&gate->wait, TASK_NORMAL, 0, poll_to_key(EPOLLHUP | EPOLLERR));
}
EXPORT_SYMBOL_GPL(kobjtree_mark);

/**
 * kobjtree_wake() - end what sections wait for
 * @gate: the gate, marked
 *
 * The second phase: calls the wake callbacks, newest first, once for all
 * removers. Returns after they were run, by whomever.
 *
 * Context: process context, may sleep; the caller holds a reference to the
 * gate's object.
 */
void kobjtree_wake(struct kobjtree_gate *gate)
{
	struct kobjtree_watcher *w;

	might_sleep();
	kobjtree_want_marked(gate);
	if (kobjtree_in_callback(gate) ||
	    !kobjtree_phase_begin(gate, KOBJTREE_DO_WAKE))
		return;
	for (w = gate->watchers; w; w = w->next)
		if (w->wake)
			w->wake(w);
	kobjtree_phase_end(gate, KOBJTREE_DO_WAKE);
}
EXPORT_SYMBOL_GPL(kobjtree_wake);

/**
 * kobjtree_drain() - wait for the last section
 * @gate: the gate, marked
 *
 * The third phase. Has no time-out, since what follows would not be safe; says
 * every ten seconds whom it waits for. In a section of the same gate it would
 * wait for itself, and does. With lockdep it warns instead, and waits for all
 * sections but the caller's own.
 *
 * Context: process context, sleeps; the caller holds a reference to the gate's
 * object and no lock that a section takes.
 */
void kobjtree_drain(struct kobjtree_gate *gate)
{
	kobjtree_want_marked(gate);
	kobjtree_do_drain(gate, true);
}
EXPORT_SYMBOL_GPL(kobjtree_drain);

/**
 * kobjtree_quiesce() - stop the hardware
 * @gate: the gate, drained
 *
 * The last phase: calls the quiesce callbacks, newest first, once for all
 * removers. Returns after they were run, by whomever.
 *
 * Context: process context, may sleep; the caller holds a reference to the
 * gate's object.
 */
void kobjtree_quiesce(struct kobjtree_gate *gate)
{
	struct kobjtree_watcher *w;

	might_sleep();
	if (kobjtree_in_callback(gate))
		return;
	if (READ_ONCE(gate->state) < KOBJTREE_GATE_DRAINED) {
		kobjtree_misuse(gate->obj, "gate is not drained");
		kobjtree_mark(gate);
		kobjtree_do_drain(gate, true);
	}
	/* No wake may run beside a quiesce, nor after it. */
	if (kobjtree_phase_begin(gate, KOBJTREE_DO_WAKE))
		kobjtree_phase_end(gate, KOBJTREE_DO_WAKE);
	if (!kobjtree_phase_begin(gate, KOBJTREE_DO_QUIESCE))
		return;
	for (w = gate->watchers; w; w = w->next)
		if (w->quiesce)
			w->quiesce(w);
	kobjtree_phase_end(gate, KOBJTREE_DO_QUIESCE);
}
EXPORT_SYMBOL_GPL(kobjtree_quiesce);

/**
 * kobjtree_unplug() - the four phases of a removal: mark, wake, drain, quiesce
 * @gate: the gate, in any state
 *
 * Idempotent: also beside another remover it returns after the hardware was
 * stopped. Called by a callback of the gate, it returns at once.
 *
 * Context: process context, sleeps; the caller holds a reference to the gate's
 * object and no lock that a section takes.
 */
void kobjtree_unplug(struct kobjtree_gate *gate)
{
	if (kobjtree_in_callback(gate))
		return;
	kobjtree_mark(gate);
	kobjtree_wake(gate);
	kobjtree_do_drain(gate, true);
	kobjtree_quiesce(gate);
}
EXPORT_SYMBOL_GPL(kobjtree_unplug);

/* === Setting up === */

/**
 * kobjtree_gate_set_percpu() - count the sections of a gate on each CPU
 * @gate: the gate, before it goes live
 *
 * For a gate that was measured to be hot: entering and leaving it on many CPUs
 * at once then shares no cache line. In return it allocates, two words on each
 * CPU, and a drain waits for an RCU grace period. Gates that are all marked before
 * the first of them is drained share one.
 *
 * Context: process context, may sleep; the caller holds a reference to the
 * gate's object.
 * Return: 0; -ENOMEM, or -EBUSY if the gate was live already, and the gate is
 * what it was.
 */
int kobjtree_gate_set_percpu(struct kobjtree_gate *gate)
{
	if (gate->percpu)
		return 0;
	if (READ_ONCE(gate->state) != KOBJTREE_GATE_INIT)
		return -EBUSY;
	if (kobjtree_fail_alloc())
		return -ENOMEM;
	/* Never live, it has no sections to wait for. */
	gate->grace = get_completed_synchronize_rcu();
	gate->percpu = alloc_percpu(struct kobjtree_sections);
	return gate->percpu ? 0 : -ENOMEM;
}
EXPORT_SYMBOL_GPL(kobjtree_gate_set_percpu);

/**
 * kobjtree_gate_live() - open the gate
 * @gate: the gate, not marked
 *
 * Before anybody can look for the object: the first open of a device node comes
 * while it is being published. Idempotent.
 *
 * Context: any; the caller holds a reference to the gate's object.
 * Return: 0, or -ENODEV if the gate is marked already.
 */
int kobjtree_gate_live(struct kobjtree_gate *gate)
{
	guard(spinlock_irqsave)(&gate->wait.lock);
	if (gate->state >= KOBJTREE_GATE_MARKED)
		return -ENODEV;
	if (gate->state == KOBJTREE_GATE_INIT) {
		/* Both pair with an acquire in kobjtree_enter_non_owner(). */
		smp_store_release(&gate->state, KOBJTREE_GATE_LIVE);
		/* Not a store: who came too early is about to take back its own. */
		if (gate->percpu)
			WRITE_ONCE(gate->open, gate->percpu);
		else
			atomic_fetch_sub_release(KOBJTREE_GATE_CLOSED,
						 &gate->active);
	}
	return 0;
}
EXPORT_SYMBOL_GPL(kobjtree_gate_live);

/**
 * kobjtree_watch() - take part in the removal
 * @gate: the gate, in any state
 * @watcher: the callbacks, in memory that lives as long as @gate
 *
 * Context: any; the caller holds a reference to the gate's object.
 * Return: 0, and the callbacks run once each, before those of older watchers;
 * -ENODEV if the gate is marked already, and they never run.
 */
int kobjtree_watch(struct kobjtree_gate *gate, struct kobjtree_watcher *watcher)
{
	guard(spinlock_irqsave)(&gate->wait.lock);
	if (gate->state >= KOBJTREE_GATE_MARKED)
		return -ENODEV;
	watcher->next = gate->watchers;
	gate->watchers = watcher;
	return 0;
}
EXPORT_SYMBOL_GPL(kobjtree_watch);

static void kobjtree_gate_end(void *data)
{
	struct kobjtree_gate *gate = data;

	/* Who is in a section has a reference: the drain waits for nobody. */
	kobjtree_mark(gate);
	kobjtree_wake(gate);
	kobjtree_do_drain(gate, false);
	kobjtree_quiesce(gate);
	free_percpu(gate->percpu);
}

/* The macro kobjtree_gate_init() has the documentation. */
void __kobjtree_gate_init(struct kobjtree_gate *gate, struct kobjtree *obj,
			  const char *name, struct lock_class_key *key)
{
	*gate = (struct kobjtree_gate) {
		.active = ATOMIC_INIT(KOBJTREE_GATE_CLOSED),
		.state = KOBJTREE_GATE_INIT,
		.obj = obj,
	};
	init_waitqueue_head(&gate->wait);
	lockdep_init_map(&gate->dep_map, name, key, 0);
	kobjtree_embed_action(obj, &gate->action, kobjtree_gate_end, gate);
	kobjtree_graph_gate(obj, gate);
}
EXPORT_SYMBOL_GPL(__kobjtree_gate_init);
