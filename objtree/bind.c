// SPDX-License-Identifier: GPL-2.0-only
/*
 * Binding: what unbind does to an object.
 *
 * Invariant: while a device is bound, its devres list holds a reference to the
 * object in an entry older than what the driver asked for, and closes the gate
 * in one that is newer. So the hardware is there until no section runs, and the
 * object at least until devres has undone everything else.
 *
 *   devres, newest first: unplug -> regs, irqs, clocks -> unplug, put
 *
 * Nothing here depends on how the binding ends: remove(), a probe that fails,
 * or a driver core that calls none of the bus notifiers.
 */
#include <linux/device.h>
#include <linux/kobjtree_bind.h>

#include "internal.h"

static void kobjtree_bound_unplug(void *data)
{
	struct kobjtree_bound *bound = data;

	kobjtree_unplug(&bound->gate);
}

static void kobjtree_bound_unbind(void *data)
{
	struct kobjtree_bound *bound = data;

	kobjtree_unplug(&bound->gate);
	kobjtree_graph_bind(&bound->tree, NULL);
	kobjtree_put(&bound->tree);
}

/* The same for the device that the object was made for. */
static void kobjtree_bound_end(void *data)
{
	struct kobjtree_bound *bound = data;

	kobjtree_unplug(&bound->gate);
	bound->gate.dev = NULL;
	bound->dev = NULL;
	kobjtree_graph_bind(&bound->tree, NULL);
	kobjtree_put(&bound->tree);
}

static int kobjtree_bound_devm(struct device *dev, void (*fn)(void *data),
			       struct kobjtree_bound *bound)
{
	return kobjtree_fail_alloc() ? -ENOMEM : devm_add_action(dev, fn, bound);
}

/*
 * Without a driver there is no unbind: devres would keep the object until the
 * device goes, which an open file may hold up for ever.
 */
static void kobjtree_want_driver(struct kobjtree_bound *bound,
				 struct device *dev)
{
	if (!READ_ONCE(dev->driver))
		kobjtree_misuse(&bound->tree, "bound to a device that has no driver");
}

/* The macro kobjtree_alloc_bound() has the documentation. */
void *__kobjtree_alloc_bound(struct device *dev, size_t size, size_t offset,
			     const struct kobjtree_type *type,
			     const char *name, struct lock_class_key *key)
{
	struct kobjtree_bound *bound;
	void *p;
	int ret;

	p = __kobjtree_alloc(size, offset + offsetof(struct kobjtree_bound, tree),
			     type, GFP_KERNEL, name);
	if (!p)
		return ERR_PTR(-ENOMEM);
	bound = p + offset;
	__kobjtree_gate_init(&bound->gate, &bound->tree, name, key);
	bound->gate.dev = dev;
	bound->dev = dev;
	kobjtree_want_driver(bound, dev);
	kobjtree_graph_bind(&bound->tree, dev_name(dev));
	ret = kobjtree_bound_devm(dev, kobjtree_bound_end, bound);
	if (!ret)
		return p;
	kobjtree_bound_end(bound);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_GPL(__kobjtree_alloc_bound);

/**
 * kobjtree_bind() - bind an object to one more device
 * @bound: the object
 * @dev: the device, before its driver asks devres for anything else
 *
 * For an object that stands for several devices: the unbind of any of them unplugs
 * it. Not for an interface that a USB driver claims, which may not be registered
 * yet: there disconnect() calls kobjtree_unplug().
 *
 * Context: process context, may sleep; the caller holds a reference to @bound.
 * Return: 0, and @dev's binding owns a reference of its own; -ENOMEM.
 */
int kobjtree_bind(struct kobjtree_bound *bound, struct device *dev)
{
	int ret;

	kobjtree_want_driver(bound, dev);
	kobjtree_get(&bound->tree);
	kobjtree_graph_bind(&bound->tree, dev_name(dev));
	ret = kobjtree_bound_devm(dev, kobjtree_bound_unbind, bound);
	if (ret) {
		kobjtree_graph_bind(&bound->tree, NULL);
		kobjtree_put(&bound->tree);
	}
	return ret;
}
EXPORT_SYMBOL_GPL(kobjtree_bind);

/**
 * kobjtree_publish() - open the gate of a bound object
 * @bound: the object
 *
 * For the register functions of glue, before they make the object visible:
 * unbind closes the gate before it undoes anything that was done until now. To
 * be called for each thing that is published.
 *
 * Context: process context, may sleep; while the device is being bound or is
 * bound.
 * Return: 0; -ENOMEM; -ENODEV if the gate was marked already.
 */
int kobjtree_publish(struct kobjtree_bound *bound)
{
	int ret;

	if (kobjtree_marked(&bound->gate))
		return -ENODEV;
	ret = kobjtree_bound_devm(bound->dev, kobjtree_bound_unplug, bound);
	return ret ?: kobjtree_gate_live(&bound->gate);
}
EXPORT_SYMBOL_GPL(kobjtree_publish);

/**
 * kobjtree_weak_enter() - begin a section of what a weak reference names
 * @weak: the weak reference, to the ->tree of a &struct kobjtree_bound
 *
 * For lookups: kobjtree_weak_get() finds an object until its last reference
 * goes, this one until its gate is marked.
 *
 * Context: any but NMI.
 * Return: the object with a reference for the caller, in a section of its gate,
 * which kobjtree_exit() and kobjtree_put() end in this order; NULL if it is
 * dead, its gate is not live, or there is none.
 */
struct kobjtree_bound *kobjtree_weak_enter(struct kobjtree_weak *weak)
{
	struct kobjtree *obj = kobjtree_weak_get(weak);
	struct kobjtree_bound *bound;

	if (!obj)
		return NULL;
	bound = container_of(obj, struct kobjtree_bound, tree);
	if (!kobjtree_enter(&bound->gate))
		return bound;
	kobjtree_put_async(obj);
	return NULL;
}
EXPORT_SYMBOL_GPL(kobjtree_weak_enter);

/**
 * kobjtree_bound_watch() - take part in the removal of a bound object
 * @bound: the object
 * @watcher: the callbacks, in memory that lives as long as @bound
 *
 * As kobjtree_watch(). In addition the quiesce callback finds what the driver
 * has asked devres for until now, also if the object is never published.
 *
 * Context: process context, may sleep; while the device is being bound or is
 * bound.
 * Return: 0; -ENODEV if the gate was marked already; -ENOMEM. On an error the
 * callbacks never run, and the object is what it was.
 */
int kobjtree_bound_watch(struct kobjtree_bound *bound,
			 struct kobjtree_watcher *watcher)
{
	int ret;

	if (kobjtree_marked(&bound->gate))
		return -ENODEV;
	ret = kobjtree_bound_devm(bound->dev, kobjtree_bound_unplug, bound);
	return ret ?: kobjtree_watch(&bound->gate, watcher);
}
EXPORT_SYMBOL_GPL(kobjtree_bound_watch);
