// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tasks that take turns on one thread, as dice say: the same interleaving for the
 * same seed, on any machine under any load. To TSan they are threads, which the
 * turns do not order. This file is compiled without TSan.
 */
#include "shim.h"

#include <sanitizer/tsan_interface.h>
#include <ucontext.h>

#define MAX_FIBERS	4
#define STACK_SIZE	(256 * 1024)
#define TOO_LONG	20000000ul

struct fiber {
	struct task_struct task;
	ucontext_t context;
	void *tsan;
	bool busy;
};

/* The last one is who makes the others run. */
static struct fiber fibers[MAX_FIBERS + 1] __attribute__((aligned(4096)));
static struct fiber *now = &fibers[MAX_FIBERS];
static int nr_fibers;
static unsigned long turns;
static void (*work)(int me);
static char start, end;

struct task_struct *shim_current = &fibers[MAX_FIBERS].task;
unsigned int shim_dice;
unsigned int shim_salt;

unsigned int shim_roll(unsigned int n)
{
	shim_dice = shim_dice * 1103515245 + 12345;
	return (shim_dice >> 16) % n;
}

static void turn(struct fiber *next)
{
	struct fiber *old = now;

	if (next == old)
		return;
	if (++turns > TOO_LONG) {
		fprintf(stderr, "nobody can go on\n");
		abort();
	}
	now = next;
	shim_current = &next->task;
	__tsan_switch_to_fiber(next->tsan, __tsan_switch_to_fiber_no_sync);
	swapcontext(&old->context, &next->context);
}

/* Somebody else's turn, if there is somebody. */
void shim_switch(void)
{
	int i, n = 0, which;

	if (now == &fibers[MAX_FIBERS])
		return;
	for (i = 0; i < nr_fibers; i++)
		n += fibers[i].busy;
	which = shim_roll(n);
	for (i = 0; i < nr_fibers; i++)
		if (fibers[i].busy && !which--)
			break;
	turn(&fibers[i]);
}

void shim_yield(void)
{
	if (now != &fibers[MAX_FIBERS] && !shim_roll(4))
		shim_switch();
}

static bool any_busy(void)
{
	int i;

	for (i = 0; i < nr_fibers; i++)
		if (fibers[i].busy)
			return true;
	return false;
}

static void fiber_main(int me)
{
	while (true) {
		__tsan_acquire(&start);
		work(me);
		__tsan_release(&end);
		fibers[me].busy = false;
		if (any_busy())
			shim_switch();
		else
			turn(&fibers[MAX_FIBERS]);
	}
}

static void make(int me)
{
	struct fiber *f = &fibers[me];

	getcontext(&f->context);
	f->context.uc_stack.ss_sp = malloc(STACK_SIZE);
	f->context.uc_stack.ss_size = STACK_SIZE;
	makecontext(&f->context, (void (*)(void))fiber_main, 1, me);
	f->tsan = __tsan_create_fiber(0);
}

/* Let @n tasks do @fn, until all have. */
void shim_fibers(int n, void (*fn)(int me))
{
	int i;

	fibers[MAX_FIBERS].tsan = __tsan_get_current_fiber();
	for (; nr_fibers < n; nr_fibers++)
		make(nr_fibers);
	for (i = 0; i < n; i++)
		fibers[i].busy = true;
	work = fn;
	turns = 0;
	__tsan_release(&start);
	turn(&fibers[shim_roll(n)]);
	__tsan_acquire(&end);
}
