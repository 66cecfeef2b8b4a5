// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state of the shim: the tasks, and what the workers have to do.
 */
#include "shim.h"

__thread struct task_struct shim_task;

static DEFINE_SPINLOCK(shim_works_lock);
static struct work_struct *shim_works, **shim_works_tail = &shim_works;

/* False if it is queued already. */
bool shim_queue(struct work_struct *work)
{
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
	if (!work)
		return NULL;
	shim_works = work->next;
	if (!shim_works)
		shim_works_tail = &shim_works;
	work->queued = false;
	return work;
}

/* The oldest of what is queued; false if there is none. */
bool shim_run(void)
{
	struct work_struct *work = shim_next();

	if (work)
		work->fn(work);
	return work;
}

__attribute__((weak)) void shim_warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	abort();
}
