/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Objects that may hold each other in cycles, and the collector that takes those
 * apart which nothing else keeps. A weak reference is cheaper: use this where no
 * end of a cycle is the one that should be weak.
 *
 * Rules: Documentation/core-api/kobjtree.rst, "Cycles on purpose".
 */
#ifndef _LINUX_KOBJTREE_CYCLIC_H
#define _LINUX_KOBJTREE_CYCLIC_H

#include <linux/kobjtree.h>

/**
 * struct kobjtree_cyclic - an object that may be on a cycle, embedded in yours
 * @tree: the object, for all calls that take one
 * @node: in the list of all such objects, until the memory goes
 * @index: in the collector's picture
 * @back: edges that closed a cycle, and wait to be dropped
 * @state: what the collector and those who come between know of it
 *
 * No member but @tree is for drivers.
 */
struct kobjtree_cyclic {
	struct kobjtree tree;
	struct list_head node;
	u32 index;
	u32 back;
	int state;
};

/**
 * DEFINE_KOBJTREE_CYCLIC_TYPE() - DEFINE_KOBJTREE_TYPE() for such objects
 * @_name: of the type
 * @_struct: the type of the container, as ``struct peer``
 * @_member: the &struct kobjtree_cyclic in it
 * @...: further members of &struct kobjtree_type, but @rcu
 *
 * To allocate one, name the member of the member:
 * ``kobjtree_alloc(struct peer, cyclic.tree, &peer_type, GFP_KERNEL)``.
 */
#define DEFINE_KOBJTREE_CYCLIC_TYPE(_name, _struct, _member, ...)	\
	static_assert(__same_type(((_struct *)NULL)->_member,		\
				  struct kobjtree_cyclic));		\
	DEFINE_KOBJTREE_TYPE(_name, _struct, _member.tree,		\
			     .cyclic = true, ##__VA_ARGS__)

struct kobjtree *kobjtree_cyclic_get(struct kobjtree *obj) __must_check;
int kobjtree_cyclic_collect(void);

#endif /* _LINUX_KOBJTREE_CYCLIC_H */
