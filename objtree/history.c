// SPDX-License-Identifier: GPL-2.0-only
/*
 * The history of an object: who made it, who took a reference last, who dropped
 * the last one, and when its teardown began.
 *
 * Owns an entry for each object that lives, and for the last KOBJTREE_GONE that
 * are gone. One is found by the address alone: a call with a pointer to what is
 * gone is told of, and ends, before it touches the memory.
 *
 * Invariant: an address has at most one entry, of the object that was there last.
 * An object whose entry had no memory has no history, and is never reported.
 *
 *   init -> lives -> gone -> forgotten, oldest first, or another object is there
 */
#include <linux/hashtable.h>
#include <linux/list.h>
#include <linux/math64.h>
#include <linux/poison.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/slab.h>
#include <linux/stackdepot.h>
#include <linux/stacktrace.h>
#include <linux/string.h>

#include "internal.h"

#define KOBJTREE_GONE	1024
#define KOBJTREE_DEPTH	16

struct kobjtree_event {
	u64 time;
	u32 stack;
	pid_t pid;
	char comm[TASK_COMM_LEN];
};

/*
 * @gone: in the list of those that are, else empty
 * @hidden: the object, complemented so that kmemleak sees one that is lost
 * @told: it is gone, and one use of it was reported
 */
struct kobjtree_history {
	struct hlist_node node;
	struct list_head gone;
	unsigned long hidden;
	bool told;
	char name[32];
	struct kobjtree_event event[KOBJTREE_EVENTS];
};

static const char * const kobjtree_event_name[] = {
	[KOBJTREE_DID_INIT] = "init",
	[KOBJTREE_DID_GET] = "last get",
	[KOBJTREE_DID_LAST_PUT] = "last put",
	[KOBJTREE_DID_RELEASE] = "release",
};

static DEFINE_SPINLOCK(kobjtree_history_lock);	/* of all below */
static DEFINE_HASHTABLE(kobjtree_histories, 10);
static LIST_HEAD(kobjtree_gone);		/* oldest first */
static unsigned int kobjtree_gone_nr;

static struct kobjtree_history *kobjtree_history(const struct kobjtree *obj)
{
	struct kobjtree_history *h;

	lockdep_assert_held(&kobjtree_history_lock);
	hash_for_each_possible(kobjtree_histories, h, node, (unsigned long)obj) {
		if (h->hidden == ~(unsigned long)obj)
			return h;
	}
	return NULL;
}

/* === What is kept === */

/* The caller's caller; 0 if there is no room for it, and none may be allocated. */
noinline u32 kobjtree_stack(bool may_alloc)
{
#ifdef CONFIG_STACKDEPOT
	unsigned long entries[KOBJTREE_DEPTH];
	unsigned int n;

	n = stack_trace_save(entries, ARRAY_SIZE(entries), 2);
	return stack_depot_save_flags(entries, n, GFP_NOWAIT,
				      may_alloc ? STACK_DEPOT_FLAG_CAN_ALLOC : 0);
#else
	return 0;
#endif
}

static __always_inline struct kobjtree_event kobjtree_event_now(bool may_alloc)
{
	struct kobjtree_event e = {
		.time = local_clock(),
		.stack = kobjtree_stack(may_alloc),
		.pid = current->pid,
	};

	strscpy(e.comm, current->comm, sizeof(e.comm));
	return e;
}

/* Something was done to @obj; false if it has no history, or is gone. */
bool kobjtree_history_note(const struct kobjtree *obj, enum kobjtree_did what)
{
	struct kobjtree_event e;
	struct kobjtree_history *h;

	if (in_nmi())
		return false;
	e = kobjtree_event_now(false);
	guard(spinlock_irqsave)(&kobjtree_history_lock);
	h = kobjtree_history(obj);
	if (!h || !list_empty(&h->gone))
		return false;
	h->event[what] = e;
	return true;
}

/* What was at this address before is forgotten. */
static struct kobjtree_history *kobjtree_history_again(const struct kobjtree *obj)
{
	struct kobjtree_history *h = kobjtree_history(obj);

	if (!h)
		return NULL;
	hash_del(&h->node);
	if (!list_empty(&h->gone)) {
		list_del_init(&h->gone);
		kobjtree_gone_nr--;
	}
	return h;
}

/* @name goes with its module, which may be before @obj does. */
void kobjtree_history_add(const struct kobjtree *obj, const char *name)
{
	struct kobjtree_history *h, *old;

	h = kzalloc_obj(*h, GFP_ATOMIC | __GFP_NOWARN);
	if (h) {
		INIT_LIST_HEAD(&h->gone);
		h->hidden = ~(unsigned long)obj;
		strscpy(h->name, name, sizeof(h->name));
		h->event[KOBJTREE_DID_INIT] = kobjtree_event_now(true);
	}
	scoped_guard(spinlock_irqsave, &kobjtree_history_lock) {
		old = kobjtree_history_again(obj);
		if (h)
			hash_add(kobjtree_histories, &h->node, (unsigned long)obj);
	}
	kfree(old);
}

/* The memory of @obj goes. */
void kobjtree_history_gone(const struct kobjtree *obj)
{
	struct kobjtree_history *h, *oldest = NULL;

	scoped_guard(spinlock_irqsave, &kobjtree_history_lock) {
		h = kobjtree_history(obj);
		if (!h || !list_empty(&h->gone))
			return;
		list_add_tail(&h->gone, &kobjtree_gone);
		if (++kobjtree_gone_nr <= KOBJTREE_GONE)
			return;
		oldest = list_first_entry(&kobjtree_gone,
					  struct kobjtree_history, gone);
		hash_del(&oldest->node);
		list_del(&oldest->gone);
		kobjtree_gone_nr--;
	}
	kfree(oldest);
}

/* === What is told === */

static void kobjtree_history_print(const struct kobjtree_history *h)
{
	const struct kobjtree_event *e;
	u64 ms;
	int i;

	for (i = 0; i < KOBJTREE_EVENTS; i++) {
		e = &h->event[i];
		if (!e->time)
			continue;
		ms = div_u64(local_clock() - e->time, NSEC_PER_MSEC);
		pr_warn("kobjtree: %s: %s by %s[%d], %llu ms ago\n", h->name,
			kobjtree_event_name[i], e->comm, e->pid, ms);
#ifdef CONFIG_STACKDEPOT
		if (e->stack)
			stack_depot_print(e->stack);
#endif
	}
}

/* Of @obj, whose memory may be gone. */
void kobjtree_history_show(const struct kobjtree *obj)
{
	struct kobjtree_history *h, copy = { };

	scoped_guard(spinlock_irqsave, &kobjtree_history_lock) {
		h = kobjtree_history(obj);
		if (h)
			copy = *h;
	}
	kobjtree_history_print(&copy);
}

/* A misuse, of which this is the first one of its kind. */
void kobjtree_told(const struct kobjtree *obj, const char *what)
{
	WARN(1, KOBJTREE_MISUSE, obj->type->name, what);
	kobjtree_history_show(obj);
}

/*
 * False if @obj is gone: each object is reported once, and the caller does nothing.
 * True also if nothing is known of it.
 */
bool kobjtree_there(const struct kobjtree *obj, const char *what)
{
	struct kobjtree_history *h, copy;

	if (in_nmi())
		return true;
	scoped_guard(spinlock_irqsave, &kobjtree_history_lock) {
		h = kobjtree_history(obj);
		if (!h || list_empty(&h->gone))
			return true;
		copy = *h;
		h->told = true;
	}
	if (copy.told)
		return false;
	WARN(1, KOBJTREE_MISUSE, copy.name, what);
	kobjtree_history_print(&copy);
	return false;
}

bool kobjtree_there_get(const struct kobjtree *obj)
{
	if (kobjtree_history_note(obj, KOBJTREE_DID_GET))
		return true;
	return kobjtree_there(obj, "get of an object that is gone");
}
EXPORT_SYMBOL_GPL(kobjtree_there_get);

bool kobjtree_there_put(const struct kobjtree *obj)
{
	return kobjtree_there(obj, "put of an object that is gone");
}
EXPORT_SYMBOL_GPL(kobjtree_there_put);

/* === Poison === */

static void kobjtree_poison_free(struct kobjtree *obj)
{
}

/* Whoever still looks finds a dead object, and this name. */
static const struct kobjtree_type kobjtree_poison_type = {
	.name = "an object that is gone",
	.owner = &__kobjtree_owner,
	.free = kobjtree_poison_free,
};

/* The count stays 0, so that nobody gets a reference. */
void kobjtree_poison(struct kobjtree *obj)
{
	obj->type = &kobjtree_poison_type;
	obj->link = LIST_POISON1;
	obj->head = (unsigned long)LIST_POISON2;
	obj->slot = LIST_POISON2;
}

void kobjtree_history_start(void)
{
#ifdef CONFIG_STACKDEPOT
	stack_depot_init();
#endif
}

void kobjtree_history_stop(void)
{
	struct kobjtree_history *h;
	struct hlist_node *next;
	int i;

	hash_for_each_safe(kobjtree_histories, i, next, h, node) {
		hash_del(&h->node);
		kfree(h);
	}
}
