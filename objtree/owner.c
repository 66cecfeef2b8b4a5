// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owners: what keeps the text and data of a module needed, and the workers
 * that tear down what was put where sleeping is not allowed.
 *
 * Invariant: an owner's count covers each object of its types until its memory
 * is gone, each action of its functions until it has returned, and each
 * hand-over to its worker until that is queued. Whoever brings the count to
 * zero does not touch the owner any more, and none of its module's text runs.
 *
 *   last put -> on ->deferred -> worker: teardown, oldest first -> gone
 */
#include <linux/delay.h>
#include <linux/notifier.h>
#include <linux/wait.h>

#include <trace/events/kobjtree.h>

#include "internal.h"

/* How long to wait before the first word on what is waited for, and the next. */
#define KOBJTREE_REPORT_FIRST		HZ
#define KOBJTREE_REPORT_INTERVAL	(10 * HZ)

static struct workqueue_struct *kobjtree_wq;
static DECLARE_WAIT_QUEUE_HEAD(kobjtree_owner_wait);
static LIST_HEAD(kobjtree_owners);
static DEFINE_SPINLOCK(kobjtree_owners_lock);

static void kobjtree_owner_add(struct kobjtree_owner *owner)
{
	guard(spinlock_irqsave)(&kobjtree_owners_lock);
	if (list_empty(&owner->node))
		list_add(&owner->node, &kobjtree_owners);
}

void kobjtree_owner_get(struct kobjtree_owner *owner)
{
	if (unlikely(list_empty_careful(&owner->node)))
		kobjtree_owner_add(owner);
	atomic_long_inc(&owner->count);
}

void kobjtree_owner_put(struct kobjtree_owner *owner, long nr)
{
	if (atomic_long_sub_and_test(nr, &owner->count))
		wake_up_all(&kobjtree_owner_wait);
}

/* === Deferral === */

/* Hand @obj, whose last reference is gone, to the worker of its owner. */
void kobjtree_defer(struct kobjtree *obj)
{
	struct kobjtree_owner *owner = obj->type->owner;

	kobjtree_owner_get(owner);
	trace_kobjtree_defer(obj);
	if (llist_add(&obj->llist, &owner->deferred))
		queue_work(kobjtree_wq, &owner->work);
	kobjtree_owner_put(owner, 1);
}

/* The worker; the last object may take its module along. */
void kobjtree_owner_work(struct work_struct *work)
{
	struct kobjtree_owner *owner = container_of(work, struct kobjtree_owner,
						    work);
	unsigned int delay = kobjtree_delay();
	struct llist_node *node;
	struct kobjtree *obj;

	if (delay)
		msleep(delay);
	node = llist_reverse_order(llist_del_all(&owner->deferred));
	while (node) {
		obj = llist_entry(node, struct kobjtree, llist);
		node = node->next;
		trace_kobjtree_deferred(obj);
		kobjtree_teardown(obj);
	}
}
EXPORT_SYMBOL_GPL(kobjtree_owner_work);

/* === Module unload === */

/* The macro kobjtree_owner_barrier() has the documentation. */
void __kobjtree_owner_barrier(struct kobjtree_owner *owner)
{
	long time = KOBJTREE_REPORT_FIRST;

	might_sleep();
	kobjtree_cyclic_collect_all();
	/* Pairs with kobjtree_owner_put(): what callbacks did is seen afterwards. */
	while (!wait_event_timeout(kobjtree_owner_wait,
				   !atomic_long_read_acquire(&owner->count),
				   time)) {
		time = KOBJTREE_REPORT_INTERVAL;
		pr_warn("kobjtree: %s waits for %ld objects and actions of its own\n",
			owner->name, atomic_long_read(&owner->count));
		kobjtree_graph_report(owner);
		kobjtree_cyclic_collect_all();
	}
	flush_work(&owner->work);
}
EXPORT_SYMBOL_GPL(__kobjtree_owner_barrier);

static struct kobjtree_owner *kobjtree_owner_take(const struct module *module)
{
	struct kobjtree_owner *owner;

	guard(spinlock_irqsave)(&kobjtree_owners_lock);
	list_for_each_entry(owner, &kobjtree_owners, node) {
		if (owner->module == module) {
			list_del_init(&owner->node);
			return owner;
		}
	}
	return NULL;
}

/* The net under a module without a barrier in its exit. */
static int kobjtree_module_event(struct notifier_block *nb, unsigned long event,
				 void *data)
{
	struct kobjtree_owner *owner;

	if (event != MODULE_STATE_GOING)
		return NOTIFY_DONE;
	owner = kobjtree_owner_take(data);
	if (!owner)
		return NOTIFY_DONE;
	if (atomic_long_read(&owner->count)) {
		pr_warn("kobjtree: %s goes with %ld objects and actions of its own left; its exit lacks kobjtree_owner_barrier()\n",
			owner->name, atomic_long_read(&owner->count));
		kobjtree_graph_report(owner);
	}
	__kobjtree_owner_barrier(owner);
	kobjtree_lockdep_forget(owner);
	return NOTIFY_OK;
}

static struct notifier_block kobjtree_module_nb = {
	.notifier_call = kobjtree_module_event,
	.priority = INT_MAX,
};

int __init kobjtree_owner_start(void)
{
	int ret;

	kobjtree_wq = alloc_workqueue("kobjtree", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!kobjtree_wq)
		return -ENOMEM;
	ret = register_module_notifier(&kobjtree_module_nb);
	if (ret)
		destroy_workqueue(kobjtree_wq);
	return ret;
}

void kobjtree_owner_stop(void)
{
	kobjtree_owner_barrier();
	rcu_barrier();
	unregister_module_notifier(&kobjtree_module_nb);
	destroy_workqueue(kobjtree_wq);
}
