/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Objects that hold each other.
 *
 * An edge runs from a holder (the parent) to what it holds (the child) and is
 * one counted reference: it keeps the held object alive for the holder, and
 * the core drops it after the holder's own release function has returned.
 *
 * Concepts, rules and the order of teardown: Documentation/core-api/kobjtree.rst
 */
#ifndef _LINUX_KOBJTREE_H
#define _LINUX_KOBJTREE_H

#include <linux/bug.h>
#include <linux/build_bug.h>
#include <linux/cleanup.h>
#include <linux/container_of.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/gfp_types.h>
#include <linux/kernel.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/lockdep.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/stddef.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct kmem_cache;
struct kobjtree;

/**
 * struct kobjtree_owner - what of a module's the core may still call
 * @module: the module, NULL for built-in code
 * @name: its name
 * @count: live objects of its types, pending actions of its functions
 * @deferred: objects whose last reference went in kobjtree_put_async()
 * @work: tears them down
 * @node: in the list of all owners, once it was used
 *
 * One for each module, emitted by this header. No member is for drivers.
 */
struct kobjtree_owner {
	struct module *module;
	const char *name;
	atomic_long_t count;
	struct llist_head deferred;
	struct work_struct work;
	struct list_head node;
};

void kobjtree_owner_work(struct work_struct *work);
void __kobjtree_owner_barrier(struct kobjtree_owner *owner);

/* Weak, so that the units of one module share one record, also when built in. */
#define __kobjtree_owner	__PASTE(__kobjtree_owner_of_, __KBUILD_MODNAME)
extern struct kobjtree_owner __kobjtree_owner;
struct kobjtree_owner __weak __kobjtree_owner = {
	.module = THIS_MODULE,
	.name = KBUILD_MODNAME,
	.work = __WORK_INITIALIZER(__kobjtree_owner.work, kobjtree_owner_work),
	.node = LIST_HEAD_INIT(__kobjtree_owner.node),
};

/**
 * struct kobjtree_type - what an object is; const, see DEFINE_KOBJTREE_TYPE()
 * @name: for people
 * @owner: the module of this type and its functions
 * @release: undoes what the object's init did, NULL if there is nothing to
 *	undo; does not free. Everything that the object holds is still valid.
 *	Process context, may sleep, no kobjtree lock held.
 * @free: frees the memory in place of kfree(), and does nothing else
 * @cache: the slab cache that the memory came from, in place of kmalloc()
 * @offset: of the &struct kobjtree in the memory that is freed
 * @rcu: free the memory after a grace period, for lookups under RCU
 * @cyclic: set by DEFINE_KOBJTREE_CYCLIC_TYPE()
 * @size: of the memory, where it may be looked through for pointers
 * @map: lets lockdep see what @release takes at each kobjtree_put()
 */
struct kobjtree_type {
	const char *name;
	struct kobjtree_owner *owner;
	void (*release)(struct kobjtree *obj);
	void (*free)(struct kobjtree *obj);
	struct kmem_cache **cache;
	u16 offset;
	bool rcu;
	bool cyclic;
	u32 size;
#ifdef CONFIG_LOCKDEP
	struct lockdep_map *map;
#endif
};

#ifdef CONFIG_LOCKDEP
#define __KOBJTREE_TYPE_MAP(_name)					\
	static struct lockdep_map _name##_map =				\
		STATIC_LOCKDEP_MAP_INIT(#_name, &_name##_map)
#define __KOBJTREE_TYPE_MAP_REF(_name)	.map = &_name##_map,
#else
#define __KOBJTREE_TYPE_MAP(_name)	static_assert(sizeof(#_name) > 1)
#define __KOBJTREE_TYPE_MAP_REF(_name)
#endif

/**
 * DEFINE_KOBJTREE_TYPE() - define the type of the objects of a struct
 * @_name: of the type
 * @_struct: the type of the container, as ``struct cam``
 * @_member: the &struct kobjtree in it
 * @...: further members of &struct kobjtree_type, as ``.release = cam_release``
 */
#define DEFINE_KOBJTREE_TYPE(_name, _struct, _member, ...)		\
	static_assert(__same_type(((_struct *)NULL)->_member,		\
				  struct kobjtree));			\
	static_assert(offsetof(_struct, _member) <= U16_MAX);		\
	__KOBJTREE_TYPE_MAP(_name);					\
	static const struct kobjtree_type _name = {			\
		.name = #_name,						\
		.owner = &__kobjtree_owner,				\
		.offset = offsetof(_struct, _member),			\
		.size = sizeof(_struct),				\
		__KOBJTREE_TYPE_MAP_REF(_name)				\
		__VA_ARGS__						\
	}

/* What hangs on an object: @next is the next node's address and its kind. */
struct kobjtree_node {
	unsigned long next;
	unsigned long *pprev;
};

/**
 * struct kobjtree_edge - storage for one edge, embedded in the holder
 * @node: on the holder's list
 * @held: the held object, and flags of the core's; 0 while not linked
 *
 * Zeroed memory is an edge that is not linked.
 */
struct kobjtree_edge {
	struct kobjtree_node node;
	unsigned long held;
};

/**
 * struct kobjtree_action - storage for one action, embedded
 * @node: on the object's list
 * @fn: what to call
 * @data: with what
 * @owner: the module of @fn, and a flag of the core's
 */
struct kobjtree_action {
	struct kobjtree_node node;
	void (*fn)(void *data);
	void *data;
	unsigned long owner;
};

/**
 * struct kobjtree - an object, embedded in yours
 * @ref: references: edges and outside ones
 * @flags: of the core's, under the object's lock
 * @visited: by the walk that looks for a cycle
 * @offset: of this in the memory to free
 * @type: what it is
 * @link: the walk while alive, the cascade when dead
 * @llist: the deferred last put
 * @head: edges, actions and memory, newest first
 * @slot: the first edge, or the container of a member
 * @rcu: the deferred free, after everything was dropped
 *
 * No member is for drivers.
 */
struct kobjtree {
	struct kref ref;
	u8 flags;
	u8 visited;
	u16 offset;
	const struct kobjtree_type *type;
	union {
		struct kobjtree *link;
		struct llist_node llist;
	};
	union {
		struct {
			unsigned long head;
			struct kobjtree *slot;
		};
		struct rcu_head rcu;
	};
};

/**
 * struct kobjtree_weak - a reference that does not keep alive
 * @hidden: the object, 0 once it is dead
 * @node: in the table of weak references
 *
 * Zeroed memory is a weak reference to nothing.
 */
struct kobjtree_weak {
	unsigned long hidden;
	struct hlist_node node;
};

/* === Objects === */

void kobjtree_init(struct kobjtree *obj, const struct kobjtree_type *type);
void kobjtree_init_member(struct kobjtree *obj,
			  const struct kobjtree_type *type,
			  struct kobjtree *container);
void *__kobjtree_alloc(size_t size, size_t offset,
		       const struct kobjtree_type *type, gfp_t gfp,
		       const char *name) __malloc;

/**
 * kobjtree_alloc() - allocate a zeroed struct and initialise the object in it
 * @_struct: the type of the container, as ``struct cam``
 * @_member: the &struct kobjtree in it
 * @_type: its type, or NULL for a plain object, which has nothing to undo;
 *	nothing of the driver's is needed when a plain object goes
 * @_gfp: how to allocate
 *
 * Context: that of @_gfp.
 * Return: the struct with one reference, owned by the caller, who ends it with
 * kobjtree_put() also where a later step of its set-up fails; NULL without
 * memory.
 */
#define kobjtree_alloc(_struct, _member, _type, _gfp) ({		\
	static_assert(__same_type(((_struct *)NULL)->_member,		\
				  struct kobjtree));			\
	static_assert(offsetof(_struct, _member) <= U16_MAX);		\
	(_struct *)__kobjtree_alloc(sizeof(_struct),			\
				    offsetof(_struct, _member),		\
				    (_type), (_gfp), #_struct);		\
})

void kobjtree_last_put(struct kref *ref);
void kobjtree_last_put_async(struct kref *ref);

#ifdef CONFIG_LOCKDEP
void kobjtree_put_check(struct kobjtree *obj);
#else
static inline void kobjtree_put_check(struct kobjtree *obj) { }
#endif

#ifdef CONFIG_KOBJTREE_DEBUG
bool kobjtree_there_get(const struct kobjtree *obj);
bool kobjtree_there_put(const struct kobjtree *obj);
static inline bool kobjtree_there_got(const struct kobjtree *obj, bool got)
{
	return got && kobjtree_there_get(obj);
}
#else
static inline bool kobjtree_there_get(const struct kobjtree *obj) { return true; }
static inline bool kobjtree_there_put(const struct kobjtree *obj) { return true; }
static inline bool kobjtree_there_got(const struct kobjtree *obj, bool got)
{
	return got;
}
#endif

/**
 * kobjtree_get() - take a reference
 * @obj: an object that the caller has a reference to
 *
 * Context: any.
 * Return: @obj; the caller owns one more reference.
 */
static inline struct kobjtree *kobjtree_get(struct kobjtree *obj)
{
	if (kobjtree_there_get(obj))
		kref_get(&obj->ref);
	return obj;
}

/**
 * kobjtree_get_unless_zero() - take a reference to an object that may be dead
 * @obj: the object, in a critical section that keeps its memory valid
 *
 * Context: any.
 * Return: true with a reference for the caller, false if @obj is dead.
 */
static inline bool __must_check kobjtree_get_unless_zero(struct kobjtree *obj)
{
	return kobjtree_there_got(obj, kref_get_unless_zero(&obj->ref));
}

/**
 * kobjtree_put() - drop a reference, the one destructor and error path
 * @obj: the object; the caller's last touch of it
 *
 * The last reference tears the object down before this returns, and what it
 * held if nothing else holds that. Made inside a release, an action or a free,
 * it joins the teardown that runs on this task and takes place as soon as that
 * callback has returned.
 *
 * Context: process context, may sleep, whether or not it is the last.
 */
static inline void kobjtree_put(struct kobjtree *obj)
{
	might_sleep();
	if (!kobjtree_there_put(obj))
		return;
	kobjtree_put_check(obj);
	kref_put(&obj->ref, kobjtree_last_put);
}

/**
 * kobjtree_put_async() - drop a reference where sleeping is not allowed
 * @obj: the object; the caller's last touch of it
 *
 * The last reference hands the object to a worker, always.
 *
 * Context: any but NMI.
 */
static inline void kobjtree_put_async(struct kobjtree *obj)
{
	if (kobjtree_there_put(obj))
		kref_put(&obj->ref, kobjtree_last_put_async);
}

DEFINE_FREE(kobjtree_put, struct kobjtree *, if (!IS_ERR_OR_NULL(_T)) kobjtree_put(_T))

/* === Edges === */

void kobjtree_hold_edge(struct kobjtree *holder, struct kobjtree_edge *edge,
			struct kobjtree *held);
void kobjtree_hold_edge_give(struct kobjtree *holder,
			     struct kobjtree_edge *edge, struct kobjtree *held);

/**
 * kobjtree_hold() - kobjtree_hold_edge() with the place inside the object
 * @holder: an object that was never held, and no member, whose place is taken
 *	by its container
 * @held: what it holds from now on
 *
 * The place serves one edge in the life of @holder.
 *
 * Context: any; the caller holds a reference to both.
 */
static inline void kobjtree_hold(struct kobjtree *holder, struct kobjtree *held)
{
	kobjtree_hold_edge(holder, NULL, held);
}

/**
 * kobjtree_hold_give() - kobjtree_hold() that takes over a reference
 * @holder: an object that was never held
 * @held: what it holds from now on, with the caller's reference
 *
 * Context: any; the caller holds a reference to @holder.
 */
static inline void kobjtree_hold_give(struct kobjtree *holder,
				      struct kobjtree *held)
{
	kobjtree_hold_edge_give(holder, NULL, held);
}

int __must_check kobjtree_link(struct kobjtree *holder,
			       struct kobjtree_edge *edge,
			       struct kobjtree *held);
int __must_check kobjtree_link_give(struct kobjtree *holder,
				    struct kobjtree_edge *edge,
				    struct kobjtree *held);
bool kobjtree_unlink(struct kobjtree *holder, struct kobjtree_edge *edge);
bool kobjtree_drop(struct kobjtree *holder, struct kobjtree *held);
int __must_check kobjtree_move(struct kobjtree *from,
			       struct kobjtree_edge *from_edge,
			       struct kobjtree *to,
			       struct kobjtree_edge *to_edge);

/* === Managed memory and actions === */

void *kobjtree_kzalloc(struct kobjtree *obj, size_t size, gfp_t gfp);
char *kobjtree_kstrdup(struct kobjtree *obj, const char *s, gfp_t gfp);
void kobjtree_kfree(struct kobjtree *obj, const void *p);

int __kobjtree_add_action(struct kobjtree *obj, void (*fn)(void *data),
			  void *data, struct kobjtree_owner *owner);
int __kobjtree_add_action_or_reset(struct kobjtree *obj,
				   void (*fn)(void *data), void *data,
				   struct kobjtree_owner *owner);
void __kobjtree_embed_action(struct kobjtree *obj,
			     struct kobjtree_action *action,
			     void (*fn)(void *data), void *data,
			     struct kobjtree_owner *owner);
bool kobjtree_remove_action(struct kobjtree *obj, void (*fn)(void *data),
			    void *data);
bool kobjtree_release_action(struct kobjtree *obj, void (*fn)(void *data),
			     void *data);

/**
 * kobjtree_add_action() - call a function when the object goes
 * @obj: the object
 * @fn: called after @obj's release, newest first, while what @obj holds is
 *	still valid; process context, may sleep, no kobjtree lock held
 * @data: for @fn
 *
 * Context: process context, may sleep; the caller holds a reference to @obj.
 * Return: 0, -ENOMEM without memory, -ENODEV if @obj is dead; on an error @fn
 * is not called.
 */
#define kobjtree_add_action(obj, fn, data) \
	__kobjtree_add_action(obj, fn, data, &__kobjtree_owner)

/**
 * kobjtree_add_action_or_reset() - the same, and on an error call it now
 * @obj: the object
 * @fn: the function
 * @data: for @fn
 *
 * Context: process context, may sleep; the caller holds a reference to @obj.
 * Return: 0, -ENOMEM or -ENODEV after @fn was called.
 */
#define kobjtree_add_action_or_reset(obj, fn, data) \
	__kobjtree_add_action_or_reset(obj, fn, data, &__kobjtree_owner)

/**
 * kobjtree_embed_action() - the same with the caller's storage: cannot fail
 * @obj: the object
 * @action: storage that lives as long as @obj, or until it is removed
 * @fn: the function
 * @data: for @fn
 *
 * Context: any; the caller holds a reference to @obj.
 */
#define kobjtree_embed_action(obj, action, fn, data) \
	__kobjtree_embed_action(obj, action, fn, data, &__kobjtree_owner)

/* === Weak references === */

void kobjtree_weak_set(struct kobjtree_weak *weak, struct kobjtree *obj);
struct kobjtree *kobjtree_weak_get(struct kobjtree_weak *weak) __must_check;
void kobjtree_weak_clear(struct kobjtree_weak *weak);

/* === Module unload === */

/**
 * kobjtree_owner_barrier() - wait until the core calls nothing of this module
 *
 * For module exit: returns when no object of this module's types is left and
 * no action of its functions is pending, deferred ones included.
 *
 * Context: process context, sleeps; without a time-out.
 */
#define kobjtree_owner_barrier() __kobjtree_owner_barrier(&__kobjtree_owner)

/**
 * module_kobjtree_driver() - module_driver() with the barrier in module exit
 * @__driver: the driver
 * @__register: as ``platform_driver_register``
 * @__unregister: as ``platform_driver_unregister``
 */
#define module_kobjtree_driver(__driver, __register, __unregister)	\
static int __init __driver##_init(void)					\
{									\
	return __register(&(__driver));					\
}									\
module_init(__driver##_init);						\
static void __exit __driver##_exit(void)				\
{									\
	__unregister(&(__driver));					\
	kobjtree_owner_barrier();					\
}									\
module_exit(__driver##_exit)

#endif /* _LINUX_KOBJTREE_H */
