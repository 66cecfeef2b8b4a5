/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the suites share: objects that write down what happens to them, so that
 * a test compares one string for the whole order of a teardown.
 *
 * A suite names test_init() and test_exit() as its init and exit; the log is
 * then @test->priv, and a test that leaves an object behind fails.
 *
 *   r1   the release of object 1 was called
 *   a2   action 2 was called
 *   f1   the memory of object 1 went
 */
#ifndef _KOBJTREE_TESTS_HELPERS_H
#define _KOBJTREE_TESTS_HELPERS_H

#include <kunit/test.h>
#include <linux/atomic.h>
#include <linux/container_of.h>
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/irqflags.h>
#include <linux/kobjtree.h>
#include <linux/kref.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

/*
 * For whoever judges the kernel log: the next lines hold exactly one splat
 * with @what in it, or none or one where another test may have had it before.
 */
static inline void test_announce(struct kunit *test, const char *how,
				 const char *what)
{
	pr_info("kobjtree-%s: %s\n", how, what);
}

#define EXPECT_WARN(test, what)	test_announce(test, "expect", what)
#define MAY_WARN(test, what)	test_announce(test, "may", what)

/* What link says when it refuses, by errno. */
#define MISUSE_LOOP	"edge that closes a cycle"
#define MISUSE_NODEV	"edge from or to a dead object"
#define MISUSE_BUSY	"edge that is linked already"

/* === Where nobody may sleep === */

/* On PREEMPT_RT no spinlock is to be had with interrupts off, and so no object. */
static inline void no_sleep_begin(void)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		rcu_read_lock();
	else
		local_irq_disable();
}

static inline void no_sleep_end(void)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		rcu_read_unlock();
	else
		local_irq_enable();
}

/* === The log === */

#define TEST_LOG_SIZE	1024
#define TEST_MARKS	32

/**
 * struct test_mark - the data of an action that writes itself down
 * @log: where to
 * @id: of the action
 * @then: what else it does, or NULL
 * @arg: for @then
 * @storage: for kobjtree_embed_action()
 */
struct test_mark {
	struct test_log *log;
	int id;
	void (*then)(struct test_mark *mark);
	void *arg;
	struct kobjtree_action storage;
};

/**
 * struct test_log - what happened, in order
 * @lock: innermost
 * @len: of @buf
 * @buf: what was not expected yet
 * @seen: what was expected last
 * @live: objects whose memory has not gone
 * @marks: for actions, in the order of test_mark()
 * @nr_marks: that are in use
 */
struct test_log {
	spinlock_t lock;	/* @buf and @len */
	size_t len;
	char buf[TEST_LOG_SIZE];
	char seen[TEST_LOG_SIZE];
	atomic_t live;
	struct test_mark marks[TEST_MARKS];
	int nr_marks;
};

/* Any context. */
static inline void log_event(struct test_log *log, char event, int id)
{
	unsigned long flags;

	spin_lock_irqsave(&log->lock, flags);
	log->len += scnprintf(log->buf + log->len, TEST_LOG_SIZE - log->len,
			      "%s%c%d", log->len ? " " : "", event, id);
	spin_unlock_irqrestore(&log->lock, flags);
}

/* Return: the events since the last call. */
static inline const char *log_take(struct test_log *log)
{
	unsigned long flags;

	spin_lock_irqsave(&log->lock, flags);
	memcpy(log->seen, log->buf, TEST_LOG_SIZE);
	log->buf[0] = 0;
	log->len = 0;
	spin_unlock_irqrestore(&log->lock, flags);
	return log->seen;
}

/* Exactly these events, in this order, since the last expect_log(). */
#define expect_log(test, log, expected) \
	KUNIT_EXPECT_STREQ(test, log_take(log), (const char *)(expected))

static inline int test_init(struct kunit *test)
{
	struct test_log *log = kzalloc(sizeof(*log), GFP_KERNEL);

	if (!log)
		return -ENOMEM;
	spin_lock_init(&log->lock);
	test->priv = log;
	return 0;
}

/* For suites that read the console, by its tracepoint. */
static inline int test_init_console(struct kunit *test)
{
	if (!IS_ENABLED(CONFIG_TRACEPOINTS))
		kunit_skip(test, "needs tracepoints, to read the console");
	return test_init(test);
}

/* An object that is left needs its log, which then stays as well. */
static inline void test_exit(struct kunit *test)
{
	struct test_log *log = test->priv;
	int live;

	if (!log)
		return;
	live = atomic_read(&log->live);
	KUNIT_EXPECT_EQ_MSG(test, live, 0, "objects were left behind");
	KUNIT_EXPECT_STREQ_MSG(test, log->buf, "", "events nobody expected");
	if (!live)
		kfree(log);
}

/* === Actions === */

static inline void test_action(void *data)
{
	struct test_mark *mark = data;

	log_event(mark->log, 'a', mark->id);
	if (mark->then)
		mark->then(mark);
}

/* Return: data for test_action() as action @id. */
static inline struct test_mark *test_mark(struct kunit *test, int id)
{
	struct test_log *log = test->priv;
	struct test_mark *mark;

	KUNIT_ASSERT_LT(test, log->nr_marks, TEST_MARKS);
	mark = &log->marks[log->nr_marks++];
	mark->log = log;
	mark->id = id;
	return mark;
}

/* === Objects === */

#define NODE_EDGES	8

/**
 * struct test_node - an object that writes itself down
 * @tree: the object
 * @edge: storage for its edges
 * @log: where to, NULL for an object of no interest
 * @id: its name there
 * @in_release: what else its release does, or NULL
 * @in_free: what else happens when its memory goes, or NULL
 * @arg: for both
 */
struct test_node {
	struct kobjtree tree;
	struct kobjtree_edge edge[NODE_EDGES];
	struct test_log *log;
	int id;
	void (*in_release)(struct test_node *node);
	void (*in_free)(struct test_node *node);
	void *arg;
};

static inline struct test_node *to_test_node(struct kobjtree *obj)
{
	return container_of(obj, struct test_node, tree);
}

static inline void node_release(struct kobjtree *obj)
{
	struct test_node *node = to_test_node(obj);

	might_sleep();
	if (node->log)
		log_event(node->log, 'r', node->id);
	if (node->in_release)
		node->in_release(node);
}

static inline void node_free(struct kobjtree *obj)
{
	struct test_node *node = to_test_node(obj);

	if (node->log) {
		log_event(node->log, 'f', node->id);
		atomic_dec(&node->log->live);
	}
	if (node->in_free)
		node->in_free(node);
	kfree(node);
}

DEFINE_KOBJTREE_TYPE(node_type, struct test_node, tree,
		     .release = node_release, .free = node_free);

/* Return: an object with one reference, or NULL; for any thread. */
static inline struct test_node *node_alloc(struct test_log *log, int id)
{
	struct test_node *node = kobjtree_alloc(struct test_node, tree,
						&node_type, GFP_KERNEL);

	if (!node)
		return NULL;
	node->log = log;
	node->id = id;
	if (log)
		atomic_inc(&log->live);
	return node;
}

/* Return: an object with one reference; for the thread of the test. */
static inline struct test_node *node_new(struct kunit *test, int id)
{
	struct test_node *node = node_alloc(test->priv, id);

	KUNIT_ASSERT_NOT_NULL(test, node);
	return node;
}

static inline void node_put(struct test_node *node)
{
	kobjtree_put(&node->tree);
}

static inline unsigned int node_refs(struct test_node *node)
{
	return kref_read(&node->tree.ref);
}

/* In edge @i of @holder. */
static inline int __must_check node_link(struct test_node *holder, int i,
					 struct test_node *held)
{
	return kobjtree_link(&holder->tree, &holder->edge[i], &held->tree);
}

static inline bool node_unlink(struct test_node *holder, int i)
{
	return kobjtree_unlink(&holder->tree, &holder->edge[i]);
}

/* Return: an object that one edge @i of @holder keeps, and nothing else. */
static inline struct test_node *node_child(struct kunit *test,
					   struct test_node *holder, int i,
					   int id)
{
	struct test_node *held = node_new(test, id);

	KUNIT_ASSERT_EQ(test, kobjtree_link_give(&holder->tree,
						 &holder->edge[i],
						 &held->tree), 0);
	return held;
}

/* An allocated action @id on @node. */
static inline struct test_mark *node_action(struct kunit *test,
					    struct test_node *node, int id)
{
	struct test_mark *mark = test_mark(test, id);

	KUNIT_ASSERT_EQ(test, kobjtree_add_action(&node->tree, test_action,
						  mark), 0);
	return mark;
}

/* === Allocations that fail === */

#if defined(CONFIG_FAILSLAB) && defined(CONFIG_FAULT_INJECTION_DEBUG_FS)

/* What debugfs says of its files: i_private points to the value. */
static inline void *fail_knob(const char *what, const char *name)
{
	struct dentry *dir = debugfs_lookup(what, NULL);
	struct dentry *file = dir ? debugfs_lookup(name, dir) : NULL;
	void *value = file ? d_inode(file)->i_private : NULL;

	dput(file);
	dput(dir);
	return value;
}

/* The @n-th allocation of this task fails from now on; 0: none. */
static inline void fail_nth(unsigned int n)
{
	WRITE_ONCE(current->fail_nth, n);
}

/* Return: what is left to count before one fails; 0 if one did. */
static inline unsigned int fail_none(void)
{
	unsigned int left = READ_ONCE(current->fail_nth);

	WRITE_ONCE(current->fail_nth, 0);
	return left;
}

/*
 * Let fail_nth() reach GFP_KERNEL, without a stack trace for each. The first
 * call of a test that needs it, since it skips the test where it cannot.
 *
 * Pages do not count: the slab allocator asks for them in an allocation that
 * counts already and may succeed without, and KASAN in any kfree() whose stack
 * is new to it.
 */
static inline void fail_setup(struct kunit *test)
{
	bool *ignore = fail_knob("failslab", "ignore-gfp-wait");
	unsigned long *verbose = fail_knob("failslab", "verbose");
	u32 *min_order = fail_knob("fail_page_alloc", "min-order");
	void *p;

	if (!ignore || !verbose)
		kunit_skip(test, "no failslab in debugfs");
	*ignore = false;
	*verbose = 0;
	if (min_order)
		*min_order = U32_MAX;

	fail_nth(1);
	p = kmalloc(8, GFP_KERNEL);
	fail_nth(0);
	kfree(p);
	KUNIT_ASSERT_NULL_MSG(test, p, "fault injection does not work");
}

#else

static inline void fail_nth(unsigned int n) { }
static inline unsigned int fail_none(void) { return 0; }
static inline void fail_setup(struct kunit *test)
{
	kunit_skip(test, "needs CONFIG_FAILSLAB and its debugfs files");
}

#endif

/* For what cannot fail; debugging aids may well try to allocate in it. */
#define WITHOUT_MEMORY(statement) do {					\
	fail_nth(1);							\
	statement;							\
	fail_none();							\
} while (0)

/* Memory of each size, in a list; what it leaves has room for as much to be freed. */
static inline void *slab_room(void)
{
	void **room, *list = NULL;
	size_t size;
	int i;

	for (size = 1; size <= SZ_1K; size = kmalloc_size_roundup(size) + 1)
		for (i = 0; i < 4; i++) {
			room = kmalloc(max(size, sizeof(list)), GFP_KERNEL);
			if (!room)
				break;
			*room = list;
			list = room;
		}
	return list;
}

static inline void slab_room_free(void *list)
{
	void *next;

	for (; list; list = next) {
		next = *(void **)list;
		kfree(list);
	}
}

/*
 * For what ends something: @statement does not even try to allocate. Neither must
 * kfree(), which takes another sheaf where its own is full, and calls RCU for
 * kmemleak, for which debugobjects allocate where many such calls wait.
 */
#define EXPECT_NO_ALLOC(test, statement) do {				\
	void *room_ = slab_room();					\
									\
	rcu_barrier();							\
	fail_nth(1);							\
	statement;							\
	KUNIT_EXPECT_EQ_MSG(test, fail_none(), 1U,			\
			    "%s allocates", #statement);		\
	slab_room_free(room_);						\
} while (0)

#endif /* _KOBJTREE_TESTS_HELPERS_H */
