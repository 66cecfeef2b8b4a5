/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by the files of the core, and by nobody else.
 *
 * Locks: each object hashes to a bucket, whose spinlock guards the object's
 * flags, its list and the weak references to it. No two buckets are ever held
 * at a time, and nothing is called under one. A dead object whose release has
 * returned belongs to its cascade alone and needs no lock.
 */
#ifndef _KOBJTREE_INTERNAL_H
#define _KOBJTREE_INTERNAL_H

#include <linux/bits.h>
#include <linux/hash.h>
#include <linux/kobjtree_cyclic.h>
#include <linux/once_lite.h>
#include <linux/spinlock.h>

struct dentry;
struct kobjtree_gate;

/* kobjtree.flags */
#define KOBJTREE_HELD		BIT(0)	/* was ever held, sticky */
#define KOBJTREE_SLOT_USED	BIT(1)	/* was ever put to use, sticky */
#define KOBJTREE_MEMBER		BIT(2)	/* the slot is the container */
#define KOBJTREE_WEAK		BIT(3)	/* may have weak references */
#define KOBJTREE_MIXED		BIT(4)	/* not only edges on the list */
#define KOBJTREE_PHASE		GENMASK(6, 5)
#define KOBJTREE_ALIVE		0		/* or its release runs */
#define KOBJTREE_ACTIONS	BIT(5)	/* its actions run */
#define KOBJTREE_EDGES		BIT(6)	/* its edges are dropped */
#define KOBJTREE_CYCLIC		BIT(7)	/* may be on a cycle, from its init on */

/* kobjtree_edge.held */
#define KOBJTREE_EDGE_ALLOC	BIT(0)	/* free it when it is dropped */
#define KOBJTREE_EDGE_NEWER	BIT(1)	/* than the edge in the slot */
#define KOBJTREE_EDGE_FLAGS	(KOBJTREE_EDGE_ALLOC | KOBJTREE_EDGE_NEWER)

/* kobjtree_action.owner */
#define KOBJTREE_ACTION_ALLOC	BIT(0)	/* free it when it is removed */

/* The low bits of a pointer to a node: what the node is part of. */
enum kobjtree_kind {
	KOBJTREE_KIND_EDGE,
	KOBJTREE_KIND_ACTION,
	KOBJTREE_KIND_MEMORY,
	KOBJTREE_KIND_CURSOR,		/* a walk's place in the list */
	KOBJTREE_KIND_MASK = 3,
};

#define KOBJTREE_BUCKET_BITS	8

struct kobjtree_bucket {
	spinlock_t lock;	/* of the objects that hash here */
	struct hlist_head weak;	/* references to them */
} ____cacheline_aligned_in_smp;

extern struct kobjtree_bucket kobjtree_buckets[1 << KOBJTREE_BUCKET_BITS];

static inline struct kobjtree_bucket *
kobjtree_bucket(const struct kobjtree *obj)
{
	return &kobjtree_buckets[hash_ptr(obj, KOBJTREE_BUCKET_BITS)];
}

static inline spinlock_t *kobjtree_lock(const struct kobjtree *obj)
{
	return &kobjtree_bucket(obj)->lock;
}

/*
 * Warn once for each kind of misuse. What follows leaves a safe state, which
 * is a leak where nothing better is left.
 */
#define KOBJTREE_MISUSE \
	"kobjtree: %s: %s; see Documentation/core-api/kobjtree.rst\n"
#ifdef CONFIG_KOBJTREE_DEBUG
#define kobjtree_misuse(obj, what)	DO_ONCE_LITE(kobjtree_told, obj, what)
#else
#define kobjtree_misuse(obj, what)					\
	WARN_ONCE(1, KOBJTREE_MISUSE, (obj)->type->name, (what))
#endif

/* === The list of an object === */

static inline struct kobjtree_node *kobjtree_node(unsigned long tagged)
{
	return (struct kobjtree_node *)(tagged & ~(unsigned long)KOBJTREE_KIND_MASK);
}

static inline enum kobjtree_kind kobjtree_kind(unsigned long tagged)
{
	return tagged & KOBJTREE_KIND_MASK;
}

/* Put @node in front of what *@place leads to. */
static inline void kobjtree_node_add(unsigned long *place,
				     struct kobjtree_node *node,
				     enum kobjtree_kind kind)
{
	node->next = *place;
	node->pprev = place;
	if (node->next)
		kobjtree_node(node->next)->pprev = &node->next;
	WRITE_ONCE(*place, (unsigned long)node | kind);
}

static inline void kobjtree_node_del(struct kobjtree_node *node)
{
	WRITE_ONCE(*node->pprev, node->next);
	if (node->next)
		kobjtree_node(node->next)->pprev = node->pprev;
	node->pprev = NULL;
}

static inline struct kobjtree *kobjtree_edge_held(const struct kobjtree_edge *edge)
{
	return (struct kobjtree *)(edge->held & ~KOBJTREE_EDGE_FLAGS);
}

/* kobjtree_cyclic.state */
enum {
	KOBJTREE_CYCLIC_UNKNOWN,
	KOBJTREE_CYCLIC_TOUCHED,	/* by somebody, since the pass began */
	KOBJTREE_CYCLIC_GARBAGE,	/* unless somebody touches it */
	KOBJTREE_CYCLIC_DEAD,		/* garbage, and nobody did */
	KOBJTREE_CYCLIC_WAITS,		/* with its memory, for the last edge to it */
};

#ifdef CONFIG_KOBJTREE_CYCLIC
static inline struct kobjtree_cyclic *to_cyclic(const struct kobjtree *obj)
{
	return container_of(obj, struct kobjtree_cyclic, tree);
}

static inline bool kobjtree_is_cyclic(const struct kobjtree *obj)
{
	return READ_ONCE(obj->flags) & KOBJTREE_CYCLIC;
}

static inline bool kobjtree_cyclic_dead(const struct kobjtree *obj)
{
	return kobjtree_is_cyclic(obj) &&
	       READ_ONCE(to_cyclic(obj)->state) >= KOBJTREE_CYCLIC_DEAD;
}

void kobjtree_cyclic_add(struct kobjtree *obj);
void kobjtree_cyclic_del(struct kobjtree *obj);
bool kobjtree_cyclic_touch(struct kobjtree *obj);
bool kobjtree_cyclic_weak(struct kobjtree *obj);
bool kobjtree_cyclic_back(struct kobjtree *held, bool *over);
bool kobjtree_cyclic_wait(struct kobjtree *obj);
void kobjtree_cyclic_collect_all(void);
#else
static inline bool kobjtree_is_cyclic(const struct kobjtree *obj) { return false; }
static inline bool kobjtree_cyclic_dead(const struct kobjtree *obj) { return false; }
static inline void kobjtree_cyclic_add(struct kobjtree *obj) { }
static inline void kobjtree_cyclic_del(struct kobjtree *obj) { }
static inline bool kobjtree_cyclic_touch(struct kobjtree *obj) { return true; }
static inline bool kobjtree_cyclic_weak(struct kobjtree *obj) { return true; }
static inline bool kobjtree_cyclic_back(struct kobjtree *held, bool *over) { return false; }
static inline bool kobjtree_cyclic_wait(struct kobjtree *obj) { return false; }
static inline void kobjtree_cyclic_collect_all(void) { }
#endif

static inline bool kobjtree_dead(const struct kobjtree *obj)
{
	return !kref_read(&obj->ref) || kobjtree_cyclic_dead(obj);
}

/* Under the lock; some are read without. */
static inline void kobjtree_set_flag(struct kobjtree *obj, u8 flag)
{
	/* Pairs with the acquire in kobjtree_mark_held(). */
	smp_store_release(&obj->flags, obj->flags | flag);
}

/* What the slot holds as an edge. */
static inline struct kobjtree *kobjtree_slot_held(const struct kobjtree *obj)
{
	return obj->flags & KOBJTREE_MEMBER ? NULL : obj->slot;
}

/* === Between the files === */

/* gate.c */
#if IS_ENABLED(CONFIG_KOBJTREE_KUNIT_TEST)
void kobjtree_point(const char *where, struct kobjtree_gate *gate);
#else
static inline void kobjtree_point(const char *where,
				  struct kobjtree_gate *gate) { }
#endif
#ifdef CONFIG_LOCKDEP
void kobjtree_gate_start(void);
#else
static inline void kobjtree_gate_start(void) { }
#endif

/* cycle.c */
extern struct mutex kobjtree_cycle_mutex;
bool kobjtree_reaches(struct kobjtree *from, const struct kobjtree *to);

/* edge.c */
struct kobjtree *kobjtree_edge_remove(struct kobjtree_edge *edge);
int kobjtree_mark_held(struct kobjtree *held);

/* managed.c */
void kobjtree_sort(struct kobjtree *obj);
struct kobjtree_action *kobjtree_pop_action(struct kobjtree *obj);
void kobjtree_end_action(struct kobjtree_action *action, bool call);
void kobjtree_free_memory(struct kobjtree *obj);

/* owner.c */
void kobjtree_owner_get(struct kobjtree_owner *owner);
void kobjtree_owner_put(struct kobjtree_owner *owner, long nr);
void kobjtree_defer(struct kobjtree *obj);
int kobjtree_owner_start(void);
void kobjtree_owner_stop(void);

/* teardown.c */
bool kobjtree_in_cascade(void);
bool kobjtree_may_sleep(void);
void kobjtree_teardown_init(void);
void kobjtree_teardown(struct kobjtree *obj);
#ifdef CONFIG_KOBJTREE_CYCLIC
void kobjtree_put_cyclic(struct kobjtree *held);
#else
static inline void kobjtree_put_cyclic(struct kobjtree *held) { }
#endif

/* weak.c */
void kobjtree_weak_kill(struct kobjtree *obj);

/* lockdep.c */
#ifdef CONFIG_LOCKDEP
void kobjtree_lockdep_link(const struct kobjtree *holder,
			   const struct kobjtree *held);
void kobjtree_lockdep_forget(const struct kobjtree_owner *owner);
void kobjtree_lockdep_begin(const struct kobjtree *obj);
void kobjtree_lockdep_end(const struct kobjtree *obj);
#else
static inline void kobjtree_lockdep_link(const struct kobjtree *holder,
					 const struct kobjtree *held) { }
static inline void kobjtree_lockdep_forget(const struct kobjtree_owner *owner) { }
static inline void kobjtree_lockdep_begin(const struct kobjtree *obj) { }
static inline void kobjtree_lockdep_end(const struct kobjtree *obj) { }
#endif

/* debug.c */
#ifdef CONFIG_DEBUG_OBJECTS
bool kobjtree_debug_init(struct kobjtree *obj);
void kobjtree_debug_free(struct kobjtree *obj);
void kobjtree_debug_link(struct kobjtree_edge *edge);
void kobjtree_debug_unlink(struct kobjtree_edge *edge);
#else
static inline bool kobjtree_debug_init(struct kobjtree *obj) { return true; }
static inline void kobjtree_debug_free(struct kobjtree *obj) { }
static inline void kobjtree_debug_link(struct kobjtree_edge *edge) { }
static inline void kobjtree_debug_unlink(struct kobjtree_edge *edge) { }
#endif

/* collect.c */

/* As many references from outside as nothing inside explains. */
#define KOBJTREE_KEPT	INT_MAX

/**
 * struct kobjtree_vertex - an object
 * @outside: its references; those from outside after kobjtree_collect()
 * @first: its first link, in &struct kobjtree_picture.to
 * @nr: how many it has
 * @reached: something outside keeps it, by its links or those of others
 */
struct kobjtree_vertex {
	int outside;
	u32 first;
	u32 nr;
	bool reached;
};

/**
 * struct kobjtree_picture - objects and links
 * @vertex: the objects
 * @to: the links: each is one reference of the object with this number
 * @queue: room for as many numbers as there are objects and links
 * @nr: how many objects
 * @links: how many links
 */
struct kobjtree_picture {
	struct kobjtree_vertex *vertex;
	u32 *to;
	u32 *queue;
	u32 nr;
	u32 links;
};

void kobjtree_collect(struct kobjtree_picture *pic);
void kobjtree_collect_more(struct kobjtree_picture *pic);

/* history.c */
enum kobjtree_did {
	KOBJTREE_DID_INIT,
	KOBJTREE_DID_GET,
	KOBJTREE_DID_LAST_PUT,
	KOBJTREE_DID_RELEASE,
	KOBJTREE_EVENTS,
};

#ifdef CONFIG_KOBJTREE_DEBUG
void kobjtree_history_add(const struct kobjtree *obj, const char *name);
bool kobjtree_history_note(const struct kobjtree *obj, enum kobjtree_did what);
void kobjtree_history_gone(const struct kobjtree *obj);
void kobjtree_history_show(const struct kobjtree *obj);
void kobjtree_told(const struct kobjtree *obj, const char *what);
bool kobjtree_there(const struct kobjtree *obj, const char *what);
u32 kobjtree_stack(bool may_alloc);
void kobjtree_poison(struct kobjtree *obj);
void kobjtree_history_start(void);
void kobjtree_history_stop(void);
#else
static inline void kobjtree_history_add(const struct kobjtree *obj,
					const char *name) { }
static inline bool kobjtree_history_note(const struct kobjtree *obj,
					 enum kobjtree_did what) { return false; }
static inline void kobjtree_history_gone(const struct kobjtree *obj) { }
static inline void kobjtree_history_show(const struct kobjtree *obj) { }
static inline bool kobjtree_there(const struct kobjtree *obj,
				  const char *what) { return true; }
static inline void kobjtree_poison(struct kobjtree *obj) { }
static inline void kobjtree_history_start(void) { }
static inline void kobjtree_history_stop(void) { }
#endif

/* disturb.c */
#ifdef CONFIG_KOBJTREE_DEBUG
bool kobjtree_delay_release(void);
unsigned int kobjtree_delay(void);
void kobjtree_disturb_start(void);
void kobjtree_disturb_stop(void);
#else
static inline bool kobjtree_delay_release(void) { return false; }
static inline unsigned int kobjtree_delay(void) { return 0; }
static inline void kobjtree_disturb_start(void) { }
static inline void kobjtree_disturb_stop(void) { }
#endif
#if defined(CONFIG_KOBJTREE_DEBUG) && defined(CONFIG_FAULT_INJECTION)
bool kobjtree_fail_alloc(void);
#else
static inline bool kobjtree_fail_alloc(void) { return false; }
#endif

/* graph.c */
#ifdef CONFIG_KOBJTREE_DEBUG
/* Who looks at all objects; @word is where a reference is kept. */
struct kobjtree_look {
	int (*prepare)(struct kobjtree_look *look);
	void (*object)(struct kobjtree_look *look, const struct kobjtree *obj,
		       unsigned long id, const char *name, int bindings);
	void (*edge)(struct kobjtree_look *look, const struct kobjtree *held,
		     const void *word, const char *kind);
	void (*other)(struct kobjtree_look *look, unsigned long node);
	void (*object_end)(struct kobjtree_look *look, bool cut);
};

void kobjtree_graph_add(const struct kobjtree *obj, const char *name,
			size_t size);
void kobjtree_graph_del(const struct kobjtree *obj);
void kobjtree_graph_sync(const struct kobjtree *obj);
void kobjtree_graph_held(const struct kobjtree *obj, int change);
void kobjtree_graph_gate(const struct kobjtree *obj,
			 const struct kobjtree_gate *gate);
void kobjtree_graph_bind(const struct kobjtree *obj, const char *device);
int kobjtree_graph_look(struct kobjtree_look *look);
void kobjtree_graph_report(const struct kobjtree_owner *owner);
void kobjtree_graph_start(void);
void kobjtree_graph_stop(void);
#else
static inline void kobjtree_graph_add(const struct kobjtree *obj,
				      const char *name, size_t size) { }
static inline void kobjtree_graph_del(const struct kobjtree *obj) { }
static inline void kobjtree_graph_sync(const struct kobjtree *obj) { }
static inline void kobjtree_graph_held(const struct kobjtree *obj,
				       int change) { }
static inline void kobjtree_graph_gate(const struct kobjtree *obj,
				       const struct kobjtree_gate *gate) { }
static inline void kobjtree_graph_bind(const struct kobjtree *obj,
				       const char *device) { }
static inline void kobjtree_graph_report(const struct kobjtree_owner *owner) { }
static inline void kobjtree_graph_start(void) { }
static inline void kobjtree_graph_stop(void) { }
#endif

/* leaks.c */
#ifdef CONFIG_KOBJTREE_DEBUG
void kobjtree_note_add(const void *word, size_t size);
void kobjtree_note_del(const void *word);
void kobjtree_leaks_start(struct dentry *dir);
#else
static inline void kobjtree_note_add(const void *word, size_t size) { }
static inline void kobjtree_note_del(const void *word) { }
#endif

/* census.c */
#ifdef CONFIG_KOBJTREE_DEBUG
void kobjtree_census_add(const struct kobjtree *obj);
void kobjtree_census_del(const struct kobjtree *obj);
void kobjtree_census_start(struct dentry *dir);
void kobjtree_census_stop(void);
#else
static inline void kobjtree_census_add(const struct kobjtree *obj) { }
static inline void kobjtree_census_del(const struct kobjtree *obj) { }
#endif

/* holder.c */
struct kobjtree_holder_text {
	char kind[24];
	unsigned int nr;
	char stacks[1024];
};

#if defined(CONFIG_KOBJTREE_DEBUG) && defined(CONFIG_REF_TRACKER)
void kobjtree_holder_print(const struct kobjtree *obj);
bool kobjtree_holder_text(const struct kobjtree *obj, int nth,
			  struct kobjtree_holder_text *text);
void kobjtree_holder_gone(const struct kobjtree *obj);
#else
static inline void kobjtree_holder_print(const struct kobjtree *obj) { }
static inline bool kobjtree_holder_text(const struct kobjtree *obj, int nth,
					struct kobjtree_holder_text *text)
{
	return false;
}

static inline void kobjtree_holder_gone(const struct kobjtree *obj) { }
#endif

/* === All that is kept of an object, but by debugobjects === */

/* @obj, whose type is set, is there. */
static inline void kobjtree_remember(const struct kobjtree *obj,
				     const char *name, size_t size)
{
	kobjtree_graph_add(obj, name, size);
	kobjtree_census_add(obj);
	kobjtree_history_add(obj, name);
}

/* Its memory goes. */
static inline void kobjtree_forget(const struct kobjtree *obj)
{
	kobjtree_holder_gone(obj);
	kobjtree_graph_del(obj);
	kobjtree_census_del(obj);
	kobjtree_history_gone(obj);
}

#endif /* _KOBJTREE_INTERNAL_H */
