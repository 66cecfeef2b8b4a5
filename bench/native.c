// SPDX-License-Identifier: GPL-2.0-only
/*
 * The same instructions as a kernel's, in user space: gates and references as x86-64
 * has them, where User-Mode Linux has slower ones.
 *
 * usage: native [ROUNDS]
 *
 * Prints a line for each round, as the module does. Per-CPU data is that of a thread
 * here, one instruction with a segment prefix in both; out of line is what is out of
 * line in a kernel. "PREEMPT_RCU" is percpu_ref as a preemptible kernel has it, where
 * rcu_read_lock() and its unlock are calls.
 *
 * native --count runs each pair once, step by step: how many instructions it takes, and
 * how many of them are locked.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gauge.h"

#define OPS		20000
#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)
#define READ_ONCE(x)	__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define out_of_line	__attribute__((noinline, noclone))

static inline void barrier(void)
{
	__asm__ __volatile__("" : : : "memory");
}

static inline void full_barrier(void)
{
	__asm__ __volatile__("lock addl $0,-4(%%rsp)" : : : "memory", "cc");
}

/*
 * Data of a CPU, here of a thread: at an offset to a segment register, as in a kernel.
 * Offsets of this array are the same in each thread.
 */
static __thread long percpu[16] __attribute__((aligned(64)));

static unsigned long offset_of(int i)
{
	unsigned long base;

	__asm__("movq %%fs:0, %0" : "=r"(base));
	return (unsigned long)&percpu[i] - base;
}

static inline void this_cpu_inc(unsigned long offset)
{
	__asm__ __volatile__("incq %%fs:(%0)" : : "r"(offset) : "memory");
}

/* The word after that. */
static inline void this_cpu_inc_next(unsigned long offset)
{
	__asm__ __volatile__("incq %%fs:8(%0)" : : "r"(offset) : "memory");
}

static inline void this_cpu_dec(unsigned long offset)
{
	__asm__ __volatile__("decq %%fs:(%0)" : : "r"(offset) : "memory");
}

static void missed(void)
{
	abort();
}

/* Each object that threads share has a line for itself. */
struct line {
	int count;
	unsigned char state, begun, done;
	bool flag;
	unsigned long ptr, base, open;
} __attribute__((aligned(128)));

/* === References === */

static struct line ref = { .count = 1 };

static out_of_line void warn(void)
{
	abort();
}

static inline void ref_get(int *r)
{
	int old = __atomic_fetch_add(r, 1, __ATOMIC_RELAXED);

	if (unlikely(!old) || unlikely(old < 0 || old + 1 < 0))
		warn();
}

static inline void ref_put(int *r)
{
	int old = __atomic_fetch_sub(r, 1, __ATOMIC_RELEASE);

	if (old == 1)
		warn();
	if (unlikely(old < 0 || old == 0))
		warn();
}

static inline void pair_ref(void)
{
	ref_get(&ref.count);
	ref_put(&ref.count);
}

/* === percpu_ref === */

static struct line pref;
static __thread int rcu_nesting;
static __thread int rcu_special;

static out_of_line void rcu_lock_call(void)
{
	rcu_nesting++;
	barrier();
}

static out_of_line void rcu_unlock_call(void)
{
	barrier();
	if (--rcu_nesting == 0) {
		barrier();
		if (unlikely(READ_ONCE(rcu_special)))
			missed();
	}
}

/* The offset, where its low bits do not say that the count is an atomic one. */
static inline unsigned long percpu_offset(struct line *l)
{
	unsigned long ptr = READ_ONCE(l->ptr);

	if (unlikely(ptr & 3))
		missed();
	return ptr;
}

static inline void percpu_get(struct line *l, bool preempt_rcu)
{
	if (preempt_rcu)
		rcu_lock_call();
	this_cpu_inc(percpu_offset(l));
	if (preempt_rcu)
		rcu_unlock_call();
}

static inline void percpu_put(struct line *l, bool preempt_rcu)
{
	if (preempt_rcu)
		rcu_lock_call();
	this_cpu_dec(percpu_offset(l));
	if (preempt_rcu)
		rcu_unlock_call();
}

static inline void pair_percpu_ref(void)
{
	percpu_get(&pref, false);
	barrier();
	percpu_put(&pref, false);
}

static inline void pair_percpu_ref_preempt(void)
{
	percpu_get(&pref, true);
	barrier();
	percpu_put(&pref, true);
}

/* === SRCU === */

static struct line srcu, drm;

/* The pair of counts in use, and which of the two pairs that is. */
static out_of_line int srcu_lock(struct line *s)
{
	unsigned long ptr = READ_ONCE(s->ptr);

	this_cpu_inc(ptr);
	full_barrier();
	return (ptr - s->base) / (2 * sizeof(long));
}

static out_of_line void srcu_unlock(struct line *s, int idx)
{
	full_barrier();
	this_cpu_inc(s->base + idx * 2 * sizeof(long) + sizeof(long));
}

static inline void pair_srcu(void)
{
	int idx = srcu_lock(&srcu);

	if (unlikely(READ_ONCE(srcu.flag)))
		missed();
	srcu_unlock(&srcu, idx);
}

static inline void pair_srcu_fast(void)
{
	unsigned long ptr = READ_ONCE(srcu.ptr);

	this_cpu_inc(ptr);
	barrier();
	if (unlikely(READ_ONCE(srcu.flag)))
		missed();
	barrier();
	this_cpu_inc_next(ptr);
}

static out_of_line bool drm_enter(struct line *d, int *idx)
{
	*idx = srcu_lock(&srcu);
	if (d->flag) {
		srcu_unlock(&srcu, *idx);
		return false;
	}
	return true;
}

static out_of_line void drm_exit(int idx)
{
	srcu_unlock(&srcu, idx);
}

static inline void pair_drm(void)
{
	int idx;

	if (!drm_enter(&drm, &idx))
		missed();
	else
		drm_exit(idx);
}

/* === The gate of kobjtree === */

static struct line gate = { .state = 1 };
static struct line gate_percpu = { .state = 1 };

static out_of_line void gate_idle(void)
{
	abort();
}

static out_of_line void gate_exit_marked(void)
{
	abort();
}

#include "native_gate.h"

static inline void pair_gate(void)
{
	if (unlikely(!gate_enter(&gate)))
		missed();
	else
		gate_exit(&gate);
}

static inline void pair_gate_percpu(void)
{
	if (unlikely(!gate_enter(&gate_percpu)))
		missed();
	else
		gate_exit(&gate_percpu);
}

/* === A rwsem, uncontended, and a flag === */

static struct line rwsem;
static long rwsem_count;

static out_of_line void down_read(void)
{
	if (unlikely(__atomic_fetch_add(&rwsem_count, 256, __ATOMIC_ACQUIRE) < 0))
		missed();
}

static out_of_line void up_read(void)
{
	if (unlikely(__atomic_fetch_sub(&rwsem_count, 256, __ATOMIC_RELEASE) < 0))
		missed();
}

static inline void pair_rwsem(void)
{
	down_read();
	if (unlikely(READ_ONCE(rwsem.flag)))
		missed();
	up_read();
}

static inline void pair_nothing(void)
{
	barrier();
}

/* === Rows === */

#define LOOP(_fn)							\
static out_of_line void loop_##_fn(unsigned long n)			\
{									\
	unsigned long i;						\
									\
	for (i = 0; i < n; i++) {					\
		_fn();							\
		barrier();						\
	}								\
}

LOOP(pair_nothing)
LOOP(pair_ref)
LOOP(pair_percpu_ref)
LOOP(pair_percpu_ref_preempt)
LOOP(pair_srcu)
LOOP(pair_srcu_fast)
LOOP(pair_drm)
LOOP(pair_gate)
LOOP(pair_gate_percpu)
LOOP(pair_rwsem)

static const struct peer {
	const char *name;
	void (*loop)(unsigned long n);
} peers[] = {
	{ "kobjtree", loop_pair_gate },
	{ "kobjtree per-CPU", loop_pair_gate_percpu },
	{ "drm_dev_enter", loop_pair_drm },
	{ "SRCU", loop_pair_srcu },
	{ "SRCU fast", loop_pair_srcu_fast },
	{ "percpu_ref", loop_pair_percpu_ref },
	{ "percpu_ref, PREEMPT_RCU", loop_pair_percpu_ref_preempt },
	{ "rwsem and flag", loop_pair_rwsem },
	{ "get+put", loop_pair_ref },
	{ "empty loop", loop_pair_nothing },
};

enum { PEERS = ARRAY_SIZE(peers) };

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set)) {
		perror("native: sched_setaffinity");
		exit(1);
	}
}

static const struct peer *beside;
static bool running, stop;

static void *other(void *unused)
{
	(void)unused;
	pin(1);
	__atomic_store_n(&running, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
		beside->loop(OPS / 16);
	return NULL;
}

static bool slow(void)
{
	static unsigned long long best = -1ull;
	unsigned long long ns = gauge();

	best = ns < best ? ns : best;
	return ns * 100 > best * 115;
}

static uint64_t measure(const struct peer *peer)
{
	uint64_t start, best = UINT64_MAX, ns;
	int i;

	peer->loop(OPS / 4);
	/* The least of three: what another program took is not the pair's. */
	for (i = 0; i < 3; i++) {
		start = now();
		peer->loop(OPS);
		ns = now() - start;
		if (ns < best)
			best = ns;
	}
	return best;
}

static uint64_t measure_two(const struct peer *peer)
{
	pthread_t thread;
	uint64_t ns;

	beside = peer;
	running = false;
	stop = false;
	if (pthread_create(&thread, NULL, other, NULL)) {
		perror("native: pthread_create");
		exit(1);
	}
	while (!__atomic_load_n(&running, __ATOMIC_ACQUIRE))
		;
	ns = measure(peer);
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	return ns;
}

static int turns, again, disturbed;

/* Again, if somebody else had a part of the CPU before or after it. */
static void turn(const char *row, uint64_t (*fn)(const struct peer *peer),
		 const struct peer *peer, int round)
{
	unsigned long long ns;
	int tries = 0;
	bool loud;

	for (;;) {
		loud = slow();
		ns = fn(peer);
		loud |= slow();
		if (!loud || tries++ == 100)
			break;
		again++;
		usleep(20000);
	}
	turns++;
	disturbed += loud;
	printf("%s\t0\t%s\t%d\t%llu\t%d\n", row, peer->name, round, ns, OPS);
}

/* === Counting, step by step === */

static bool locked(pid_t pid, unsigned long ip)
{
	long word = ptrace(PTRACE_PEEKTEXT, pid, (void *)ip, NULL);

	return (word & 0xff) == 0xf0 || (word & 0xffff) == 0xf066;
}

/* What it takes from one stop to the next. */
static void count_steps(pid_t pid, long *insns, long *locks)
{
	struct user_regs_struct regs;
	int status;

	*insns = 0;
	*locks = 0;
	for (;;) {
		ptrace(PTRACE_GETREGS, pid, NULL, &regs);
		*locks += locked(pid, regs.rip);
		++*insns;
		ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL);
		if (waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status))
			exit(1);
		ptrace(PTRACE_GETREGS, pid, NULL, &regs);
		/* int3 is one byte; the child stops after it. */
		if ((ptrace(PTRACE_PEEKTEXT, pid, (void *)regs.rip, NULL) & 0xff) == 0xcc)
			return;
	}
}

static void count(const struct peer *peer, int times, long *insns, long *locks)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		__asm__ __volatile__("int3");
		peer->loop(times);
		__asm__ __volatile__("int3");
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status)) {
		perror("native: fork");
		exit(1);
	}
	count_steps(pid, insns, locks);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

static void count_all(void)
{
	long insns[2], locks[2], nothing = 0;
	int i;

	for (i = PEERS - 1; i >= 0; i--) {
		count(&peers[i], 1, &insns[0], &locks[0]);
		count(&peers[i], 2, &insns[1], &locks[1]);
		if (i == PEERS - 1)
			nothing = insns[1] - insns[0];
		else
			printf("instructions\t0\t%s\t0\t%ld\t1\nlocked\t0\t%s\t0\t%ld\t1\n",
			       peers[i].name, insns[1] - insns[0] - nothing,
			       peers[i].name, locks[1] - locks[0]);
	}
}

static void setup(void)
{
	pref.ptr = offset_of(0);
	gate_percpu.ptr = offset_of(2);
	gate_percpu.open = gate_percpu.ptr;
	srcu.ptr = offset_of(4);
	srcu.base = srcu.ptr;
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 31, round, i;
	const struct peer *peer;

	if (argc > 1 && !strcmp(argv[1], "--count")) {
		setup();
		count_all();
		return 0;
	}
	pin(0);
	setup();
	for (i = 0; i < 20000; i++)
		slow();
	for (round = 0; round < rounds; round++) {
		for (i = 0; i < PEERS; i++) {
			peer = &peers[round & 1 ? PEERS - 1 - i : i];
			turn("native pair", measure, peer, round);
			turn("native pair, 2 CPUs", measure_two, peer, round);
		}
	}
	printf("turns, native\t0\tall\t0\t%d\t1\n", turns);
	printf("turns, native\t0\ttaken again\t0\t%d\t1\n", again);
	printf("turns, native\t0\tdisturbed\t0\t%d\t1\n", disturbed);
	return 0;
}
