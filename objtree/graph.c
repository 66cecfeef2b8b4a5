// SPDX-License-Identifier: GPL-2.0-only
/*
 * The graph for people and tools: debugfs kobjtree/objects, a line of JSON for
 * each object, and kobjtree/graph, in the language of Graphviz.
 *
 * Owns a record of each object. An object whose record could not be had is
 * missing in these files, and nowhere else.
 *
 * Invariant: a record is in the table from the object's init to the end of its
 * teardown, so that under the table's lock the memory of the object is there.
 * That lock is taken before an object's, never after.
 *
 * A reader takes no reference, which would put off the end of what it looks at.
 * It takes the locks for one piece of text at a time. In between a cursor keeps
 * its place among the records, and another one among what hangs on an object,
 * which that object takes off when it goes.
 *
 *   reader: head -> objects, a piece or several for each -> tail -> end
 */
#include <linux/debugfs.h>
#include <linux/hashtable.h>
#include <linux/kobjtree_gate.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/string_choices.h>
#include <linux/string_helpers.h>

#include "internal.h"

/* What hangs on an object and is looked at before interrupts are let in. */
#define KOBJTREE_READ_BATCH	32

/* Of what a module leaves, so many are named. */
#define KOBJTREE_REPORTED	8

/*
 * @hidden: the object, complemented so that kmemleak sees one that is lost; 0
 *	in the cursor of a reader
 * @hidden_gate: its gate, likewise, 0 if there is none
 * @held: how many of its references edges and members have
 * @bindings: how many are those of a device's binding
 */
struct kobjtree_record {
	struct hlist_node node;
	struct list_head list;
	unsigned long hidden;
	unsigned long hidden_gate;
	unsigned long id;
	long held;
	int bindings;
	char name[32];
	char device[32];
};

enum kobjtree_read_part {
	KOBJTREE_READ_HEAD,
	KOBJTREE_READ_OBJECTS,
	KOBJTREE_READ_END,
};

/*
 * @obj: the object that @cursor is in, and that @id is of
 * @open: text of an object was begun and not ended
 * @kinds: how many kinds of its holders were read
 * @newest: the last record to read, or the end would run ahead
 * @look: whom it reads for, in place of a file
 * @pos: which piece @text is, -1 before the first
 */
struct kobjtree_reader {
	struct list_head list;
	const struct kobjtree_format *format;
	struct kobjtree_record at;
	struct kobjtree *obj;
	struct kobjtree_node cursor;
	unsigned long id;
	unsigned long newest;
	enum kobjtree_read_part part;
	struct kobjtree_look *look;
	bool open;
	unsigned int edges;
	unsigned int kinds;
	loff_t pos;
	size_t len;
	char text[3072];
};

struct kobjtree_format {
	void (*head)(struct kobjtree_reader *r);
	void (*object)(struct kobjtree_reader *r,
		       const struct kobjtree_record *rec);
	void (*edge)(struct kobjtree_reader *r, const struct kobjtree *held,
		     const void *word, const char *kind);
	void (*other)(struct kobjtree_reader *r, unsigned long node);
	void (*object_end)(struct kobjtree_reader *r, bool cut);
	void (*users)(struct kobjtree_reader *r,
		      const struct kobjtree_holder_text *text);
	void (*tail)(struct kobjtree_reader *r);
};

static DEFINE_SPINLOCK(kobjtree_graph_lock);
static DEFINE_HASHTABLE(kobjtree_graph, 10);
static LIST_HEAD(kobjtree_records);	/* oldest first, and the cursors */
static LIST_HEAD(kobjtree_readers);
static unsigned long kobjtree_graph_id;
static unsigned long kobjtree_graph_missing;
static struct dentry *kobjtree_dir;

/* === Records === */

static struct kobjtree *kobjtree_recorded(const struct kobjtree_record *rec)
{
	return (struct kobjtree *)~rec->hidden;
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

/* What needs no escape in either language. */
static void kobjtree_copy_name(char *to, const char *from, size_t size)
{
	strscpy(to, from, size);
	for (; *to; to++) {
		if (*to < ' ' || *to > '~' || *to == '"' || *to == '\\')
			*to = '?';
	}
}

/* @name goes with its module, which may be before @obj does. */
void kobjtree_graph_add(const struct kobjtree *obj, const char *name,
			size_t size)
{
	struct kobjtree_record *rec = kzalloc(sizeof(*rec),
					      GFP_ATOMIC | __GFP_NOWARN);

	if (rec) {
		rec->hidden = ~(unsigned long)obj;
		kobjtree_copy_name(rec->name, name, sizeof(rec->name));
	}
	kobjtree_note_add(obj, size);
	guard(spinlock_irqsave)(&kobjtree_graph_lock);
	if (!rec) {
		kobjtree_graph_missing++;
		return;
	}
	rec->id = ++kobjtree_graph_id;
	hash_add(kobjtree_graph, &rec->node, (unsigned long)obj);
	list_add_tail(&rec->list, &kobjtree_records);
}

/* Take the cursor of @r off the object that it is in. */
static void kobjtree_reader_leave(struct kobjtree_reader *r)
{
	lockdep_assert_held(&kobjtree_graph_lock);
	if (!r->obj)
		return;
	scoped_guard(spinlock, kobjtree_lock(r->obj)) {
		if (r->cursor.pprev)
			kobjtree_node_del(&r->cursor);
	}
	r->obj = NULL;
}

static void kobjtree_readers_leave(const struct kobjtree *obj)
{
	struct kobjtree_reader *r;

	list_for_each_entry(r, &kobjtree_readers, list) {
		if (r->obj == obj)
			kobjtree_reader_leave(r);
	}
}

void kobjtree_graph_del(const struct kobjtree *obj)
{
	struct kobjtree_record *rec;

	/* First: where there is a note, this waits for who has the lock. */
	kobjtree_note_del(obj);
	kobjtree_note_del(&obj->slot);
	scoped_guard(spinlock_irqsave, &kobjtree_graph_lock) {
		kobjtree_readers_leave(obj);
		rec = kobjtree_record(obj);
		if (rec) {
			hash_del(&rec->node);
			list_del(&rec->list);
		} else {
			kobjtree_graph_missing--;
		}
	}
	kfree(rec);
}

/* From here on @obj, which is dead, belongs to its cascade alone. */
void kobjtree_graph_sync(const struct kobjtree *obj)
{
	guard(spinlock_irqsave)(&kobjtree_graph_lock);
	kobjtree_readers_leave(obj);
}

/* An edge or a member gets a reference to @obj, or will drop it: @change. */
void kobjtree_graph_held(const struct kobjtree *obj, int change)
{
	struct kobjtree_record *rec;

	guard(spinlock_irqsave)(&kobjtree_graph_lock);
	rec = kobjtree_record(obj);
	if (rec)
		rec->held += change;
}

/* @gate lives as long as @obj. */
void kobjtree_graph_gate(const struct kobjtree *obj,
			 const struct kobjtree_gate *gate)
{
	struct kobjtree_record *rec;

	guard(spinlock_irqsave)(&kobjtree_graph_lock);
	rec = kobjtree_record(obj);
	if (rec)
		rec->hidden_gate = ~(unsigned long)gate;
}

/* @device: its name, NULL where a binding ends */
void kobjtree_graph_bind(const struct kobjtree *obj, const char *device)
{
	struct kobjtree_record *rec;

	guard(spinlock_irqsave)(&kobjtree_graph_lock);
	rec = kobjtree_record(obj);
	if (!rec)
		return;
	rec->bindings += device ? 1 : -1;
	if (device && !rec->device[0])
		kobjtree_copy_name(rec->device, device, sizeof(rec->device));
}

/* === At unload === */

/* What of @owner's is left, oldest first, and what is known of who keeps it. */
void kobjtree_graph_report(const struct kobjtree_owner *owner)
{
	const struct kobjtree *left[KOBJTREE_REPORTED];
	const struct kobjtree_record *rec;
	const struct kobjtree *obj;
	unsigned int refs;
	int i, n = 0;

	scoped_guard(spinlock_irqsave, &kobjtree_graph_lock) {
		list_for_each_entry(rec, &kobjtree_records, list) {
			obj = kobjtree_recorded(rec);
			if (!rec->hidden || obj->type->owner != owner)
				continue;
			if (n == ARRAY_SIZE(left)) {
				pr_warn("kobjtree: and more\n");
				break;
			}
			refs = kref_read(&obj->ref);
			pr_warn("kobjtree: left: %lu %s, %u references, %ld from outside\n",
				rec->id, rec->name, refs, (long)refs - rec->held);
			left[n++] = obj;
		}
	}
	for (i = 0; i < n; i++) {
		kobjtree_history_show(left[i]);
		kobjtree_holder_print(left[i]);
	}
}

/* === What is said of an object === */

static __printf(2, 3) void kobjtree_print(struct kobjtree_reader *r,
					  const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	r->len += vscnprintf(r->text + r->len, sizeof(r->text) - r->len, fmt,
			     args);
	va_end(args);
}

static const char *kobjtree_state(const struct kobjtree_record *rec)
{
	const struct kobjtree_gate *gate = (void *)~rec->hidden_gate;

	if (kobjtree_dead(kobjtree_recorded(rec)))
		return "dying";
	if (rec->device[0] && !rec->bindings)
		return "unbound";
	switch (rec->hidden_gate ? READ_ONCE(gate->state) : KOBJTREE_GATE_LIVE) {
	case KOBJTREE_GATE_MARKED:
		return "marked";
	case KOBJTREE_GATE_DRAINED:
		return "drained";
	case KOBJTREE_GATE_QUIET:
		return "quiet";
	default:
		return "alive";
	}
}

#ifdef CONFIG_MODULES
static bool kobjtree_unloading(const struct kobjtree *obj)
{
	const struct module *module = obj->type->owner->module;

	return module && READ_ONCE(module->state) == MODULE_STATE_GOING;
}
#else
static bool kobjtree_unloading(const struct kobjtree *obj)
{
	return false;
}
#endif

static void kobjtree_json_head(struct kobjtree_reader *r)
{
	kobjtree_print(r, "{\"kobjtree\":1,\"missing\":%lu}\n",
		       READ_ONCE(kobjtree_graph_missing));
}

static void kobjtree_json_object(struct kobjtree_reader *r,
				 const struct kobjtree_record *rec)
{
	const struct kobjtree *obj = kobjtree_recorded(rec);
	unsigned int references = kref_read(&obj->ref);

	kobjtree_print(r, "{\"id\":%lu,\"type\":\"%.63s\",\"name\":\"%s\",",
		       rec->id, obj->type->name, rec->name);
	kobjtree_print(r, "\"module\":\"%.63s\",\"unloading\":%s,",
		       obj->type->owner->name,
		       str_true_false(kobjtree_unloading(obj)));
	kobjtree_print(r, "\"state\":\"%s\",\"device\":\"%s\",\"bindings\":%d,",
		       kobjtree_state(rec), rec->device, rec->bindings);
	kobjtree_print(r, "\"references\":%u,\"outside\":%ld,\"edges\":[",
		       references, (long)references - rec->held);
}

/* 0 without a record. */
static unsigned long kobjtree_id(const struct kobjtree *obj)
{
	const struct kobjtree_record *rec = kobjtree_record(obj);

	return rec ? rec->id : 0;
}

static void kobjtree_json_edge(struct kobjtree_reader *r,
			       const struct kobjtree *held, const void *word,
			       const char *kind)
{
	kobjtree_print(r, "%s{\"to\":%lu,\"kind\":\"%s\"}",
		       r->edges++ ? "," : "", kobjtree_id(held), kind);
}

static void kobjtree_json_object_end(struct kobjtree_reader *r, bool cut)
{
	kobjtree_print(r, "]%s}\n", cut ? ",\"cut\":true" : "");
}

static void kobjtree_json_users(struct kobjtree_reader *r,
				const struct kobjtree_holder_text *text)
{
	int room;

	kobjtree_print(r, "{\"of\":%lu,\"kind\":\"%s\",\"count\":%u,\"stacks\":\"",
		       r->id, text->kind, text->nr);
	room = sizeof(r->text) - r->len;
	r->len += min(room, string_escape_mem(text->stacks, strlen(text->stacks),
					      r->text + r->len, room,
					      ESCAPE_SPACE, NULL));
	kobjtree_print(r, "\"}\n");
}

static void kobjtree_print_nothing(struct kobjtree_reader *r)
{
}

static const struct kobjtree_format kobjtree_json = {
	.head = kobjtree_json_head,
	.object = kobjtree_json_object,
	.edge = kobjtree_json_edge,
	.object_end = kobjtree_json_object_end,
	.users = kobjtree_json_users,
	.tail = kobjtree_print_nothing,
};

/* Solid: an edge; dashed: from a member to its container. */
static void kobjtree_dot_head(struct kobjtree_reader *r)
{
	unsigned long missing = READ_ONCE(kobjtree_graph_missing);

	kobjtree_print(r, "digraph kobjtree {\n\tnode [shape=box];\n");
	if (missing)
		kobjtree_print(r, "\t// %lu objects are missing\n", missing);
}

static void kobjtree_dot_object(struct kobjtree_reader *r,
				const struct kobjtree_record *rec)
{
	const struct kobjtree *obj = kobjtree_recorded(rec);

	kobjtree_print(r, "\to%lu [label=\"%s\\n%u references\"%s];\n", rec->id,
		       rec->name, kref_read(&obj->ref),
		       kobjtree_dead(obj) ? " color=red" : "");
}

static void kobjtree_dot_edge(struct kobjtree_reader *r,
			      const struct kobjtree *held, const void *word,
			      const char *kind)
{
	unsigned long to = kobjtree_id(held);

	if (to)
		kobjtree_print(r, "\to%lu -> o%lu%s;\n", r->id, to,
			       strcmp(kind, "container") ? "" : " [style=dashed]");
}

static void kobjtree_dot_object_end(struct kobjtree_reader *r, bool cut)
{
}

static void kobjtree_dot_tail(struct kobjtree_reader *r)
{
	kobjtree_print(r, "}\n");
}

static const struct kobjtree_format kobjtree_dot = {
	.head = kobjtree_dot_head,
	.object = kobjtree_dot_object,
	.edge = kobjtree_dot_edge,
	.object_end = kobjtree_dot_object_end,
	.tail = kobjtree_dot_tail,
};

/* For whoever reads it beside kmemleak's, which has addresses, too. */
static void kobjtree_memory_object(struct kobjtree_reader *r,
				   const struct kobjtree_record *rec)
{
	kobjtree_print(r, "%lu 0x%lx\n", rec->id, ~rec->hidden);
}

static void kobjtree_memory_edge(struct kobjtree_reader *r,
				 const struct kobjtree *held, const void *word,
				 const char *kind)
{
}

static const struct kobjtree_format kobjtree_memory = {
	.head = kobjtree_print_nothing,
	.object = kobjtree_memory_object,
	.edge = kobjtree_memory_edge,
	.object_end = kobjtree_dot_object_end,
	.tail = kobjtree_print_nothing,
};

/* === Reading === */

/* A batch from *@place on; what is left starts there. */
static unsigned long *kobjtree_read_batch(struct kobjtree_reader *r,
					  unsigned long *place)
{
	const struct kobjtree_edge *edge;
	int n;

	for (n = 0; *place && n < KOBJTREE_READ_BATCH; n++) {
		edge = container_of(kobjtree_node(*place), struct kobjtree_edge,
				    node);
		if (kobjtree_kind(*place) == KOBJTREE_KIND_EDGE)
			r->format->edge(r, kobjtree_edge_held(edge), &edge->held,
					edge->held & KOBJTREE_EDGE_ALLOC ?
					"allocated" : "embedded");
		else if (r->format->other)
			r->format->other(r, *place);
		place = &kobjtree_node(*place)->next;
	}
	return place;
}

/* Begins or goes on with r->obj; what a dead one holds is its cascade's. */
static void kobjtree_read_edges(struct kobjtree_reader *r)
{
	struct kobjtree *obj = r->obj;
	unsigned long *place = &obj->head;

	guard(spinlock)(kobjtree_lock(obj));
	if (r->cursor.pprev) {
		place = &r->cursor.next;
	} else if (kobjtree_dead(obj)) {
		r->obj = NULL;
		return;
	} else if (obj->slot) {
		r->format->edge(r, obj->slot, &obj->slot,
				obj->flags & KOBJTREE_MEMBER ?
				"container" : "slot");
	}
	place = kobjtree_read_batch(r, place);
	if (r->cursor.pprev)
		kobjtree_node_del(&r->cursor);
	if (*place)
		kobjtree_node_add(place, &r->cursor, KOBJTREE_KIND_CURSOR);
	else
		r->obj = NULL;
}

/* On to the next record; false if there is none. */
static bool kobjtree_read_object(struct kobjtree_reader *r)
{
	struct kobjtree_record *rec = &r->at;

	do {
		if (list_is_last(&rec->list, &kobjtree_records))
			return false;
		rec = list_next_entry(rec, list);
	} while (!rec->hidden);
	if (rec->id > r->newest)
		return false;
	list_move(&r->at.list, &rec->list);
	r->id = rec->id;
	r->obj = kobjtree_recorded(rec);
	r->edges = 0;
	r->kinds = 0;
	r->open = true;
	r->format->object(r, rec);
	return true;
}

/* The next kind of holder of the object that was read; false if there is none. */
static bool kobjtree_read_users(struct kobjtree_reader *r)
{
	static struct kobjtree_holder_text text;
	struct kobjtree_record *rec = &r->at;

	lockdep_assert_held(&kobjtree_graph_lock);
	if (!r->format->users)
		return false;
	do {
		if (list_is_first(&rec->list, &kobjtree_records))
			return false;
		rec = list_prev_entry(rec, list);
	} while (!rec->hidden);
	if (rec->id != r->id ||
	    !kobjtree_holder_text(kobjtree_recorded(rec), r->kinds, &text))
		return false;
	r->kinds++;
	r->format->users(r, &text);
	return true;
}

static void kobjtree_read_objects(struct kobjtree_reader *r)
{
	bool cut;

	guard(spinlock_irqsave)(&kobjtree_graph_lock);
	if (!r->open && kobjtree_read_users(r))
		return;
	if (!r->open && !kobjtree_read_object(r)) {
		r->format->tail(r);
		r->part = KOBJTREE_READ_END;
		return;
	}
	cut = !r->obj;
	if (r->obj)
		kobjtree_read_edges(r);
	if (!r->obj) {
		r->format->object_end(r, cut);
		r->open = false;
	}
}

/* The next piece; false if there is none. */
static bool kobjtree_read_piece(struct kobjtree_reader *r)
{
	r->len = 0;
	switch (r->part) {
	case KOBJTREE_READ_HEAD:
		r->format->head(r);
		r->part = KOBJTREE_READ_OBJECTS;
		return true;
	case KOBJTREE_READ_OBJECTS:
		kobjtree_read_objects(r);
		return true;
	default:
		return false;
	}
}

static void kobjtree_reader_start(struct kobjtree_reader *r)
{
	guard(spinlock_irqsave)(&kobjtree_graph_lock);
	list_add(&r->list, &kobjtree_readers);
	list_add(&r->at.list, &kobjtree_records);
}

static void kobjtree_reader_stop(struct kobjtree_reader *r)
{
	guard(spinlock_irqsave)(&kobjtree_graph_lock);
	kobjtree_reader_leave(r);
	list_del(&r->at.list);
	list_del(&r->list);
}

static void kobjtree_read_rewind(struct kobjtree_reader *r)
{
	guard(spinlock_irqsave)(&kobjtree_graph_lock);
	kobjtree_reader_leave(r);
	list_move(&r->at.list, &kobjtree_records);
	r->newest = kobjtree_graph_id;
	r->id = 0;
	r->part = KOBJTREE_READ_HEAD;
	r->open = false;
}

/* === Looking at all objects, without text === */

static void kobjtree_look_object(struct kobjtree_reader *r,
				 const struct kobjtree_record *rec)
{
	r->look->object(r->look, kobjtree_recorded(rec), rec->id, rec->name,
			rec->bindings);
}

static void kobjtree_look_edge(struct kobjtree_reader *r,
			       const struct kobjtree *held, const void *word,
			       const char *kind)
{
	r->look->edge(r->look, held, word, kind);
}

static void kobjtree_look_other(struct kobjtree_reader *r, unsigned long node)
{
	r->look->other(r->look, node);
}

static void kobjtree_look_object_end(struct kobjtree_reader *r, bool cut)
{
	r->look->object_end(r->look, cut);
}

static const struct kobjtree_format kobjtree_looks = {
	.object = kobjtree_look_object,
	.edge = kobjtree_look_edge,
	.other = kobjtree_look_other,
	.object_end = kobjtree_look_object_end,
	.tail = kobjtree_print_nothing,
};

/*
 * Show @look all objects, oldest first. It is called under the locks that keep
 * valid what it is shown, but for @look->prepare, which is called before each
 * piece and may sleep and fail.
 */
int kobjtree_graph_look(struct kobjtree_look *look)
{
	struct kobjtree_reader *r = kzalloc(sizeof(*r), GFP_KERNEL);
	int ret = 0;

	if (!r)
		return -ENOMEM;
	r->format = &kobjtree_looks;
	r->look = look;
	kobjtree_reader_start(r);
	kobjtree_read_rewind(r);
	while (!ret && r->part != KOBJTREE_READ_END) {
		ret = look->prepare(look);
		if (!ret)
			kobjtree_read_objects(r);
		cond_resched();
	}
	kobjtree_reader_stop(r);
	kfree(r);
	return ret;
}

/* === Files === */

/* A piece is made once, and may be shown more than once. */
static void *kobjtree_read_at(struct kobjtree_reader *r, loff_t pos)
{
	if (pos == r->pos)
		return r->part == KOBJTREE_READ_END && !r->len ? NULL : r;
	if (!pos)
		kobjtree_read_rewind(r);
	r->pos = pos;
	return kobjtree_read_piece(r) ? r : NULL;
}

static void *kobjtree_seq_start(struct seq_file *m, loff_t *pos)
{
	return kobjtree_read_at(m->private, *pos);
}

static void *kobjtree_seq_next(struct seq_file *m, void *v, loff_t *pos)
{
	return kobjtree_read_at(m->private, ++*pos);
}

static void kobjtree_seq_stop(struct seq_file *m, void *v)
{
}

static int kobjtree_seq_show(struct seq_file *m, void *v)
{
	struct kobjtree_reader *r = v;

	seq_write(m, r->text, r->len);
	return 0;
}

static const struct seq_operations kobjtree_seq_ops = {
	.start = kobjtree_seq_start,
	.next = kobjtree_seq_next,
	.stop = kobjtree_seq_stop,
	.show = kobjtree_seq_show,
};

static int kobjtree_graph_open(struct inode *inode, struct file *file)
{
	struct kobjtree_reader *r;

	r = __seq_open_private(file, &kobjtree_seq_ops, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->format = inode->i_private;
	r->pos = -1;
	kobjtree_reader_start(r);
	return 0;
}

static int kobjtree_graph_close(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;
	struct kobjtree_reader *r = m->private;

	kobjtree_reader_stop(r);
	return seq_release_private(inode, file);
}

static const struct file_operations kobjtree_graph_fops = {
	.owner = THIS_MODULE,
	.open = kobjtree_graph_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = kobjtree_graph_close,
};

void kobjtree_graph_start(void)
{
	kobjtree_dir = debugfs_create_dir("kobjtree", NULL);
	debugfs_create_file("graph", 0400, kobjtree_dir,
			    (void *)&kobjtree_dot, &kobjtree_graph_fops);
	debugfs_create_file("objects", 0400, kobjtree_dir,
			    (void *)&kobjtree_json, &kobjtree_graph_fops);
	debugfs_create_file("memory", 0400, kobjtree_dir,
			    (void *)&kobjtree_memory, &kobjtree_graph_fops);
	kobjtree_leaks_start(kobjtree_dir);
	kobjtree_census_start(kobjtree_dir);
}

void kobjtree_graph_stop(void)
{
	debugfs_remove(kobjtree_dir);
	kobjtree_census_stop();
}
