// SPDX-License-Identifier: GPL-2.0-only
/*
 * Weak references: they find an object while it lives and do not keep it.
 *
 * Invariant: a weak reference is in the bucket of the object that it names,
 * and that bucket's lock guards its ->hidden. The object's teardown empties it
 * under that lock before anything else happens, so that whoever still finds
 * the object there finds valid memory, with a count that may be zero.
 *
 * That looks through all of the bucket with interrupts off: meant for thousands of
 * weak references in the system, not for millions.
 *
 *   nothing -> kobjtree_weak_set() -> object -> dead, cleared or set anew
 */
#include "internal.h"

/*
 * Negated, which leaves nothing as it is, so that what looks through memory for
 * pointers, as kmemleak does, does not find the object kept by this one.
 */
static unsigned long kobjtree_weak_hide(const struct kobjtree *obj)
{
	return -(unsigned long)obj;
}

static struct kobjtree *kobjtree_weak_named(unsigned long hidden)
{
	return (struct kobjtree *)-hidden;
}

/* Lock the bucket of what @weak names now; NULL if that is nothing. */
static struct kobjtree_bucket *kobjtree_weak_lock(struct kobjtree_weak *weak,
						  unsigned long *flags)
{
	struct kobjtree_bucket *bucket;
	struct kobjtree *obj;

	/* Pairs with kobjtree_weak_forget(): @weak may go when this is NULL. */
	while ((obj = kobjtree_weak_named(smp_load_acquire(&weak->hidden)))) {
		bucket = kobjtree_bucket(obj);
		spin_lock_irqsave(&bucket->lock, *flags);
		/* If it names another one now, that is under another lock. */
		if (READ_ONCE(weak->hidden) == kobjtree_weak_hide(obj))
			return bucket;
		spin_unlock_irqrestore(&bucket->lock, *flags);
	}
	return NULL;
}

static void kobjtree_weak_forget(struct kobjtree_weak *weak)
{
	hlist_del_init(&weak->node);
	/* The last touch; pairs with kobjtree_weak_lock(). */
	smp_store_release(&weak->hidden, 0);
}

/**
 * kobjtree_weak_set() - let a weak reference name an object
 * @weak: the weak reference; what it named before is forgotten
 * @obj: the object
 *
 * @weak must be cleared before its memory goes. Setters and clearers of one
 * weak reference take turns by the caller's lock; kobjtree_weak_get() may run
 * beside them.
 *
 * Context: any; the caller holds a reference to @obj.
 */
void kobjtree_weak_set(struct kobjtree_weak *weak, struct kobjtree *obj)
{
	kobjtree_weak_clear(weak);

	guard(spinlock_irqsave)(kobjtree_lock(obj));
	if (kobjtree_dead(obj))
		return;
	kobjtree_set_flag(obj, KOBJTREE_WEAK);
	hlist_add_head(&weak->node, &kobjtree_bucket(obj)->weak);
	WRITE_ONCE(weak->hidden, kobjtree_weak_hide(obj));
}
EXPORT_SYMBOL_GPL(kobjtree_weak_set);

/**
 * kobjtree_weak_get() - take a reference to what a weak reference names
 * @weak: the weak reference
 *
 * Context: any.
 * Return: the object with a reference for the caller; NULL if it is dead or
 * there is none.
 */
struct kobjtree *kobjtree_weak_get(struct kobjtree_weak *weak)
{
	struct kobjtree_bucket *bucket;
	struct kobjtree *obj;
	unsigned long flags;

	bucket = kobjtree_weak_lock(weak, &flags);
	if (!bucket)
		return NULL;
	obj = kobjtree_weak_named(weak->hidden);
	if (!kobjtree_get_unless_zero(obj)) {
		obj = NULL;
	} else if (kobjtree_is_cyclic(obj) && !kobjtree_cyclic_weak(obj)) {
		/* The collector has one, and drops it under this lock or later. */
		refcount_dec(&obj->ref.refcount);
		obj = NULL;
	}
	spin_unlock_irqrestore(&bucket->lock, flags);
	return obj;
}
EXPORT_SYMBOL_GPL(kobjtree_weak_get);

/**
 * kobjtree_weak_clear() - let a weak reference name nothing
 * @weak: the weak reference
 *
 * Context: any; see kobjtree_weak_set() for who may run beside it.
 */
void kobjtree_weak_clear(struct kobjtree_weak *weak)
{
	struct kobjtree_bucket *bucket;
	unsigned long flags;

	bucket = kobjtree_weak_lock(weak, &flags);
	if (!bucket)
		return;
	kobjtree_weak_forget(weak);
	spin_unlock_irqrestore(&bucket->lock, flags);
}
EXPORT_SYMBOL_GPL(kobjtree_weak_clear);

/* Step 1 of the teardown of @obj. */
void kobjtree_weak_kill(struct kobjtree *obj)
{
	struct kobjtree_bucket *bucket = kobjtree_bucket(obj);
	struct kobjtree_weak *weak;
	struct hlist_node *next;

	guard(spinlock_irqsave)(&bucket->lock);
	hlist_for_each_entry_safe(weak, next, &bucket->weak, node) {
		if (weak->hidden == kobjtree_weak_hide(obj))
			kobjtree_weak_forget(weak);
	}
}
