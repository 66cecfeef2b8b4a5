// SPDX-License-Identifier: GPL-2.0-only
/*
 * Teardown: what happens when the last reference to an object goes.
 *
 * A cascade is the teardown of one object and of all that dies with it. It is
 * a stack of dead objects, linked through ->link, so that it needs the same
 * stack for any graph; the top one makes the next step. An object that dies
 * through an edge is pushed on top, and is gone before the next edge of the
 * one below is dropped, as with nested kref puts.
 *
 * A task has one cascade at a time. The last puts of a callback (release,
 * action, free) join it: they are collected, and pushed when the callback has
 * returned, the first one on top.
 *
 * Invariant: an object on the stack is touched by its cascade alone, but for
 * its own callbacks and what they wait for.
 *
 *   KOBJTREE_ALIVE -> KOBJTREE_ACTIONS -> KOBJTREE_EDGES -> gone
 *      release()        newest first       newest first     memory
 *          \______________ had none _____________^
 */
#include <linux/hash.h>
#include <linux/kobjtree_holder.h>
#include <linux/prefetch.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include <trace/events/kobjtree.h>

#include "internal.h"

#define KOBJTREE_TASK_BITS	6

/* How many edges before its drop what an edge holds is fetched. */
#define KOBJTREE_AHEAD		8

struct kobjtree_cascade {
	struct hlist_node node;
	struct task_struct *task;
	struct kobjtree *top;
	struct kobjtree *joined;
	struct kobjtree **joined_tail;
	const struct kobjtree *scouted;	/* whose edges are fetched ahead */
	unsigned long scout;		/* the next of them */
	struct kobjtree_owner *owner;	/* of the last objects that went */
	long gone;			/* how many it still counts */
};

/* The cascades that run, by task. */
static struct kobjtree_tasks {
	struct task_struct *task;	/* whoever finds nobody here */
	struct kobjtree_cascade *cascade;	/* of that task, and its alone */
	spinlock_t lock;		/* of the list */
	struct hlist_head others;
} kobjtree_tasks[1 << KOBJTREE_TASK_BITS];

static struct kobjtree_tasks *kobjtree_my_tasks(void)
{
	return &kobjtree_tasks[hash_ptr(current, KOBJTREE_TASK_BITS)];
}

static struct kobjtree_cascade *kobjtree_my_cascade(void)
{
	struct kobjtree_tasks *tasks = kobjtree_my_tasks();
	struct kobjtree_cascade *c;

	/* Without the lock: a task sees what it has put there itself. */
	if (READ_ONCE(tasks->task) == current)
		return tasks->cascade;
	if (!READ_ONCE(tasks->others.first))
		return NULL;

	guard(spinlock)(&tasks->lock);
	hlist_for_each_entry(c, &tasks->others, node) {
		if (c->task == current)
			return c;
	}
	return NULL;
}

static void kobjtree_begin(struct kobjtree_cascade *c)
{
	struct kobjtree_tasks *tasks = kobjtree_my_tasks();

	if (!cmpxchg(&tasks->task, NULL, current)) {
		tasks->cascade = c;
		return;
	}
	guard(spinlock)(&tasks->lock);
	hlist_add_head(&c->node, &tasks->others);
}

static void kobjtree_end(struct kobjtree_cascade *c)
{
	struct kobjtree_tasks *tasks = kobjtree_my_tasks();

	if (READ_ONCE(tasks->task) == current) {
		/* Pairs with the cmpxchg() of the next one, who sets ->cascade. */
		smp_store_release(&tasks->task, NULL);
		return;
	}
	guard(spinlock)(&tasks->lock);
	hlist_del(&c->node);
}

/* Is the caller part of a teardown? */
bool kobjtree_in_cascade(void)
{
	return kobjtree_my_cascade();
}

/* What the kernel can tell; without PREEMPT_COUNT it misses spinlocks. */
bool kobjtree_may_sleep(void)
{
	return !in_interrupt() && !irqs_disabled() && !rcu_preempt_depth() &&
	       !(IS_ENABLED(CONFIG_PREEMPT_COUNT) && preempt_count());
}

/* === The stack === */

static void kobjtree_push(struct kobjtree_cascade *c, struct kobjtree *obj)
{
	obj->link = c->top;
	c->top = obj;
}

static void kobjtree_put_held(struct kobjtree_cascade *c, struct kobjtree *held)
{
	bool over;

	kobjtree_graph_held(held, -1);
	if (kobjtree_cyclic_back(held, &over)) {
		if (over)
			kobjtree_push(c, held);
		return;
	}
	if (!refcount_dec_and_test(&held->ref.refcount))
		return;
	trace_kobjtree_last_put(held);
	kobjtree_history_note(held, KOBJTREE_DID_LAST_PUT);
	kobjtree_push(c, held);
}

static void kobjtree_join(struct kobjtree_cascade *c, struct kobjtree *obj)
{
	*c->joined_tail = obj;
	c->joined_tail = &obj->link;
}

/* A callback has returned: what joined it goes before its object goes on. */
static void kobjtree_push_joined(struct kobjtree_cascade *c)
{
	*c->joined_tail = c->top;
	c->top = c->joined;
	c->joined_tail = &c->joined;
}

/* === What went === */

/*
 * An owner is told at once of all its objects that went one after the other, and
 * before anybody else's callback, which may wait for that owner. One of its own
 * cannot: the object that it is called for counts.
 */
static void kobjtree_tell_owner(struct kobjtree_cascade *c,
				const struct kobjtree_owner *next)
{
	if (c->owner == next)
		return;
	if (c->owner)
		kobjtree_owner_put(c->owner, c->gone);
	c->owner = NULL;
	c->gone = 0;
}

/* === One step === */

static void kobjtree_set_phase(struct kobjtree *obj, u8 phase)
{
	obj->flags = (obj->flags & ~KOBJTREE_PHASE) | phase;
}

/* Steps 1 and 2. */
static void kobjtree_step_release(struct kobjtree_cascade *c,
				  struct kobjtree *obj)
{
	if (obj->flags & KOBJTREE_WEAK)
		kobjtree_weak_kill(obj);
	trace_kobjtree_release(obj);
	kobjtree_history_note(obj, KOBJTREE_DID_RELEASE);
	if (obj->type->release) {
		kobjtree_tell_owner(c, obj->type->owner);
		kobjtree_lockdep_begin(obj);
		obj->type->release(obj);
		kobjtree_lockdep_end(obj);
		kobjtree_push_joined(c);
	}
	kobjtree_graph_sync(obj);
	if (obj->flags & KOBJTREE_MIXED) {
		kobjtree_sort(obj);
		kobjtree_set_phase(obj, KOBJTREE_ACTIONS);
	} else {
		kobjtree_set_phase(obj, KOBJTREE_EDGES);
	}
}

/* Step 3: the newest action; false when there is none left. */
static bool kobjtree_step_action(struct kobjtree_cascade *c,
				 struct kobjtree *obj)
{
	struct kobjtree_action *action = kobjtree_pop_action(obj);

	if (!action)
		return false;
	kobjtree_tell_owner(c, NULL);
	kobjtree_lockdep_begin(obj);
	kobjtree_end_action(action, true);
	kobjtree_lockdep_end(obj);
	kobjtree_push_joined(c);
	return true;
}

/* A cold object costs what many warm ones do. */
static void kobjtree_fetch_ahead(struct kobjtree_cascade *c,
				 const struct kobjtree *obj)
{
	struct kobjtree_edge *edge;
	int n = 1;

	if (c->scouted != obj) {
		c->scouted = obj;
		c->scout = obj->head;
		n = KOBJTREE_AHEAD;
		prefetchw(kobjtree_slot_held(obj));
	}
	for (; n && c->scout && kobjtree_kind(c->scout) == KOBJTREE_KIND_EDGE; n--) {
		edge = container_of(kobjtree_node(c->scout), struct kobjtree_edge,
				    node);
		prefetchw(kobjtree_edge_held(edge));
		c->scout = edge->node.next;
	}
}

static struct kobjtree *kobjtree_pop_edge(struct kobjtree *obj)
{
	struct kobjtree_edge *edge = container_of(kobjtree_node(obj->head),
						  struct kobjtree_edge, node);
	struct kobjtree *held = kobjtree_slot_held(obj);
	unsigned long flags;

	if (obj->head && kobjtree_kind(obj->head) == KOBJTREE_KIND_EDGE) {
		flags = edge->held;
		if (!held || flags & KOBJTREE_EDGE_NEWER) {
			held = kobjtree_edge_remove(edge);
			if (flags & KOBJTREE_EDGE_ALLOC)
				kfree(edge);
			return held;
		}
	}
	if (held) {
		obj->slot = NULL;
		kobjtree_note_del(&obj->slot);
	}
	return held;
}

/* Step 4: the newest edge; false when there is none left. */
static bool kobjtree_step_edge(struct kobjtree_cascade *c, struct kobjtree *obj)
{
	struct kobjtree *held;

	if (obj->head)
		kobjtree_fetch_ahead(c, obj);
	held = kobjtree_pop_edge(obj);
	if (!held)
		return false;
	trace_kobjtree_unlink(obj, held);
	kobjtree_put_held(c, held);
	return true;
}

static void kobjtree_free_now(struct kobjtree *obj)
{
	const struct kobjtree_type *type = obj->type;
	void *p = (void *)obj - obj->offset;

	kobjtree_poison(obj);
	if (type->free)
		type->free(obj);
	else if (type->cache)
		kmem_cache_free(*type->cache, p);
	else
		kfree(p);
}

static void kobjtree_free_rcu(struct rcu_head *rcu)
{
	struct kobjtree *obj = container_of(rcu, struct kobjtree, rcu);
	struct kobjtree_owner *owner = obj->type->owner;

	kobjtree_free_now(obj);
	kobjtree_owner_put(owner, 1);
}

/* Step 6; @obj is off the stack and may be gone afterwards. */
static void kobjtree_step_free(struct kobjtree_cascade *c, struct kobjtree *obj)
{
	struct kobjtree_owner *owner = obj->type->owner;
	struct kobjtree *container = obj->slot;		/* an edge is none by now */

	if (c->scouted == obj)
		c->scouted = NULL;
	kobjtree_debug_free(obj);
	kobjtree_forget(obj);
	kobjtree_cyclic_del(obj);
	trace_kobjtree_free(obj);
	kobjtree_tell_owner(c, owner);
	if (kref_read(&obj->ref)) {
		kobjtree_misuse(obj, "get or put of a dead object, its memory leaks");
	} else if (container) {
		trace_kobjtree_unlink(obj, container);
		kobjtree_poison(obj);
		kobjtree_put_held(c, container);
	} else if (!obj->type->rcu) {
		kobjtree_free_now(obj);
		kobjtree_push_joined(c);
	} else {
		call_rcu(&obj->rcu, kobjtree_free_rcu);
		return;
	}
	c->owner = owner;
	c->gone++;
}

static void kobjtree_step(struct kobjtree_cascade *c)
{
	struct kobjtree *obj = c->top;

	switch (obj->flags & KOBJTREE_PHASE) {
	case KOBJTREE_ALIVE:
		kobjtree_step_release(c, obj);
		return;
	case KOBJTREE_ACTIONS:
		if (!kobjtree_step_action(c, obj))
			kobjtree_set_phase(obj, KOBJTREE_EDGES);
		return;
	case KOBJTREE_EDGES:
		if (kobjtree_step_edge(c, obj))
			return;
		c->top = obj->link;
		if (kobjtree_cyclic_wait(obj))
			return;
		kobjtree_free_memory(obj);
		kobjtree_step_free(c, obj);
		return;
	}
}

/* Tear down @obj, whose last reference is gone, in process context. */
void kobjtree_teardown(struct kobjtree *obj)
{
	struct kobjtree_cascade c = { .task = current, .joined_tail = &c.joined };

	kobjtree_push(&c, obj);
	kobjtree_begin(&c);
	while (c.top) {
		kobjtree_step(&c);
		cond_resched();
	}
	kobjtree_end(&c);
	kobjtree_tell_owner(&c, NULL);
}

#ifdef CONFIG_KOBJTREE_CYCLIC
/* Drop the reference of an edge that was unlinked. */
void kobjtree_put_cyclic(struct kobjtree *held)
{
	struct kobjtree_cascade *c;
	bool over;

	if (!kobjtree_cyclic_back(held, &over)) {
		kobjtree_put(held);
		return;
	}
	c = over ? kobjtree_my_cascade() : NULL;
	if (c)
		kobjtree_join(c, held);
	else if (over)
		kobjtree_defer(held);
}
#endif

/* === The last put === */

/* The slow path of kobjtree_put(). */
void kobjtree_last_put(struct kref *ref)
{
	struct kobjtree *obj = container_of(ref, struct kobjtree, ref);
	struct kobjtree_cascade *c;

	trace_kobjtree_last_put(obj);
	kobjtree_history_note(obj, KOBJTREE_DID_LAST_PUT);
	if (!kobjtree_may_sleep()) {
		kobjtree_misuse(obj, "last put where sleeping is illegal");
		kobjtree_defer(obj);
		return;
	}
	c = kobjtree_my_cascade();
	if (c)
		kobjtree_join(c, obj);
	else if (kobjtree_delay_release())
		kobjtree_defer(obj);
	else
		kobjtree_teardown(obj);
}
EXPORT_SYMBOL_GPL(kobjtree_last_put);

/* The slow path of kobjtree_put_async(). */
void kobjtree_last_put_async(struct kref *ref)
{
	struct kobjtree *obj = container_of(ref, struct kobjtree, ref);

	trace_kobjtree_last_put(obj);
	kobjtree_history_note(obj, KOBJTREE_DID_LAST_PUT);
	kobjtree_defer(obj);
}
EXPORT_SYMBOL_GPL(kobjtree_last_put_async);

/* The slow path of kobjtree_put_not_last(). */
void kobjtree_last_put_unexpected(struct kref *ref)
{
	struct kobjtree *obj = container_of(ref, struct kobjtree, ref);

	kobjtree_misuse(obj, "last put by kobjtree_put_not_last()");
	kobjtree_last_put_async(ref);
}
EXPORT_SYMBOL_GPL(kobjtree_last_put_unexpected);

void __init kobjtree_teardown_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(kobjtree_tasks); i++)
		spin_lock_init(&kobjtree_tasks[i].lock);
}
