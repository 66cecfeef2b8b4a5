// SPDX-License-Identifier: GPL-2.0-only
/*
 * Holders: references from outside that have a name, kept by ref_tracker.
 *
 * Owns a directory of ref_tracker's for each object and kind of holder.
 *
 * Invariant: a holder that has a reference is in the directory that it names. A
 * directory is in the table from the first such holder on until its object goes;
 * if there are holders then, which is reported, until the last of them puts.
 *
 *   holder: zeroed -> has a reference -> has none
 */
#include <linux/hashtable.h>
#include <linux/kobjtree_holder.h>
#include <linux/ref_tracker.h>
#include <linux/slab.h>
#include <linux/stackdepot.h>
#include <linux/string.h>

#include "internal.h"

/* How many that have put are kept, for a second put of theirs. */
#define KOBJTREE_QUARANTINE	16

/*
 * @hidden: the object, complemented so that kmemleak sees one that is lost
 * @nr: how many holders are in @dir
 * @gone: the object is, and this is no longer in the table
 */
struct kobjtree_users {
	struct hlist_node node;
	unsigned long hidden;
	unsigned int nr;
	bool gone;
	char kind[24];
	struct ref_tracker_dir dir;
};

static DEFINE_SPINLOCK(kobjtree_users_lock);	/* of the table, @nr, @gone */
static DEFINE_HASHTABLE(kobjtree_users, 8);

static bool kobjtree_users_of(const struct kobjtree_users *u,
			      const struct kobjtree *obj)
{
	return u->hidden == ~(unsigned long)obj;
}

static struct kobjtree_users *kobjtree_users_find(const struct kobjtree *obj,
						  const char *kind)
{
	struct kobjtree_users *u;

	lockdep_assert_held(&kobjtree_users_lock);
	hash_for_each_possible(kobjtree_users, u, node, (unsigned long)obj) {
		if (kobjtree_users_of(u, obj) &&
		    !strncmp(u->kind, kind, sizeof(u->kind) - 1))
			return u;
	}
	return NULL;
}

static void kobjtree_users_end(struct kobjtree_users *u)
{
	ref_tracker_dir_exit(&u->dir);
	kfree(u);
}

/* Those of @obj that are @kind, with one more; NULL without memory. */
static struct kobjtree_users *kobjtree_users_get(const struct kobjtree *obj,
						 const char *kind)
{
	struct kobjtree_users *u, *new;

	scoped_guard(spinlock_irqsave, &kobjtree_users_lock) {
		u = kobjtree_users_find(obj, kind);
		if (u) {
			u->nr++;
			return u;
		}
	}
	new = kzalloc_obj(*new);
	if (!new)
		return NULL;
	new->hidden = ~(unsigned long)obj;
	strscpy(new->kind, kind, sizeof(new->kind));
	ref_tracker_dir_init(&new->dir, KOBJTREE_QUARANTINE, new->kind);
	scoped_guard(spinlock_irqsave, &kobjtree_users_lock) {
		u = kobjtree_users_find(obj, kind);
		if (!u) {
			hash_add(kobjtree_users, &new->node, (unsigned long)obj);
			swap(u, new);
		}
		u->nr++;
	}
	if (new)
		kobjtree_users_end(new);
	return u;
}

static void kobjtree_users_put(struct kobjtree_users *u)
{
	scoped_guard(spinlock_irqsave, &kobjtree_users_lock) {
		if (--u->nr || !u->gone)
			return;
	}
	kobjtree_users_end(u);
}

/* === Get and put === */

void __kobjtree_holder_add(struct kobjtree_holder *holder,
			   struct kobjtree *obj, const char *kind)
{
	holder->users = kobjtree_users_get(obj, kind);
	if (holder->users)
		ref_tracker_alloc(&holder->users->dir, &holder->tracker,
				  GFP_KERNEL);
	holder->taken = kobjtree_stack(true);
	holder->obj = obj;
}
EXPORT_SYMBOL_GPL(__kobjtree_holder_add);

static void kobjtree_holder_show(const char *what, u32 stack)
{
	if (!stack)
		return;
	pr_warn("kobjtree: %s:\n", what);
	stack_depot_print(stack);
}

/* False if @holder has no reference to @obj. */
bool __kobjtree_holder_del(struct kobjtree_holder *holder, struct kobjtree *obj)
{
	struct kobjtree_users *users = holder->users;

	if (holder->obj != obj) {
		if (!kobjtree_there_put(obj))
			return false;
		WARN(1, KOBJTREE_MISUSE, obj->type->name, holder->obj ?
		     "put by the holder of another object" :
		     "put by a holder that has no reference");
		kobjtree_holder_show("its reference was taken by", holder->taken);
		if (!holder->obj)
			kobjtree_holder_show("and dropped by", holder->dropped);
		return false;
	}
	holder->obj = NULL;
	holder->users = NULL;
	holder->dropped = kobjtree_stack(false);
	if (users) {
		ref_tracker_free(&users->dir, &holder->tracker);
		kobjtree_users_put(users);
	}
	return true;
}
EXPORT_SYMBOL_GPL(__kobjtree_holder_del);

/* === What is told === */

/* The holders of @obj, for people. */
void kobjtree_holder_print(const struct kobjtree *obj)
{
	struct kobjtree_users *u;

	guard(spinlock_irqsave)(&kobjtree_users_lock);
	hash_for_each_possible(kobjtree_users, u, node, (unsigned long)obj) {
		if (kobjtree_users_of(u, obj))
			ref_tracker_dir_print(&u->dir, KOBJTREE_QUARANTINE);
	}
}

/* The @nth kind of holder of @obj that there is; false if there are not so many. */
bool kobjtree_holder_text(const struct kobjtree *obj, int nth,
			  struct kobjtree_holder_text *text)
{
	struct kobjtree_users *u;
	int len;

	guard(spinlock_irqsave)(&kobjtree_users_lock);
	hash_for_each_possible(kobjtree_users, u, node, (unsigned long)obj) {
		if (!kobjtree_users_of(u, obj) || !u->nr || nth--)
			continue;
		strscpy(text->kind, u->kind, sizeof(text->kind));
		text->nr = u->nr;
		len = ref_tracker_dir_snprint(&u->dir, text->stacks,
					      sizeof(text->stacks) - 1);
		text->stacks[len] = 0;
		return true;
	}
	return false;
}

/* The memory of @obj goes. */
void kobjtree_holder_gone(const struct kobjtree *obj)
{
	struct kobjtree_users *u;
	struct hlist_node *next;
	HLIST_HEAD(unused);
	bool used = false;

	scoped_guard(spinlock_irqsave, &kobjtree_users_lock) {
		hash_for_each_possible_safe(kobjtree_users, u, next, node,
					    (unsigned long)obj) {
			if (!kobjtree_users_of(u, obj))
				continue;
			hash_del(&u->node);
			if (!u->nr) {
				hlist_add_head(&u->node, &unused);
				continue;
			}
			u->gone = true;
			used = true;
			ref_tracker_dir_print(&u->dir, KOBJTREE_QUARANTINE);
		}
	}
	hlist_for_each_entry_safe(u, next, &unused, node)
		kobjtree_users_end(u);
	if (used)
		kobjtree_misuse(obj, "goes while a holder has a reference");
}
