/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Objects bound to a struct device.
 *
 * The binding of a driver to its device owns a reference to the driver's object,
 * not its memory: unbind puts, and whoever still holds the object keeps it. The
 * gate of the object says whether the device is still bound.
 *
 *	probe	kobjtree_alloc_bound() first, then devm_*() what the hardware
 *		needs, then publish, which each register function of the glue does
 *	unbind	closes the gate first, then devres undoes the rest, newest
 *		first, and then the binding's reference goes
 *
 * A driver without remove() has no more to do. One with a remove(), or with an
 * unwinding of its own in probe, calls kobjtree_unplug() first in it.
 *
 * Concepts and rules: Documentation/core-api/kobjtree.rst
 */
#ifndef _LINUX_KOBJTREE_BIND_H
#define _LINUX_KOBJTREE_BIND_H

#include <linux/build_bug.h>
#include <linux/kobjtree.h>
#include <linux/kobjtree_gate.h>
#include <linux/lockdep.h>
#include <linux/stddef.h>
#include <linux/types.h>

struct device;

/**
 * struct kobjtree_bound - an object with a gate, bound to a device; embedded
 * @tree: the object
 * @gate: its gate, live while it is published and the device is bound
 * @dev: the device; valid in sections, in the gate's callbacks and in probe;
 *	NULL when the binding is gone
 */
struct kobjtree_bound {
	struct kobjtree tree;
	struct kobjtree_gate gate;
	struct device *dev;
};

void *__kobjtree_alloc_bound(struct device *dev, size_t size, size_t offset,
			     const struct kobjtree_type *type,
			     const char *name, struct lock_class_key *key);

/* The type, which may be left out. */
#define __kobjtree_bound_type(_unused, _type, ...)	(_type)

/**
 * kobjtree_alloc_bound() - allocate the object of a driver, in probe
 * @_dev: the device, which is being bound
 * @_struct: the type of the container, as ``struct cam``
 * @_member: the &struct kobjtree_bound in it
 * @...: the &struct kobjtree_type, defined for ``_member.tree``; left out for a
 *	plain object, which has nothing to undo and needs nothing of the driver's
 *	when it goes, so that its module can be gone by then
 *
 * Call it before anything else that devres undoes: the reference is then the
 * last to go, also where a later step of probe fails. Each call site is a class
 * of gates to lockdep.
 *
 * Context: process context, may sleep.
 * Return: the zeroed struct, whose one reference belongs to the binding, or an
 * ERR_PTR(): -ENOMEM. There is nothing to undo.
 */
#define kobjtree_alloc_bound(_dev, _struct, _member, ...) ({		\
	static struct lock_class_key __kobjtree_key;			\
									\
	static_assert(__same_type(((_struct *)NULL)->_member,		\
				  struct kobjtree_bound));		\
	static_assert(offsetof(_struct, _member.tree) <= U16_MAX);	\
	(_struct *)__kobjtree_alloc_bound((_dev), sizeof(_struct),	\
			offsetof(_struct, _member),			\
			__kobjtree_bound_type(, ##__VA_ARGS__, NULL),	\
			#_struct, &__kobjtree_key);			\
})

int __must_check kobjtree_bind(struct kobjtree_bound *bound,
			       struct device *dev);
int __must_check kobjtree_publish(struct kobjtree_bound *bound);
int __must_check kobjtree_bound_watch(struct kobjtree_bound *bound,
				      struct kobjtree_watcher *watcher);
struct kobjtree_bound *kobjtree_weak_enter(struct kobjtree_weak *weak) __must_check;

#endif /* _LINUX_KOBJTREE_BIND_H */
