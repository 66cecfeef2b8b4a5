// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state of the shim: the tasks, what the workers have to do, and how much
 * memory there is.
 */
#include "shim.h"

#ifndef SHIM_FIBERS
__thread struct task_struct shim_task;
#endif
struct notifier_block *shim_notifier;
unsigned int shim_jiffy_us = 1000000 / HZ;

/* === Work: one runs at a time, each by whoever comes by === */

static DEFINE_SPINLOCK(shim_works_lock);
static struct work_struct *shim_works, **shim_works_tail = &shim_works;
static bool shim_works_run;

bool shim_work_now;

static void shim_do(struct work_struct *work)
{
	struct task_struct was = *current;

	*current = (struct task_struct){};
	work->fn(work);
	*current = was;
}

/* False if it is queued already. */
bool shim_queue(struct work_struct *work)
{
	if (shim_work_now) {
		shim_do(work);
		return true;
	}
	guard(spinlock)(&shim_works_lock);
	if (work->queued)
		return false;
	work->queued = true;
	work->next = NULL;
	*shim_works_tail = work;
	shim_works_tail = &work->next;
	return true;
}

static struct work_struct *shim_next(void)
{
	struct work_struct *work;

	guard(spinlock)(&shim_works_lock);
	work = shim_works;
	if (!work || shim_works_run)
		return NULL;
	shim_works = work->next;
	if (!shim_works)
		shim_works_tail = &shim_works;
	work->queued = false;
	shim_works_run = true;
	return work;
}

/* The oldest of what is queued; false if there is none, or another one runs. */
bool shim_run(void)
{
	struct work_struct *work = shim_next();

	if (!work)
		return false;
	work->fn(work);
	guard(spinlock)(&shim_works_lock);
	shim_works_run = false;
	return true;
}

static bool shim_idle(void)
{
	guard(spinlock)(&shim_works_lock);
	return !shim_works && !shim_works_run;
}

/* Until everything that was queued is done. */
void shim_flush(void)
{
	while (!shim_idle())
		if (!shim_run())
			sched_yield();
}

/* === Waiting === */

/* Of the CPU's time: a program that others hold up has not waited. */
static long shim_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Until @q is woken; false if that took longer than *@us, which it takes off. */
bool shim_sleep(wait_queue_head_t *q, unsigned int wakes, long *us)
{
	long start = shim_now_us(), spent = 0;

	do {
		if (!shim_run())
			sched_yield();
		spent = shim_now_us() - start;
	} while (READ_ONCE(q->wakes) == wakes && spent < *us);
	*us -= spent;
	return *us > 0;
}

/* === Warnings, and memory that is counted === */

__attribute__((weak)) void shim_warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	abort();
}

__attribute__((weak)) void shim_say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
}

unsigned long shim_grace, shim_grace_waited, shim_rcu_calls;

__attribute__((weak)) void shim_grace_asked(void)
{
}

#ifdef SHIM_CHECK
long shim_allocated;
__thread int shim_fail_in;

__attribute__((weak)) void shim_fetched(const void *p)
{
}

__attribute__((weak)) void shim_resched(void)
{
}

__attribute__((weak)) void shim_freed(const void *p)
{
}

void *shim_alloc(size_t size, gfp_t gfp)
{
	if (gfp == GFP_KERNEL)
		might_sleep();
	if (shim_fail_in && !--shim_fail_in)
		return NULL;
	__atomic_fetch_add(&shim_allocated, 1, __ATOMIC_RELAXED);
	return calloc(1, size);
}

void shim_free(const void *p)
{
	if (!p)
		return;
	shim_freed(p);
	__atomic_fetch_sub(&shim_allocated, 1, __ATOMIC_RELAXED);
	free((void *)p);
}
#endif
