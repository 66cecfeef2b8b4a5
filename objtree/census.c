// SPDX-License-Identifier: GPL-2.0-only
/*
 * The census: how many objects of each type there are, and ever were, in debugfs
 * kobjtree/types.
 *
 * Owns a count for each pair of a type's and a module's name, from the first
 * object on. Invariant: ->live is how many objects of that type are between their
 * init and the end of their teardown, but for those that came while there was no
 * memory for the count.
 */
#include <linux/debugfs.h>
#include <linux/hashtable.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/stringhash.h>

#include "internal.h"

struct kobjtree_count {
	struct hlist_node node;
	unsigned long live;
	unsigned long made;
	char type[64];
	char module[64];
};

static DEFINE_SPINLOCK(kobjtree_census_lock);	/* of both */
static DEFINE_HASHTABLE(kobjtree_census, 6);

static struct kobjtree_count *kobjtree_count(const struct kobjtree_type *type)
{
	struct kobjtree_count *c;
	u32 key = hashlen_hash(hashlen_string(NULL, type->name));

	lockdep_assert_held(&kobjtree_census_lock);
	hash_for_each_possible(kobjtree_census, c, node, key) {
		if (!strncmp(c->type, type->name, sizeof(c->type) - 1) &&
		    !strncmp(c->module, type->owner->name, sizeof(c->module) - 1))
			return c;
	}
	c = kzalloc_obj(*c, GFP_ATOMIC | __GFP_NOWARN);
	if (!c)
		return NULL;
	strscpy(c->type, type->name, sizeof(c->type));
	strscpy(c->module, type->owner->name, sizeof(c->module));
	hash_add(kobjtree_census, &c->node, key);
	return c;
}

void kobjtree_census_add(const struct kobjtree *obj)
{
	struct kobjtree_count *c;

	guard(spinlock_irqsave)(&kobjtree_census_lock);
	c = kobjtree_count(obj->type);
	if (!c)
		return;
	c->live++;
	c->made++;
}

void kobjtree_census_del(const struct kobjtree *obj)
{
	struct kobjtree_count *c;

	guard(spinlock_irqsave)(&kobjtree_census_lock);
	c = kobjtree_count(obj->type);
	if (c && c->live)
		c->live--;
}

static int kobjtree_types_show(struct seq_file *m, void *v)
{
	unsigned long live = 0, made = 0;
	struct kobjtree_count *c;
	int i;

	guard(spinlock_irq)(&kobjtree_census_lock);
	hash_for_each(kobjtree_census, i, c, node) {
		seq_printf(m, "{\"type\":\"%s\",\"module\":\"%s\",\"live\":%lu,\"made\":%lu}\n",
			   c->type, c->module, c->live, c->made);
		live += c->live;
		made += c->made;
	}
	seq_printf(m, "{\"live\":%lu,\"made\":%lu}\n", live, made);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(kobjtree_types);

void kobjtree_census_start(struct dentry *dir)
{
	debugfs_create_file("types", 0400, dir, NULL, &kobjtree_types_fops);
}

void kobjtree_census_stop(void)
{
	struct kobjtree_count *c;
	struct hlist_node *next;
	int i;

	hash_for_each_safe(kobjtree_census, i, next, c, node)
		kfree(c);
}
