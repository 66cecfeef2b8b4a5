/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What layer 1 of kobjtree, and the gate, need of a kernel, for a program: counts,
 * locks and lists work as they do there, between threads too. Memory is malloc()'s,
 * a thread is a task, and what a worker has to do is done in shim_run(), by one
 * thread at a time. There is no RCU: what the core frees after a grace period, it
 * frees at once.
 *
 * With SHIM_CHECK it warns as a debug kernel does: of a lock that is not set up, taken
 * twice or not given back, of a sleep under one, of a wake-up that does not come.
 *
 * Included before everything else; the <linux/...> headers that the core names
 * are empty files here.
 */
#ifndef _KOBJTREE_SHIM_H
#define _KOBJTREE_SHIM_H

#include <assert.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <time.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef unsigned int gfp_t;

#define U16_MAX			UINT16_MAX
#define GFP_KERNEL		0u
#define GFP_ATOMIC		1u
#define BIT(n)			(1UL << (n))
#define GENMASK(h, l)		((~0UL >> (63 - (h))) & (~0UL << (l)))
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define max(a, b)		((a) > (b) ? (a) : (b))
#define container_of(p, t, m)	((t *)((uintptr_t)(p) - offsetof(t, m)))
#define __same_type(a, b)	__builtin_types_compatible_p(typeof(a), typeof(b))
#define IS_ENABLED(x)		0
#define IS_ERR_OR_NULL(p)	(!(p) || (uintptr_t)(p) >= (uintptr_t)-4095)
#define likely(x)		__builtin_expect(!!(x), 1)
#define unlikely(x)		__builtin_expect(!!(x), 0)
#define prefetch(p)		__builtin_prefetch(p)
#ifdef SHIM_CHECK
void shim_fetched(const void *p);		/* weak */
#define prefetchw(p)		shim_fetched(p)
#else
#define prefetchw(p)		__builtin_prefetch(p, 1)
#endif
#define size_add(a, b)		((a) + (b))
#define ____cacheline_aligned_in_smp __attribute__((aligned(64)))
#define __aligned(n)		__attribute__((aligned(n)))
#define ARCH_KMALLOC_MINALIGN	16
#define __weak			__attribute__((weak))
#define __malloc		__attribute__((malloc))
#define __must_check		__attribute__((warn_unused_result))
#define __maybe_unused		__attribute__((unused))
#define __init
#define __exit
#define EXPORT_SYMBOL_GPL(s)	struct shim_none
#define MODULE_DESCRIPTION(s)	struct shim_none
#define MODULE_LICENSE(s)	struct shim_none
#define MODULE_PARM_DESC(n, s)	struct shim_none
#define module_init(f)		struct shim_none
#define module_exit(f)		\
	void shim_exit(void) __attribute__((weak)); void shim_exit(void) { f(); }
#define core_initcall(f)	\
	static __attribute__((constructor)) void shim_init(void) { (void)f(); }
#define THIS_MODULE		NULL
#define KBUILD_MODNAME		"shim"
#define __KBUILD_MODNAME	shim
#define ___PASTE(a, b)		a##b
#define __PASTE(a, b)		___PASTE(a, b)

/* Each time, not once. It is weak, and ends the program. */
void shim_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Weak as well. */
void shim_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define WARN_ONCE(c, ...)	\
	({ bool _c = (c); if (unlikely(_c)) shim_warn(__VA_ARGS__); _c; })
#define pr_warn(...)		shim_say(__VA_ARGS__)

/* === Scopes === */

#define SHIM_CAT_(a, b)		a##b
#define SHIM_CAT(a, b)		SHIM_CAT_(a, b)
#define guard(_lock)		SHIM_GUARD_##_lock
#define SHIM_GUARD(lock, p, u)	\
	__attribute__((cleanup(u), unused)) typeof(p) SHIM_CAT(shim_, __COUNTER__) = lock(p)
#define SHIM_GUARD_spinlock(p)	SHIM_GUARD(shim_lock, p, shim_unlock)
#define SHIM_GUARD_spinlock_irqsave(p) SHIM_GUARD(shim_lock, p, shim_unlock)
#define SHIM_GUARD_spinlock_irq(p) SHIM_GUARD(shim_lock, p, shim_unlock)
#define SHIM_GUARD_mutex(p)	SHIM_GUARD(shim_mutex_lock, p, shim_mutex_unlock)
#define scoped_guard(_lock, p)	\
	for (bool shim_once = true; shim_once; )	\
		for (guard(_lock)(p); shim_once; shim_once = false)
#define DEFINE_FREE(n, t, code)	\
	static inline void shim_free_##n(void *p) { t _T = *(t *)p; code; }
#define DEFINE_CLASS(n, t, exit, init, ...)	\
	typedef t shim_class_##n;		\
	static inline void shim_exit_##n(t *p) { t _T = *p; exit; } \
	static inline t shim_class_##n##_new(__VA_ARGS__) { return init; }
#define CLASS(n, var)	\
	shim_class_##n var __attribute__((cleanup(shim_exit_##n))) = shim_class_##n##_new

/* === Tasks === */

struct task_struct {
	int locks;		/* that it has, with SHIM_CHECK */
	bool atomic;		/* for a program to set: it must not sleep */
	unsigned long rescheds;
};

/* Tasks are threads, or with SHIM_FIBERS what fibers.c lets take turns. */
#ifdef SHIM_FIBERS
extern struct task_struct *shim_current;
extern unsigned int shim_dice;
extern unsigned int shim_salt;	/* where the tasks meet; while nothing is there */

void shim_fibers(int n, void (*fn)(int me));
unsigned int shim_roll(unsigned int n);
void shim_switch(void);
void shim_yield(void);

#define current			shim_current
#define sched_yield()		shim_switch()
#else
extern __thread struct task_struct shim_task;

#define current			(&shim_task)
#define shim_yield()		((void)0)
#endif

#define READ_ONCE(x)		\
	(shim_yield(), __atomic_load_n(&(x), __ATOMIC_RELAXED))
#define WRITE_ONCE(x, v)	\
	(shim_yield(), __atomic_store_n(&(x), (v), __ATOMIC_RELAXED))
#define noinline		__attribute__((noinline))
#define barrier()		__asm__ __volatile__("" : : : "memory")
#define xchg(p, v)		__atomic_exchange_n(p, v, __ATOMIC_SEQ_CST)
#define cmpxchg(p, old, new)	({					\
	typeof(*(p)) _old = (old);					\
	__atomic_compare_exchange_n(p, &_old, new, false,		\
				    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);\
	_old; })
#define smp_rmb()		__atomic_thread_fence(__ATOMIC_ACQUIRE)
#define smp_mb()		__atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_load_acquire(p)	\
	(shim_yield(), __atomic_load_n(p, __ATOMIC_ACQUIRE))
#define smp_store_release(p, v)	\
	(shim_yield(), __atomic_store_n(p, v, __ATOMIC_RELEASE))

#ifdef SHIM_CHECK
#define shim_locks(n)		((void)(current->locks += (n)))
#define might_sleep()		\
	({ if (current->locks || current->atomic) shim_warn("sleeps where it must not\n"); })
#else
#define shim_locks(n)		((void)0)
#define might_sleep()		((void)0)
#endif

/* === Locks: one locked operation and a store, as an uncontended spinlock === */

typedef struct { struct task_struct *owner; bool set_up; } spinlock_t;
struct mutex { spinlock_t lock; };

#define SHIM_UNLOCKED		{ NULL, true }
#define DEFINE_SPINLOCK(n)	spinlock_t n = SHIM_UNLOCKED
#define DEFINE_MUTEX(n)		struct mutex n = { SHIM_UNLOCKED }
#define spin_lock_init(p)	((void)(*(p) = (spinlock_t)SHIM_UNLOCKED))

static inline void shim_take(spinlock_t *lock)
{
	struct task_struct *owner = NULL;

	shim_yield();
#ifdef SHIM_CHECK
	if (!lock->set_up)
		shim_warn("takes a lock that was not set up\n");
#endif
	while (!__atomic_compare_exchange_n(&lock->owner, &owner, current, false,
					    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		if (owner == current) {
			shim_warn("takes a lock that it has\n");
			abort();
		}
		owner = NULL;
		sched_yield();
	}
}

static inline void shim_give(spinlock_t *lock)
{
	__atomic_store_n(&lock->owner, NULL, __ATOMIC_RELEASE);
	shim_yield();
}

static inline spinlock_t *shim_lock(spinlock_t *lock)
{
	shim_take(lock);
	shim_locks(1);
	return lock;
}

static inline void shim_unlock(spinlock_t **lock)
{
	shim_locks(-1);
	shim_give(*lock);
}

#define spin_lock_irqsave(l, flags)	((void)(flags = 0), (void)shim_lock(l))
#define spin_unlock_irqrestore(l, flags) \
	({ spinlock_t *_l = (l); (void)(flags); shim_unlock(&_l); })

static inline struct mutex *shim_mutex_lock(struct mutex *m)
{
	might_sleep();
	shim_take(&m->lock);
	return m;
}

static inline void shim_mutex_unlock(struct mutex **m)
{
	shim_give(&(*m)->lock);
}

/* === Counts: what refcount_t warns of is warned of, and the count stays === */

typedef struct { int refs; } refcount_t;
typedef struct { long counter; } atomic_long_t;
struct kref { refcount_t refcount; };

static inline void kref_init(struct kref *k) { k->refcount.refs = 1; }
static inline int kref_read(const struct kref *k) { return READ_ONCE(k->refcount.refs); }

static inline void kref_get(struct kref *k)
{
	shim_yield();
	if (unlikely(__atomic_fetch_add(&k->refcount.refs, 1, __ATOMIC_RELAXED) <= 0))
		shim_warn("refcount_t: get of a dead object\n");
}

static inline bool refcount_dec_and_test(refcount_t *r)
{
	int old;

	shim_yield();
	old = __atomic_fetch_sub(&r->refs, 1, __ATOMIC_ACQ_REL);
	if (unlikely(old <= 0))
		shim_warn("refcount_t: put of a dead object\n");
	return old == 1;
}

static inline void refcount_dec(refcount_t *r)
{
	if (refcount_dec_and_test(r))
		shim_warn("refcount_t: put of the last reference\n");
}

static inline int kref_put(struct kref *k, void (*release)(struct kref *kref))
{
	if (!refcount_dec_and_test(&k->refcount))
		return 0;
	release(k);
	return 1;
}

static inline bool kref_get_unless_zero(struct kref *k)
{
	int old = READ_ONCE(k->refcount.refs);

	while (old && !__atomic_compare_exchange_n(&k->refcount.refs, &old, old + 1,
						   false, __ATOMIC_RELAXED,
						   __ATOMIC_RELAXED))
		;
	return old;
}

typedef struct { int counter; } atomic_t;

#define ATOMIC_INIT(n)		{ n }
#define atomic_read(p)		READ_ONCE((p)->counter)
#define atomic_read_acquire(p)	smp_load_acquire(&(p)->counter)
#define atomic_set(p, n)	WRITE_ONCE((p)->counter, n)
#define atomic_set_release(p, n) smp_store_release(&(p)->counter, n)
#define atomic_add(n, p)	\
	(shim_yield(), (void)__atomic_fetch_add(&(p)->counter, n, __ATOMIC_RELAXED))
#define atomic_dec_return_release(p) \
	(shim_yield(), __atomic_sub_fetch(&(p)->counter, 1, __ATOMIC_RELEASE))
#define atomic_inc_return_acquire(p) \
	(shim_yield(), __atomic_add_fetch(&(p)->counter, 1, __ATOMIC_ACQUIRE))
#define atomic_fetch_sub_relaxed(n, p) \
	(shim_yield(), __atomic_fetch_sub(&(p)->counter, n, __ATOMIC_RELAXED))
#define atomic_fetch_sub_release(n, p) \
	(shim_yield(), __atomic_fetch_sub(&(p)->counter, n, __ATOMIC_RELEASE))

#define atomic_long_inc(p)	\
	(shim_yield(), __atomic_fetch_add(&(p)->counter, 1, __ATOMIC_SEQ_CST))
#define atomic_long_sub_and_test(i, p) \
	(shim_yield(), __atomic_sub_fetch(&(p)->counter, (i), __ATOMIC_SEQ_CST) == 0)
#define atomic_long_read(p)	READ_ONCE((p)->counter)
#define atomic_long_read_acquire(p) smp_load_acquire(&(p)->counter)

/* === Lists === */

struct list_head { struct list_head *next, *prev; };
struct hlist_node { struct hlist_node *next, **pprev; };
struct hlist_head { struct hlist_node *first; };
struct llist_node { struct llist_node *next; };
struct llist_head { struct llist_node *first; };

#define LIST_HEAD_INIT(n)	{ &(n), &(n) }
#define LIST_HEAD(n)		struct list_head n = LIST_HEAD_INIT(n)
#define list_empty(h)		((h)->next == (h))
#define list_empty_careful(h)	(smp_load_acquire(&(h)->next) == (h))
#define list_for_each_entry(e, h, m) \
	for (e = container_of((h)->next, typeof(*e), m); &e->m != (h); \
	     e = container_of(e->m.next, typeof(*e), m))
#define hlist_entry(p, t, m)	((p) ? container_of(p, t, m) : NULL)
#define hlist_for_each_entry(e, h, m) \
	for (e = hlist_entry((h)->first, typeof(*e), m); e; \
	     e = hlist_entry(e->m.next, typeof(*e), m))
#define hlist_for_each_entry_safe(e, t, h, m) \
	for (e = hlist_entry((h)->first, typeof(*e), m); \
	     e && ((t = e->m.next), true); e = hlist_entry(t, typeof(*e), m))
#define llist_entry(p, t, m)	container_of(p, t, m)

static inline void list_add(struct list_head *n, struct list_head *h)
{
	h->next->prev = n;
	n->prev = h;
	smp_store_release(&n->next, h->next);
	WRITE_ONCE(h->next, n);
}

static inline void list_del_init(struct list_head *n)
{
	n->next->prev = n->prev;
	WRITE_ONCE(n->prev->next, n->next);
	n->prev = n;
	smp_store_release(&n->next, n);
}

#define list_del(n)		list_del_init(n)
#define list_entry(p, t, m)	container_of(p, t, m)

static inline void list_move(struct list_head *n, struct list_head *h)
{
	list_del_init(n);
	list_add(n, h);
}

static inline void hlist_add_head(struct hlist_node *n, struct hlist_head *h)
{
	*n = (struct hlist_node){ h->first, &h->first };
	if (h->first)
		h->first->pprev = &n->next;
	WRITE_ONCE(h->first, n);
}

static inline void hlist_del(struct hlist_node *n)
{
	WRITE_ONCE(*n->pprev, n->next);
	if (n->next)
		n->next->pprev = n->pprev;
}

static inline void hlist_del_init(struct hlist_node *n)
{
	hlist_del(n);
	*n = (struct hlist_node){};
}

#define hlist_empty(h)		(!(h)->first)

static inline bool llist_add(struct llist_node *n, struct llist_head *h)
{
	struct llist_node *first = READ_ONCE(h->first);

	do
		n->next = first;
	while (!__atomic_compare_exchange_n(&h->first, &first, n, false,
					    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	return !first;
}

static inline struct llist_node *llist_del_all(struct llist_head *h)
{
	return __atomic_exchange_n(&h->first, NULL, __ATOMIC_ACQUIRE);
}

static inline struct llist_node *llist_reverse_order(struct llist_node *n)
{
	struct llist_node *next, *head = NULL;

	for (; n; n = next) {
		next = n->next;
		n->next = head;
		head = n;
	}
	return head;
}

/* === Time, work === */

struct module;
struct work_struct {
	void (*fn)(struct work_struct *work);
	struct work_struct *next;
	bool queued;
};

struct workqueue_struct { int none; };
struct rcu_head { struct rcu_head *next; void (*fn)(struct rcu_head *rcu); };

struct notifier_block {
	int (*notifier_call)(struct notifier_block *nb, unsigned long event,
			     void *data);
	int priority;
};

struct lockdep_map;

extern bool shim_work_now;	/* by a CPU that has nothing else to do */
bool shim_queue(struct work_struct *work);
bool shim_run(void);
void shim_flush(void);
#define HZ			100
#define NOTIFY_DONE		0
#define NOTIFY_OK		1
#define MODULE_STATE_GOING	0
#define WQ_UNBOUND		0
#define WQ_MEM_RECLAIM		0
#define __WORK_INITIALIZER(n, f) { .fn = (f) }
#define alloc_workqueue(...)	((struct workqueue_struct *)1)
#define destroy_workqueue(q)	((void)(q))
#define flush_work(w)		shim_flush()
#define rcu_barrier()		shim_flush()
extern unsigned long shim_rcu_calls;
#define call_rcu(h, f)		(shim_rcu_calls++, (f)(h))
#define register_module_notifier(n) (shim_notifier = (n), 0)
#define unregister_module_notifier(n) ((void)(n))
#ifdef SHIM_CHECK
void shim_resched(void);		/* weak: what others do meanwhile */
#else
#define shim_resched()		((void)0)
#endif
#define cond_resched()		({ might_sleep(); current->rescheds++; shim_resched(); })
#define msleep(n)		({ might_sleep(); (void)(n); })
#define in_interrupt()		(current->atomic)
#define irqs_disabled()		(current->locks > 0)
#define rcu_preempt_depth()	0
#define preempt_count()		0
#define lock_map_acquire_read(m) ((void)(m))
#define lock_map_release(m)	((void)(m))
#define lockdep_assert_held(l)	((void)(l))
#define queue_work(q, w)	((void)(q), shim_queue(w))

extern struct notifier_block *shim_notifier;

/* === Waiting: until the queue is woken, and in vain for ten seconds at most === */

typedef struct { spinlock_t lock; unsigned int wakes; } wait_queue_head_t;

#define DECLARE_WAIT_QUEUE_HEAD(n) wait_queue_head_t n = { SHIM_UNLOCKED }
#define init_waitqueue_head(q)	((void)(*(q) = (wait_queue_head_t){ SHIM_UNLOCKED }))

extern unsigned int shim_jiffy_us;	/* how long a jiffy is */

bool shim_sleep(wait_queue_head_t *q, unsigned int wakes, long *us);

#define wake_up_all_locked(q)	\
	((void)__atomic_fetch_add(&(q)->wakes, 1, __ATOMIC_RELAXED))
#define __wake_up(q, mode, nr, key)	wake_up_all(q)

static inline void wake_up_all(wait_queue_head_t *q)
{
	guard(spinlock_irqsave)(&q->lock);
	wake_up_all_locked(q);
}

/* Returns whether the condition became true. */
#define shim_wait(q, c, us) ({						\
	unsigned int _wakes, _before = 0;				\
	long _us = (us);						\
	bool _true, _more = true;					\
									\
	do {								\
		_wakes = READ_ONCE((q)->wakes);				\
		_true = (c);						\
		if (_true && !_more && _wakes == _before)		\
			shim_warn("nobody wakes\n");			\
		if (_true || !_more)					\
			break;						\
		_before = _wakes;					\
		_more = shim_sleep(q, _wakes, &_us);			\
	} while (1);							\
	_true;								\
})

#define wait_event(q, c)	\
	({ if (!shim_wait(&(q), c, 10000000)) { shim_warn("nobody wakes\n"); abort(); } })
#define wait_event_timeout(q, c, t)	shim_wait(&(q), c, (t) * (long)shim_jiffy_us)
#define schedule_timeout_uninterruptible(n) ({ if (!shim_run()) sched_yield(); })

/* === What only the gate needs === */

struct device { const char *name; };
struct lockdep_map { int none; };
struct lock_class_key { int none; };

#define dev_name(dev)		((dev)->name)
#define dump_stack()		((void)0)
#define debug_show_all_locks()	((void)0)
#define _THIS_IP_		0
#define rwsem_acquire(...)	((void)0)
#define rwsem_acquire_read(...)	((void)0)
#define rwsem_release(...)	((void)0)
#define lockdep_init_map(...)	((void)0)
#define EPOLLHUP		0
#define EPOLLERR		0
#define poll_to_key(m)		(m)

/*
 * One CPU. There is no grace period that could stand for the barriers, and so each
 * addition is one.
 */
#define __percpu
#define this_cpu_inc(v)		((void)__atomic_fetch_add(&(v), 1, __ATOMIC_SEQ_CST))
#define per_cpu_ptr(p, cpu)	((void)(cpu), (p))
#define for_each_possible_cpu(cpu) for ((cpu) = 0; (cpu) < 1; (cpu)++)
/* Grace periods have numbers: the newest, and the last that was waited for. */
extern unsigned long shim_grace, shim_grace_waited;
#define SHIM_GRACE_OVER		~0UL
void shim_grace_asked(void);			/* weak: tests look here */
#define get_state_synchronize_rcu() \
	(shim_grace_asked(), __atomic_add_fetch(&shim_grace, 1, __ATOMIC_SEQ_CST))
#define get_completed_synchronize_rcu() SHIM_GRACE_OVER
#define cond_synchronize_rcu(g) \
	__atomic_store_n(&shim_grace_waited, (g), __ATOMIC_SEQ_CST)

/* === Traces of nothing === */

#define trace_kobjtree_init(obj)	((void)(obj))
#define trace_kobjtree_last_put(obj)	((void)(obj))
#define trace_kobjtree_release(obj)	((void)(obj))
#define trace_kobjtree_free(obj)	((void)(obj))
#define trace_kobjtree_defer(obj)	((void)(obj))
#define trace_kobjtree_deferred(obj)	((void)(obj))
#define trace_kobjtree_mark(obj)	((void)(obj))
#define trace_kobjtree_drain(obj)	((void)(obj))
#define trace_kobjtree_drained(obj)	((void)(obj))
#define trace_kobjtree_link(obj, held)	((void)(obj), (void)(held))
#define trace_kobjtree_unlink(obj, held) ((void)(obj), (void)(held))

/* === Memory === */

struct kmem_cache { size_t size; long used; };

#ifdef SHIM_CHECK
extern long shim_allocated;		/* how many are */
extern __thread int shim_fail_in;	/* the how manieth fails, 0: none */

void *shim_alloc(size_t size, gfp_t gfp);
void shim_free(const void *p);
void shim_freed(const void *p);		/* weak; before it is */

#define kzalloc(n, gfp)		shim_alloc(n, gfp)
#define kfree(p)		shim_free(p)
#else
#define kzalloc(n, gfp)		calloc(1, n)
#define kfree(p)		free((void *)(p))
#endif
#define kzalloc_obj(obj)	kzalloc(sizeof(obj), GFP_KERNEL)
#define kvmalloc_array(n, size, gfp) kzalloc((n) * (size), gfp)
#define kvfree(p)		kfree(p)
#define kmem_cache_zalloc(c, gfp) ((c)->used++, kzalloc((c)->size, gfp))
#define kmem_cache_free(c, p)	((c)->used--, kfree(p))

#define alloc_percpu(type)	((type *)kzalloc(sizeof(type), GFP_KERNEL))
#define free_percpu(p)		kfree(p)

static inline u32 hash_ptr(const void *p, unsigned int bits)
{
#ifdef SHIM_FIBERS
	/* All tasks are to meet, and some objects; the same ones each time. */
	return ((uintptr_t)p >> 11 ^ shim_salt) & 1;
#endif
	return (uintptr_t)p * 0x61C8864680B583EBULL >> (64 - bits);
}

#endif /* _KOBJTREE_SHIM_H */
