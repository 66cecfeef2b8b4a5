/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * References from outside that have a name.
 *
 * An edge says who holds what. What an open file, a timer or a list has is a
 * number in the object's count, unless it is taken by a holder: with
 * CONFIG_KOBJTREE_DEBUG and CONFIG_REF_TRACKER its kind and the stack that took it
 * are on record until it is put. Without them a holder has no bytes, and these are
 * kobjtree_get() and kobjtree_put().
 *
 * Documentation/dev-tools/kobjtree.rst
 */
#ifndef _LINUX_KOBJTREE_HOLDER_H
#define _LINUX_KOBJTREE_HOLDER_H

#include <linux/kobjtree.h>

#if defined(CONFIG_KOBJTREE_DEBUG) && defined(CONFIG_REF_TRACKER)
#define __KOBJTREE_HOLDERS
#endif

struct kobjtree_users;
struct ref_tracker;

/**
 * struct kobjtree_holder - one reference from outside, embedded in who has it
 * @obj: the object, NULL while there is none
 * @users: the others of this kind, of the same object
 * @tracker: in there
 * @taken: the stack of the get
 * @dropped: the stack of the put
 *
 * Zeroed memory holds nothing. No member is for drivers.
 */
struct kobjtree_holder {
#ifdef __KOBJTREE_HOLDERS
	struct kobjtree *obj;
	struct kobjtree_users *users;
	struct ref_tracker *tracker;
	u32 taken;
	u32 dropped;
#endif
};

#ifdef __KOBJTREE_HOLDERS
void __kobjtree_holder_add(struct kobjtree_holder *holder,
			   struct kobjtree *obj, const char *kind);
bool __kobjtree_holder_del(struct kobjtree_holder *holder, struct kobjtree *obj);
#else
static inline void __kobjtree_holder_add(struct kobjtree_holder *holder,
					 struct kobjtree *obj, const char *kind) { }
static inline bool __kobjtree_holder_del(struct kobjtree_holder *holder,
					 struct kobjtree *obj) { return true; }
#endif

/**
 * kobjtree_holder_give() - let a holder have the caller's reference
 * @holder: the holder, which has none
 * @obj: an object that the caller has a reference to
 * @kind: what the holder is, as "file"
 *
 * Context: process context, may sleep.
 */
static inline void kobjtree_holder_give(struct kobjtree_holder *holder,
					struct kobjtree *obj, const char *kind)
{
	might_sleep();
	__kobjtree_holder_add(holder, obj, kind);
}

/**
 * kobjtree_holder_get() - kobjtree_get() for a holder
 * @holder: the holder, which has no reference
 * @obj: an object that the caller has a reference to
 * @kind: what the holder is, as "file"
 *
 * Context: process context, may sleep.
 */
static inline void kobjtree_holder_get(struct kobjtree_holder *holder,
				       struct kobjtree *obj, const char *kind)
{
	might_sleep();
	kobjtree_get(obj);
	__kobjtree_holder_add(holder, obj, kind);
}

/**
 * kobjtree_holder_put() - kobjtree_put() of a holder's reference
 * @holder: the holder, whose memory may go with @obj
 * @obj: the object; the caller's last touch of it
 *
 * Reports a holder that has no reference to @obj, with the stack of who took the
 * one that it has, or dropped the one that it had. Nothing is put then.
 *
 * Context: as kobjtree_put().
 */
static inline void kobjtree_holder_put(struct kobjtree_holder *holder,
				       struct kobjtree *obj)
{
	if (__kobjtree_holder_del(holder, obj))
		kobjtree_put(obj);
}

/**
 * kobjtree_holder_put_async() - kobjtree_put_async() of a holder's reference
 * @holder: the holder
 * @obj: the object; the caller's last touch of it
 *
 * Context: any but NMI.
 */
static inline void kobjtree_holder_put_async(struct kobjtree_holder *holder,
					     struct kobjtree *obj)
{
	if (__kobjtree_holder_del(holder, obj))
		kobjtree_put_async(obj);
}

void kobjtree_last_put_unexpected(struct kref *ref);

/**
 * kobjtree_put_not_last() - drop a reference that is never the last one
 * @obj: the object
 *
 * For a caller who knows of another reference that stays, and has a lock that the
 * release takes: lockdep is not told of this put. If it is the last one all the
 * same, it warns, and leaves the object to a worker.
 *
 * Context: any but NMI.
 */
static inline void kobjtree_put_not_last(struct kobjtree *obj)
{
	if (kobjtree_there_put(obj))
		kref_put(&obj->ref, kobjtree_last_put_unexpected);
}

#endif /* _LINUX_KOBJTREE_HOLDER_H */
