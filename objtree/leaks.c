// SPDX-License-Identifier: GPL-2.0-only
/*
 * Leaks: debugfs kobjtree/leaks, objects that nobody will ever drop, since they
 * are kept by each other alone.
 *
 * Edges form no cycle; what closes one is a reference that was taken by hand,
 * and the pointer that it was stored in. So the memory of the objects is looked
 * through for pointers to objects, as kmemleak does, and each is taken for a
 * reference. A plain back pointer is taken for one, too: an object that nobody
 * but such pointers and an unknown holder keeps is a false suspect.
 *
 * Invariant: an object is reported if two looks, some time apart, found the same
 * references to it, each of them explained by an edge or a pointer of an object
 * that is reported as well. No binding to a device is among them. Cycles of types
 * that allow them are taken apart before the look.
 *
 * Owns a note of each object and each link: the stack that made it, and where
 * it is kept, so that a look does not take it for a pointer.
 *
 *   look: count objects -> links -> (wait) links again -> names of what is left
 */
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/hashtable.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/stackdepot.h>
#include <linux/stacktrace.h>
#include <linux/string.h>

#include "internal.h"

#define KOBJTREE_STACK_DEPTH	20

/* Of one object's memory; more is not looked at, nor more different pointers. */
#define KOBJTREE_SCAN_SIZE	SZ_64K
#define KOBJTREE_HITS		64

/* No more than the edges of one piece, a slot, and all hits. */
#define KOBJTREE_LINKS_AT_ONCE	128

#define KOBJTREE_REPORTS	64
#define KOBJTREE_NOBODY		U32_MAX

/* Long enough for a pointer that is being made or dropped to settle. */
#define KOBJTREE_LOOK_AGAIN_MS	200

/* === Notes === */

/*
 * @hidden: the word that it is of, complemented, since it is in an object's memory:
 *	the object, or where a reference is kept
 * @size: of the object's memory, 0 if unknown
 */
struct kobjtree_note {
	struct hlist_node node;
	unsigned long hidden;
	u32 size;
	depot_stack_handle_t stack;
};

static DEFINE_SPINLOCK(kobjtree_notes_lock);	/* innermost */
static DEFINE_HASHTABLE(kobjtree_notes, 12);

static depot_stack_handle_t kobjtree_note_stack(void)
{
	unsigned long entries[KOBJTREE_STACK_DEPTH];
	unsigned int nr;

	if (!IS_ENABLED(CONFIG_STACKDEPOT))
		return 0;
	nr = stack_trace_save(entries, ARRAY_SIZE(entries), 2);
	return stack_depot_save(entries, nr, GFP_NOWAIT | __GFP_NOWARN);
}

static struct kobjtree_note *kobjtree_note(const void *word)
{
	struct kobjtree_note *note;

	lockdep_assert_held(&kobjtree_notes_lock);
	hash_for_each_possible(kobjtree_notes, note, node, (unsigned long)word) {
		if (note->hidden == ~(unsigned long)word)
			return note;
	}
	return NULL;
}

/* Without memory there is none, and the leak of an object may go unnoticed. */
void kobjtree_note_add(const void *word, size_t size)
{
	struct kobjtree_note *note = kzalloc(sizeof(*note),
					     GFP_ATOMIC | __GFP_NOWARN);

	if (!note)
		return;
	note->hidden = ~(unsigned long)word;
	note->size = min_t(size_t, size, KOBJTREE_SCAN_SIZE);
	note->stack = kobjtree_note_stack();
	guard(spinlock_irqsave)(&kobjtree_notes_lock);
	hash_add(kobjtree_notes, &note->node, (unsigned long)word);
}

void kobjtree_note_del(const void *word)
{
	struct kobjtree_note *note;

	scoped_guard(spinlock_irqsave, &kobjtree_notes_lock) {
		note = kobjtree_note(word);
		if (note)
			hash_del(&note->node);
	}
	kfree(note);
}

/* A copy, empty if there is none. */
static struct kobjtree_note kobjtree_note_get(const void *word)
{
	const struct kobjtree_note *note;

	guard(spinlock_irqsave)(&kobjtree_notes_lock);
	note = kobjtree_note(word);
	return note ? *note : (struct kobjtree_note){};
}

/* === The picture === */

/*
 * An object of the first look.
 * @hidden: its address, complemented; they are sorted by it
 * @references: at the look before
 * @links: likewise
 * @suspect: garbage at the look before
 */
struct kobjtree_spot {
	unsigned long hidden;
	unsigned long id;
	u32 references;
	u32 links;
	depot_stack_handle_t stack;
	u16 offset;
	bool suspect;
};

/* What a link is: @offset of a pointer, or the @stack that made an edge. */
struct kobjtree_way {
	const char *kind;
	u32 offset;
	depot_stack_handle_t stack;
};

struct kobjtree_hit {
	u32 to;
	struct kobjtree_way way;
};

struct kobjtree_report {
	u32 number;
	char type[32];
	char name[32];
};

enum kobjtree_stage {
	KOBJTREE_COUNT,
	KOBJTREE_LINKS,
	KOBJTREE_LINKS_AGAIN,
	KOBJTREE_NAMES,
};

/*
 * @room, @links_room: of the arrays
 * @number: the object that is looked at, NOBODY if it is not in the picture
 * @from, @size: its memory
 */
struct kobjtree_finder {
	struct kobjtree_look look;
	enum kobjtree_stage stage;
	struct kobjtree_picture pic;
	struct kobjtree_spot *spots;
	struct kobjtree_way *ways;
	u32 room;
	u32 links_room;
	u32 number;
	const void *from;
	u32 size;
	struct kobjtree_hit hits[KOBJTREE_HITS];
	u32 nr_hits;
	struct kobjtree_report reports[KOBJTREE_REPORTS];
	u32 nr_reports;
	u32 garbage;
};

static unsigned long kobjtree_address(const struct kobjtree_spot *spot)
{
	return ~spot->hidden;
}

static int kobjtree_spot_cmp(const void *a, const void *b)
{
	unsigned long x = kobjtree_address(a), y = kobjtree_address(b);

	return x < y ? -1 : x > y;
}

/* The first spot that is not below @address. */
static u32 kobjtree_spot_from(const struct kobjtree_finder *f,
			      unsigned long address)
{
	u32 low = 0, high = f->pic.nr, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (kobjtree_address(&f->spots[mid]) < address)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static u32 kobjtree_number(const struct kobjtree_finder *f,
			   const struct kobjtree *obj)
{
	u32 i = kobjtree_spot_from(f, (unsigned long)obj);

	if (i < f->pic.nr &&
	    kobjtree_address(&f->spots[i]) == (unsigned long)obj)
		return i;
	return KOBJTREE_NOBODY;
}

/* === Pointers === */

/* The object that @value points to: to it, or to the memory that it is in. */
static u32 kobjtree_pointed(const struct kobjtree_finder *f, unsigned long value)
{
	const struct kobjtree_spot *spot;
	u32 i;

	for (i = kobjtree_spot_from(f, value); i < f->pic.nr; i++) {
		spot = &f->spots[i];
		if (kobjtree_address(spot) == value ||
		    kobjtree_address(spot) - spot->offset == value)
			return i;
		if (kobjtree_address(spot) - value > U16_MAX)
			break;
	}
	return KOBJTREE_NOBODY;
}

/* What the core keeps in an object or a link is no pointer of the driver's. */
static bool kobjtree_of_core(const struct kobjtree_finder *f,
			     const unsigned long *word)
{
	unsigned long at = (unsigned long)word;
	u32 next = kobjtree_spot_from(f, at + 1);

	if (next && at < kobjtree_address(&f->spots[next - 1]) +
			 sizeof(struct kobjtree))
		return true;
	return kobjtree_note_get(word).hidden;
}

/*
 * Neighbours in a list or a tree point back at each other from the start of
 * their memory. That of an object is there as long as its note.
 */
static bool kobjtree_neighbour(const unsigned long *word, unsigned long value,
			       unsigned long object)
{
	unsigned long back;
	int i;

	if (value == object)
		return false;
	if (!kobjtree_note_get((void *)object).hidden)
		return true;
	for (i = 0; i < 3; i++) {
		back = READ_ONCE_NOCHECK(((unsigned long *)value)[i]) & ~3UL;
		if (back <= (unsigned long)word &&
		    back + 3 * sizeof(back) > (unsigned long)word)
			return true;
	}
	return false;
}

/* Once for each object that is pointed to, and not for those in this memory. */
static void kobjtree_hit(struct kobjtree_finder *f, u32 to, const char *kind,
			 u32 offset)
{
	unsigned long at = kobjtree_address(&f->spots[to]);
	u32 i;

	if (to == f->number || f->nr_hits == KOBJTREE_HITS ||
	    (at >= (unsigned long)f->from && at < (unsigned long)f->from + f->size))
		return;
	for (i = 0; i < f->nr_hits; i++) {
		if (f->hits[i].to == to)
			return;
	}
	f->hits[f->nr_hits++] = (struct kobjtree_hit) {
		.to = to, .way = { .kind = kind, .offset = offset },
	};
}

static void kobjtree_scan_memory(struct kobjtree_finder *f, const void *from,
				 u32 size, const char *kind)
{
	const unsigned long *word = PTR_ALIGN(from, sizeof(*word));
	const unsigned long *end = from + size;
	unsigned long low, high, value;
	u32 to;

	low = kobjtree_address(&f->spots[0]) - U16_MAX;
	high = kobjtree_address(&f->spots[f->pic.nr - 1]);
	for (; word + 1 <= end; word++) {
		value = READ_ONCE_NOCHECK(*word);
		if (value < low || value > high)
			continue;
		to = kobjtree_pointed(f, value);
		if (to == KOBJTREE_NOBODY || kobjtree_of_core(f, word))
			continue;
		if (kobjtree_neighbour(word, value,
				       kobjtree_address(&f->spots[to])))
			continue;
		kobjtree_hit(f, to, kind, (void *)word - from);
	}
}

/* === Looking === */

static struct kobjtree_finder *kobjtree_finder(struct kobjtree_look *look)
{
	return container_of(look, struct kobjtree_finder, look);
}

/* Room for twice as many; false without memory. */
static bool kobjtree_grow(void **array, size_t size, u32 used, u32 room)
{
	void *larger = kvmalloc_array(room, size, GFP_KERNEL);

	if (!larger)
		return false;
	if (used)
		memcpy(larger, *array, used * size);
	kvfree(*array);
	*array = larger;
	return true;
}

static int kobjtree_prepare(struct kobjtree_look *look)
{
	struct kobjtree_finder *f = kobjtree_finder(look);

	if (f->stage == KOBJTREE_COUNT && f->pic.nr == f->room) {
		f->room = f->room ? 2 * f->room : 1024;
		if (!kobjtree_grow((void **)&f->spots, sizeof(*f->spots),
				   f->pic.nr, f->room))
			return -ENOMEM;
	}
	if (f->pic.links + KOBJTREE_LINKS_AT_ONCE > f->links_room) {
		f->links_room = 2 * f->links_room + KOBJTREE_LINKS_AT_ONCE;
		if (!kobjtree_grow((void **)&f->pic.to, sizeof(*f->pic.to),
				   f->pic.links, f->links_room) ||
		    !kobjtree_grow((void **)&f->ways, sizeof(*f->ways),
				   f->pic.links, f->links_room))
			return -ENOMEM;
	}
	return fatal_signal_pending(current) ? -EINTR : 0;
}

static void kobjtree_count(struct kobjtree_finder *f, const struct kobjtree *obj,
			   unsigned long id)
{
	f->spots[f->pic.nr++] = (struct kobjtree_spot) {
		.hidden = ~(unsigned long)obj,
		.id = id,
		.offset = obj->offset,
	};
}

static void kobjtree_picture(struct kobjtree_finder *f,
			     const struct kobjtree *obj, int bindings)
{
	struct kobjtree_spot *spot = &f->spots[f->number];
	struct kobjtree_vertex *vertex = &f->pic.vertex[f->number];
	struct kobjtree_note note = kobjtree_note_get(obj);
	u32 references = kref_read(&obj->ref);

	vertex->outside = references;
	vertex->first = f->pic.links;
	if (bindings || kobjtree_dead(obj) ||
	    (f->stage == KOBJTREE_LINKS_AGAIN &&
	     (!spot->suspect || spot->references != references)))
		vertex->outside = KOBJTREE_KEPT;
	spot->references = references;
	spot->stack = note.stack;
	f->from = (void *)obj - obj->offset;
	f->size = note.size;
	if (!kobjtree_dead(obj))
		kobjtree_scan_memory(f, f->from, f->size, "pointer");
}

static void kobjtree_name(struct kobjtree_finder *f, const struct kobjtree *obj,
			  const char *name)
{
	struct kobjtree_report *report;

	if (f->pic.vertex[f->number].reached || f->nr_reports == KOBJTREE_REPORTS)
		return;
	report = &f->reports[f->nr_reports++];
	report->number = f->number;
	strscpy(report->type, obj->type->name, sizeof(report->type));
	strscpy(report->name, name, sizeof(report->name));
}

static void kobjtree_find_object(struct kobjtree_look *look,
				 const struct kobjtree *obj, unsigned long id,
				 const char *name, int bindings)
{
	struct kobjtree_finder *f = kobjtree_finder(look);

	f->nr_hits = 0;
	f->number = KOBJTREE_NOBODY;
	if (f->stage == KOBJTREE_COUNT) {
		kobjtree_count(f, obj, id);
		return;
	}
	f->number = kobjtree_number(f, obj);
	if (f->number == KOBJTREE_NOBODY)
		return;
	if (f->spots[f->number].id != id)
		f->number = KOBJTREE_NOBODY;
	else if (f->stage == KOBJTREE_NAMES)
		kobjtree_name(f, obj, name);
	else
		kobjtree_picture(f, obj, bindings);
}

static bool kobjtree_looks_at_links(const struct kobjtree_finder *f)
{
	return f->number != KOBJTREE_NOBODY && f->stage != KOBJTREE_NAMES;
}

static void kobjtree_link_add(struct kobjtree_finder *f, u32 to,
			      struct kobjtree_way way)
{
	f->pic.to[f->pic.links] = to;
	f->ways[f->pic.links++] = way;
	f->pic.vertex[f->number].nr++;
}

static void kobjtree_find_edge(struct kobjtree_look *look,
			       const struct kobjtree *held, const void *word,
			       const char *kind)
{
	struct kobjtree_finder *f = kobjtree_finder(look);
	struct kobjtree_way way = { .kind = kind };
	u32 to;

	if (!kobjtree_looks_at_links(f))
		return;
	to = kobjtree_number(f, held);
	if (to == KOBJTREE_NOBODY)
		return;
	way.stack = kobjtree_note_get(word).stack;
	kobjtree_link_add(f, to, way);
}

/* An action's data may be what it will put; managed memory is the object's. */
static void kobjtree_find_other(struct kobjtree_look *look, unsigned long tagged)
{
	struct kobjtree_finder *f = kobjtree_finder(look);
	struct kobjtree_node *node = kobjtree_node(tagged);
	struct kobjtree_action *action;
	u32 to;

	if (!kobjtree_looks_at_links(f))
		return;
	switch (kobjtree_kind(tagged)) {
	case KOBJTREE_KIND_ACTION:
		action = container_of(node, struct kobjtree_action, node);
		to = kobjtree_pointed(f, (unsigned long)action->data);
		if (to != KOBJTREE_NOBODY)
			kobjtree_hit(f, to, "action", 0);
		break;
	case KOBJTREE_KIND_MEMORY:
		kobjtree_scan_memory(f, node + 1,
				     min_t(size_t, ksize(node), KOBJTREE_SCAN_SIZE) -
				     sizeof(*node), "memory");
		break;
	default:
		break;
	}
}

/* A pointer to what an edge of the same object holds is not one more reference. */
static bool kobjtree_holds(const struct kobjtree_finder *f, u32 to)
{
	const struct kobjtree_vertex *vertex = &f->pic.vertex[f->number];
	u32 i;

	for (i = vertex->first; i < vertex->first + vertex->nr; i++) {
		if (f->pic.to[i] == to)
			return true;
	}
	return false;
}

static void kobjtree_find_object_end(struct kobjtree_look *look, bool cut)
{
	struct kobjtree_finder *f = kobjtree_finder(look);
	struct kobjtree_spot *spot;
	u32 i;

	if (!kobjtree_looks_at_links(f))
		return;
	for (i = 0; i < f->nr_hits; i++) {
		if (!kobjtree_holds(f, f->hits[i].to))
			kobjtree_link_add(f, f->hits[i].to, f->hits[i].way);
	}
	spot = &f->spots[f->number];
	if (cut || (f->stage == KOBJTREE_LINKS_AGAIN &&
		    spot->links != f->pic.vertex[f->number].nr))
		f->pic.vertex[f->number].outside = KOBJTREE_KEPT;
	spot->links = f->pic.vertex[f->number].nr;
}

/* === Finding === */

/* Whom a look does not see is gone, and no suspect. */
static void kobjtree_picture_clear(struct kobjtree_finder *f)
{
	u32 i;

	f->pic.links = 0;
	for (i = 0; i < f->pic.nr; i++)
		f->pic.vertex[i] = (struct kobjtree_vertex) {
			.outside = KOBJTREE_KEPT,
		};
}

static int kobjtree_look_at_links(struct kobjtree_finder *f,
				  enum kobjtree_stage stage)
{
	int ret;
	u32 i;

	f->stage = stage;
	kobjtree_picture_clear(f);
	ret = kobjtree_graph_look(&f->look);
	if (ret)
		return ret;
	f->pic.queue = kvmalloc_array(f->pic.nr + f->pic.links,
				      sizeof(*f->pic.queue), GFP_KERNEL);
	if (!f->pic.queue)
		return -ENOMEM;
	kobjtree_collect(&f->pic);
	kvfree(f->pic.queue);
	f->garbage = 0;
	for (i = 0; i < f->pic.nr; i++) {
		f->spots[i].suspect = !f->pic.vertex[i].reached;
		f->garbage += f->spots[i].suspect;
	}
	return 0;
}

static int kobjtree_find(struct kobjtree_finder *f)
{
	int ret;

	kobjtree_cyclic_collect_all();
	ret = kobjtree_graph_look(&f->look);
	if (ret || !f->pic.nr)
		return ret;
	sort(f->spots, f->pic.nr, sizeof(*f->spots), kobjtree_spot_cmp, NULL);
	f->pic.vertex = kvmalloc_array(f->pic.nr, sizeof(*f->pic.vertex),
				       GFP_KERNEL);
	if (!f->pic.vertex)
		return -ENOMEM;
	ret = kobjtree_look_at_links(f, KOBJTREE_LINKS);
	if (ret || !f->garbage)
		return ret;
	if (msleep_interruptible(KOBJTREE_LOOK_AGAIN_MS))
		return -EINTR;
	ret = kobjtree_look_at_links(f, KOBJTREE_LINKS_AGAIN);
	if (ret || !f->garbage)
		return ret;
	f->stage = KOBJTREE_NAMES;
	return kobjtree_graph_look(&f->look);
}

/* === The file === */

static void kobjtree_show_stack(struct seq_file *m, depot_stack_handle_t stack)
{
	unsigned long *entries;
	unsigned int i, nr = 0;

	if (IS_ENABLED(CONFIG_STACKDEPOT) && stack)
		nr = stack_depot_fetch(stack, &entries);
	seq_puts(m, "\"stack\":[");
	for (i = 0; i < nr; i++)
		seq_printf(m, "%s\"%pS\"", i ? "," : "", (void *)entries[i]);
	seq_puts(m, "]");
}

static void kobjtree_show_link(struct seq_file *m, const struct kobjtree_finder *f,
			       u32 link)
{
	const struct kobjtree_way *way = &f->ways[link];

	seq_printf(m, "{\"to\":%lu,\"kind\":\"%s\",\"offset\":%u,",
		   f->spots[f->pic.to[link]].id, way->kind, way->offset);
	kobjtree_show_stack(m, way->stack);
	seq_puts(m, "}");
}

static void kobjtree_show_report(struct seq_file *m, struct kobjtree_finder *f,
				 const struct kobjtree_report *report)
{
	const struct kobjtree_vertex *vertex = &f->pic.vertex[report->number];
	const struct kobjtree_spot *spot = &f->spots[report->number];
	const char *comma = "";
	u32 i;

	seq_printf(m, "{\"leak\":%lu,\"type\":\"%s\",\"name\":\"%s\",",
		   spot->id, report->type, report->name);
	seq_printf(m, "\"references\":%u,", spot->references);
	kobjtree_show_stack(m, spot->stack);
	seq_puts(m, ",\"links\":[");
	for (i = vertex->first; i < vertex->first + vertex->nr; i++) {
		if (f->pic.vertex[f->pic.to[i]].reached)
			continue;
		seq_puts(m, comma);
		kobjtree_show_link(m, f, i);
		comma = ",";
	}
	seq_puts(m, "]}\n");
}

static void *kobjtree_leaks_at(struct kobjtree_finder *f, loff_t pos)
{
	return pos <= f->nr_reports ? f : NULL;
}

static void *kobjtree_leaks_seq_start(struct seq_file *m, loff_t *pos)
{
	return kobjtree_leaks_at(m->private, *pos);
}

static void *kobjtree_leaks_seq_next(struct seq_file *m, void *v, loff_t *pos)
{
	return kobjtree_leaks_at(v, ++*pos);
}

static void kobjtree_leaks_seq_stop(struct seq_file *m, void *v)
{
}

static int kobjtree_leaks_seq_show(struct seq_file *m, void *v)
{
	struct kobjtree_finder *f = v;

	if (m->index)
		kobjtree_show_report(m, f, &f->reports[m->index - 1]);
	else
		seq_printf(m, "{\"kobjtree\":1,\"objects\":%u,\"leaks\":%u}\n",
			   f->pic.nr, f->garbage);
	return 0;
}

static const struct seq_operations kobjtree_leaks_seq_ops = {
	.start = kobjtree_leaks_seq_start,
	.next = kobjtree_leaks_seq_next,
	.stop = kobjtree_leaks_seq_stop,
	.show = kobjtree_leaks_seq_show,
};

static int kobjtree_leaks_close(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;
	struct kobjtree_finder *f = m->private;

	kvfree(f->spots);
	kvfree(f->ways);
	kvfree(f->pic.to);
	kvfree(f->pic.vertex);
	return seq_release_private(inode, file);
}

static int kobjtree_leaks_open(struct inode *inode, struct file *file)
{
	struct kobjtree_finder *f;
	int ret;

	f = __seq_open_private(file, &kobjtree_leaks_seq_ops, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->look = (struct kobjtree_look) {
		.prepare = kobjtree_prepare,
		.object = kobjtree_find_object,
		.edge = kobjtree_find_edge,
		.other = kobjtree_find_other,
		.object_end = kobjtree_find_object_end,
	};
	ret = kobjtree_find(f);
	if (ret)
		kobjtree_leaks_close(inode, file);
	return ret;
}

static const struct file_operations kobjtree_leaks_fops = {
	.owner = THIS_MODULE,
	.open = kobjtree_leaks_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = kobjtree_leaks_close,
};

void kobjtree_leaks_start(struct dentry *dir)
{
	if (IS_ENABLED(CONFIG_STACKDEPOT))
		stack_depot_init();
	debugfs_create_file("leaks", 0400, dir, NULL, &kobjtree_leaks_fops);
}
