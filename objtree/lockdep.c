// SPDX-License-Identifier: GPL-2.0-only
/*
 * What lockdep is taught of lifetimes: every put may be the last one, and then
 * takes what the release takes, and the release of anything that goes with it.
 *
 * Owns which types were seen to hold which. A put takes the class of its object's
 * type, and those of all types that this one leads to; a release and an action run
 * inside the class of theirs. The classes are never nested in each other, so that
 * types which hold each other in a circle, as objects cannot, are no circle of
 * locks.
 *
 * Invariant: a pair of types is in the table only while the modules of both are
 * there; who looks disables preemption, and an unload waits for that.
 */
#include <linux/hashtable.h>
#include <linux/preempt.h>
#include <linux/rculist.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "internal.h"

/* How many types one may lead to; what is beyond is not looked at. */
#define KOBJTREE_LEADS	32

/* @holder, as the key, has held @held. */
struct kobjtree_lead {
	struct hlist_node node;
	const struct kobjtree_type *holder;
	const struct kobjtree_type *held;
	struct rcu_head rcu;
};

static DEFINE_HASHTABLE(kobjtree_leads, 6);
static DEFINE_SPINLOCK(kobjtree_leads_lock);	/* for who changes it */

/* === Which types hold which === */

static bool kobjtree_lead_known(const struct kobjtree_type *holder,
				const struct kobjtree_type *held)
{
	struct kobjtree_lead *lead;

	guard(preempt)();
	hash_for_each_possible_rcu(kobjtree_leads, lead, node,
				   (unsigned long)holder) {
		if (lead->holder == holder && lead->held == held)
			return true;
	}
	return false;
}

/* An edge, or a member's reference to its container. Plain objects have no class. */
void kobjtree_lockdep_link(const struct kobjtree *holder,
			   const struct kobjtree *held)
{
	struct kobjtree_lead *lead;

	if (!holder->type->map || !held->type->map ||
	    holder->type == held->type ||
	    kobjtree_lead_known(holder->type, held->type))
		return;
	lead = kzalloc_obj(*lead, GFP_ATOMIC | __GFP_NOWARN);
	if (!lead)
		return;
	lead->holder = holder->type;
	lead->held = held->type;
	guard(spinlock_irqsave)(&kobjtree_leads_lock);
	hash_add_rcu(kobjtree_leads, &lead->node, (unsigned long)lead->holder);
}

/* @owner's module goes, and with it its types. */
void kobjtree_lockdep_forget(const struct kobjtree_owner *owner)
{
	struct kobjtree_lead *lead;
	struct hlist_node *next;
	int i;

	scoped_guard(spinlock_irqsave, &kobjtree_leads_lock) {
		hash_for_each_safe(kobjtree_leads, i, next, lead, node) {
			if (lead->holder->owner != owner &&
			    lead->held->owner != owner)
				continue;
			hash_del_rcu(&lead->node);
			kfree_rcu(lead, rcu);
		}
	}
	synchronize_rcu();
}

/* === Puts and releases === */

static bool kobjtree_among(const struct kobjtree_type *type,
			   const struct kobjtree_type **types, int n)
{
	while (n--) {
		if (types[n] == type)
			return true;
	}
	return false;
}

/* What the first one of @types leads to, and itself. */
static int kobjtree_leads_to(const struct kobjtree_type **types)
{
	struct kobjtree_lead *lead;
	int i, n = 1;

	for (i = 0; i < n; i++) {
		hash_for_each_possible_rcu(kobjtree_leads, lead, node,
					   (unsigned long)types[i]) {
			if (lead->holder == types[i] && n < KOBJTREE_LEADS &&
			    !kobjtree_among(lead->held, types, n))
				types[n++] = lead->held;
		}
	}
	return n;
}

/*
 * Under the locks of its caller, a put takes what the releases take. Those of a
 * callback do not, since they wait for its end.
 */
void kobjtree_put_check(struct kobjtree *obj)
{
	const struct kobjtree_type *types[KOBJTREE_LEADS] = { obj->type };
	int n;

	if (!obj->type->map || !current->lockdep_depth ||
	    !kobjtree_may_sleep() || kobjtree_in_cascade())
		return;
	guard(preempt)();
	for (n = kobjtree_leads_to(types); n--;) {
		lock_map_acquire(types[n]->map);
		lock_map_release(types[n]->map);
	}
}
EXPORT_SYMBOL_GPL(kobjtree_put_check);

/* A release or an action of @obj begins. */
void kobjtree_lockdep_begin(const struct kobjtree *obj)
{
	if (obj->type->map)
		lock_map_acquire_read(obj->type->map);
}

void kobjtree_lockdep_end(const struct kobjtree *obj)
{
	if (obj->type->map)
		lock_map_release(obj->type->map);
}
