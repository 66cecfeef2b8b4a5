// SPDX-License-Identifier: GPL-2.0-only
/*
 * All operations of a character device at once, in eight processes, while it is
 * bound and unbound, and while its module is asked to go.
 *
 * Usage: chrdev_storm DRIVER
 *
 * DRIVER is modules/kobjtree_test_chrdev.c. Prints how often each operation was
 * right, and how often the device was gone. At the end the module goes, with the
 * processes still at its nodes.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "modules/chrdev.h"
#include "unbind.h"

#define PROCESSES	8

enum op { OPEN, READ, WRITE, IOCTL, POLL, MMAP, TOUCH, OPS };

static const char * const op_names[] = {
	"open", "read", "write", "ioctl", "poll", "mmap", "touch",
};

/* Shared by the processes. */
struct count {
	unsigned long good, gone, other;
};

static struct shared {
	struct count count[OPS];
	bool over;
} *shared;

static void count(enum op op, bool good, bool gone)
{
	struct count *c = &shared->count[op];

	if (!good && !gone)
		printf("# %s: %s\n", op_names[op], strerror(errno));
	__atomic_fetch_add(good ? &c->good : gone ? &c->gone : &c->other, 1,
			   __ATOMIC_RELAXED);
}

static sigjmp_buf on_sigbus;

static void sigbus(int sig)
{
	siglongjmp(on_sigbus, 1);
}

static void storm_map(int fd)
{
	size_t size = TEST_PAGES * sysconf(_SC_PAGESIZE);
	volatile char *p;
	int i;

	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		 rand() % 2 * TEST_PFNS * sysconf(_SC_PAGESIZE));
	count(MMAP, p != MAP_FAILED, errno == ENODEV);
	if (p == MAP_FAILED)
		return;
	for (i = 0; i < 20; i++) {
		/* volatile: it is read after the jump */
		volatile bool touched = false;

		if (!sigsetjmp(on_sigbus, 1)) {
			p[rand() % size] = i;
			touched = true;
		}
		count(TOUCH, touched, !touched);
	}
	munmap((void *)p, size);
}

static void storm_poll(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int ret = poll(&pfd, 1, 0);

	count(POLL, ret == 1 && pfd.revents == POLLIN,
	      ret == 1 && pfd.revents == (POLLERR | POLLHUP));
}

static void storm_file(int fd)
{
	struct test_flip flip;
	char buf[1000] = "";
	ssize_t ret;
	int i;

	for (i = 0; i < 20; i++) {
		ret = pread(fd, buf, sizeof(buf), rand() % 4096);
		count(READ, ret == sizeof(buf), ret == -1 && errno == ENODEV);
		ret = pwrite(fd, buf, sizeof(buf), rand() % 4096);
		count(WRITE, ret == sizeof(buf), ret == -1 && errno == ENODEV);
		ret = ioctl(fd, TEST_FLIP, &flip);
		count(IOCTL, !ret, ret == -1 && errno == ENODEV);
		storm_poll(fd);
	}
}

static void storm_process(int number)
{
	int fd, fd2;

	srand(number);
	while (!__atomic_load_n(&shared->over, __ATOMIC_RELAXED)) {
		fd = open_node(rand() % 2 ? ".misc" : "", 0);
		if (fd < 0) {
			/*
			 * There is no node; there is one still, and no cdev; or
			 * a removal has begun.
			 */
			count(OPEN, false, errno == ENOENT || errno == ENXIO ||
			      errno == ENODEV);
			sched_yield();
			continue;
		}
		count(OPEN, true, false);
		fd2 = dup(fd);
		storm_map(fd);
		close(fd);
		storm_file(fd2);
		close(fd2);
	}
}

static bool delete_module(void)
{
	return !syscall(SYS_delete_module, driver, O_NONBLOCK);
}

/* Each operation has succeeded, and each has come too late. */
static bool seen_all(void)
{
	int i;

	for (i = 0; i < OPS; i++)
		if (!shared->count[i].good || !shared->count[i].gone)
			return false;
	return true;
}

/* A file is open all the time, and so the module stays. */
static bool bind_loop(int *unbinds, int *refused, long *longest)
{
	long start = now_ms(), t;
	bool ok = true;
	int fd;

	while (ok && storm_goes_on(start, seen_all())) {
		ok &= CHECK(do_bind());
		fd = open_node("", 0);
		ok &= CHECK(fd >= 0);
		sleep_ms(20 + *unbinds * 37 % 200);
		ok &= CHECK(!delete_module()) && CHECK(errno == EAGAIN);
		t = now_ms();
		ok &= CHECK(do_unbind());
		t = now_ms() - t;
		if (t > *longest)
			*longest = t;
		ok &= CHECK(!delete_module()) && CHECK(errno == EAGAIN);
		*refused += 2;
		++*unbinds;
		close(fd);
	}
	return ok;
}

/* When the last file is closed: the processes cannot open another. */
static bool unload(int *tries)
{
	long start = now_ms();

	do {
		++*tries;
		if (delete_module())
			return true;
		sched_yield();
	} while (now_ms() - start < 6 * SOON_MS);
	return CHECK(!"unloaded");
}

static bool test_storm(void)
{
	int i, unbinds = 0, refused = 0, tries = 0, status;
	pid_t pids[PROCESSES];
	unsigned long other = 0;
	long longest = 0;
	bool ok;

	for (i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		if (!pids[i]) {
			storm_process(i);
			_exit(0);
		}
	}
	ok = bind_loop(&unbinds, &refused, &longest);
	ok &= unload(&tries);
	__atomic_store_n(&shared->over, true, __ATOMIC_RELAXED);
	for (i = 0; i < PROCESSES; i++) {
		ok &= CHECK(waitpid(pids[i], &status, 0) == pids[i]);
		ok &= CHECK(!status);
	}
	printf("# %d unbinds, longest %ld ms; rmmod refused %d times, and let go after %d\n",
	       unbinds, longest, refused, tries);
	for (i = 0; i < OPS; i++) {
		printf("# %s: %lu good, %lu gone\n", op_names[i],
		       shared->count[i].good, shared->count[i].gone);
		ok &= CHECK(shared->count[i].good) && CHECK(shared->count[i].gone);
		other += shared->count[i].other;
	}
	return ok && CHECK(!other) && CHECK(longest < SOON_MS);
}

static const struct test tests[] = {
	{ "storm", test_storm },
};

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = sigbus };

	if (argc < 2) {
		fprintf(stderr, "usage: %s DRIVER\n", argv[0]);
		return 4;
	}
	driver = argv[1];
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	sigaction(SIGBUS, &action, NULL);
	return run_tests(tests, ARRAY_SIZE(tests));
}
