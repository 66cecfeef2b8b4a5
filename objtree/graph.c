// SPDX-License-Identifier: GPL-2.0-only
/*
 * The graph for people: debugfs kobjtree/graph, in the language of Graphviz.
 *
 * Owns a record of each object, in kernels with debugobjects. An object whose
 * record could not be had is missing there, and nowhere else.
 *
 * Invariant: a record is in the table from the object's init to the end of its
 * teardown. The table's lock is taken before an object's, never after.
 */
#include <linux/debugfs.h>
#include <linux/hashtable.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "internal.h"

/* @hidden: the object, complemented so that kmemleak sees one that is lost */
struct kobjtree_record {
	struct hlist_node node;
	unsigned long hidden;
	unsigned long id;
	char name[32];
};

static DEFINE_SPINLOCK(kobjtree_graph_lock);
static DEFINE_HASHTABLE(kobjtree_graph, 10);
static unsigned long kobjtree_graph_id;
static unsigned long kobjtree_graph_missing;
static struct dentry *kobjtree_dir;

static const struct kobjtree *kobjtree_recorded(const struct kobjtree_record *rec)
{
	return (const struct kobjtree *)~rec->hidden;
}

static struct kobjtree_record *kobjtree_record(const struct kobjtree *obj)
{
	struct kobjtree_record *rec;

	lockdep_assert_held(&kobjtree_graph_lock);
	hash_for_each_possible(kobjtree_graph, rec, node, (unsigned long)obj) {
		if (kobjtree_recorded(rec) == obj)
			return rec;
	}
	return NULL;
}

/* @name goes with its module, which may be before @obj does. */
void kobjtree_graph_add(const struct kobjtree *obj, const char *name)
{
	struct kobjtree_record *rec = kzalloc(sizeof(*rec),
					      GFP_ATOMIC | __GFP_NOWARN);

	if (rec) {
		rec->hidden = ~(unsigned long)obj;
		strscpy(rec->name, name, sizeof(rec->name));
	}
	guard(spinlock_irqsave)(&kobjtree_graph_lock);
	if (!rec) {
		kobjtree_graph_missing++;
		return;
	}
	rec->id = ++kobjtree_graph_id;
	hash_add(kobjtree_graph, &rec->node, (unsigned long)obj);
}

void kobjtree_graph_del(const struct kobjtree *obj)
{
	struct kobjtree_record *rec;

	scoped_guard(spinlock_irqsave, &kobjtree_graph_lock) {
		rec = kobjtree_record(obj);
		if (rec)
			hash_del(&rec->node);
	}
	kfree(rec);
}

/* Wait for a reader that found @obj alive and reads its list. */
void kobjtree_graph_sync(const struct kobjtree *obj)
{
	guard(spinlock_irqsave)(kobjtree_lock(obj));
}

static void kobjtree_show_edge(struct seq_file *s,
			       const struct kobjtree_record *from,
			       const struct kobjtree *held, const char *style)
{
	const struct kobjtree_record *to = kobjtree_record(held);

	if (to)
		seq_printf(s, "\to%lu -> o%lu%s;\n", from->id, to->id, style);
}

static void kobjtree_show_record(struct seq_file *s,
				 const struct kobjtree_record *rec)
{
	const struct kobjtree *obj = kobjtree_recorded(rec);
	const struct kobjtree_edge *edge;
	bool member;
	unsigned long p;

	seq_printf(s, "\to%lu [label=\"%s\\n%u references\"%s];\n", rec->id,
		   rec->name, kref_read(&obj->ref),
		   kobjtree_dead(obj) ? " color=red" : "");

	guard(spinlock)(kobjtree_lock(obj));
	/* What a dead object holds is its cascade's alone. */
	if (kobjtree_dead(obj))
		return;
	member = obj->flags & KOBJTREE_MEMBER;
	if (obj->slot)
		kobjtree_show_edge(s, rec, obj->slot,
				   member ? " [style=dashed]" : "");
	for (p = obj->head; p; p = kobjtree_node(p)->next) {
		edge = container_of(kobjtree_node(p), struct kobjtree_edge, node);
		if (kobjtree_kind(p) == KOBJTREE_KIND_EDGE)
			kobjtree_show_edge(s, rec, kobjtree_edge_held(edge), "");
	}
}

/* Solid: an edge; dashed: from a member to its container. */
static int graph_show(struct seq_file *s, void *unused)
{
	struct kobjtree_record *rec;
	int i;

	seq_puts(s, "digraph kobjtree {\n\tnode [shape=box];\n");
	scoped_guard(spinlock_irqsave, &kobjtree_graph_lock) {
		if (kobjtree_graph_missing)
			seq_printf(s, "\t// %lu objects are missing\n",
				   kobjtree_graph_missing);
		hash_for_each(kobjtree_graph, i, rec, node)
			kobjtree_show_record(s, rec);
	}
	seq_puts(s, "}\n");
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(graph);

void kobjtree_graph_start(void)
{
	kobjtree_dir = debugfs_create_dir("kobjtree", NULL);
	debugfs_create_file("graph", 0400, kobjtree_dir, NULL, &graph_fops);
}

void kobjtree_graph_stop(void)
{
	debugfs_remove(kobjtree_dir);
}
