// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each operation of a character device before, while and after it is unbound.
 *
 * Usage: chrdev_ops DRIVER [FLAVOUR]
 *
 * DRIVER is modules/kobjtree_test_chrdev.c, whose operations stop where its
 * parameters say: so the order of things is forced here, and not met by chance.
 * FLAVOUR is ".misc" for its device of the misc core.
 */
#define _GNU_SOURCE
#include <linux/io_uring.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "modules/chrdev.h"
#include "fault.h"
#include "unbind.h"

static long page;

/* What comes behind the driver's name in that of the node. */
static const char *flavour = "";

static bool set(const char *param, const char *val)
{
	char dir[128];

	snprintf(dir, sizeof(dir), "/sys/module/%s/parameters", driver);
	return CHECK(sysfs_write(dir, param, val));
}

static int get(const char *param)
{
	char path[192], text[16] = "";
	int fd;

	snprintf(path, sizeof(path), "/sys/module/%s/parameters/%s", driver,
		 param);
	fd = open(path, O_RDONLY);
	if (read(fd, text, sizeof(text) - 1) <= 0)
		fail("cannot read %s", path);
	close(fd);
	return atoi(text);
}

static int bind_and_open(int flags)
{
	return do_bind() ? open_node(flavour, flags) : -1;
}

/* True within @ms. */
#define WITHIN(ms, cond) ({						\
	long __start = now_ms();					\
									\
	while (!(cond) && now_ms() - __start < (ms))			\
		sleep_ms(10);						\
	CHECK(cond);							\
})

#define SOON(cond)	WITHIN(SOON_MS, cond)

/* Some kernels delay a release on purpose: that of a cdev, and of its device. */
#define RELEASED()	WITHIN(4 * SOON_MS, !get("objects"))

static bool enodev(long ret, const char *what)
{
	if (ret == -1 && errno == ENODEV)
		return true;
	return fail("%s: %ld, %s", what, ret, strerror(errno));
}

/* All objects of earlier tests are gone. */
static bool settle(void)
{
	return CHECK(do_unbind()) && RELEASED();
}

/* === Sleepers, and the unbind as one of them === */

static bool start(struct sleeper *s, int (*fn)(int fd), int fd)
{
	*s = (struct sleeper) { .fn = fn, .fd = fd };
	return CHECK(!pthread_create(&s->thread, NULL, sleeper_main, s));
}

static int unbind_fn(int fd)
{
	return do_unbind() ? 0 : -1;
}

/* Who is in the ioctl. */
static int hold_tid;

static int hold_fn(int fd)
{
	hold_tid = syscall(SYS_gettid);
	return ioctl(fd, TEST_HOLD);
}

static int hold_wait_fn(int fd)
{
	return ioctl(fd, TEST_HOLD_WAIT);
}

static int read_fn(int fd)
{
	char byte;

	return pread(fd, &byte, 1, 0);
}

static int write_fn(int fd)
{
	return pwrite(fd, "", 1, 0);
}

static bool marked(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1 && pfd.revents == (POLLERR | POLLHUP);
}

/* Ended with @ret, and with @err if that is -1. */
static bool ended(struct sleeper *s, int ret, int err)
{
	bool ok = sleeper_join(s);

	if (!ok || s->ret != ret || (ret == -1 && s->err != err))
		return fail("returned %d, %s", s->ret, strerror(s->err));
	return true;
}

/* @fn is held in its section, and @unbind waits for it. */
static bool held(struct sleeper *s, int (*fn)(int fd), int fd,
		 struct sleeper *unbind)
{
	return set("hold", "1") && start(s, fn, fd) && SOON(get("holding")) &&
	       start(unbind, unbind_fn, -1) && SOON(marked(fd));
}

/* === Before === */

static bool test_positions(void)
{
	/* Not known to the compiler. */
	void *volatile nowhere = (void *)8;
	int fd = bind_and_open(0);
	char buf[16] = "";
	bool ok;

	ok = CHECK(fd >= 0) && CHECK(write(fd, "hello", 5) == 5);
	ok = ok && CHECK(lseek(fd, 1, SEEK_SET) == 1);
	ok = ok && CHECK(read(fd, buf, 3) == 3) && CHECK(!memcmp(buf, "ell", 3));
	ok = ok && CHECK(lseek(fd, 0, SEEK_CUR) == 4);
	ok = ok && CHECK(pread(fd, buf, 1, 0) == 1) && CHECK(*buf == 'h');
	ok = ok && CHECK(lseek(fd, 0, SEEK_CUR) == 4);
	ok = ok && CHECK(lseek(fd, 0, SEEK_END) == TEST_PAGES * page);
	ok = ok && CHECK(read(fd, buf, 1) == 0);
	ok = ok && CHECK(write(fd, buf, 1) == -1 && errno == ENOSPC);
	ok = ok && CHECK(lseek(fd, -1, SEEK_SET) == -1 && errno == EINVAL);
	/* A copy that fails moves nothing. */
	ok = ok && CHECK(lseek(fd, 0, SEEK_SET) == 0);
	ok = ok && CHECK(read(fd, nowhere, 1) == -1 && errno == EFAULT);
	ok = ok && CHECK(write(fd, nowhere, 1) == -1 && errno == EFAULT);
	ok = ok && CHECK(lseek(fd, 0, SEEK_CUR) == 0);
	close(fd);
	return ok;
}

/* A page at most is copied, and larger arguments than the stack takes. */
static bool test_large(void)
{
	size_t size = TEST_PAGES * page, i;
	int fd = bind_and_open(0);
	struct test_flip flip;
	char *buf = malloc(size);
	bool ok;

	for (i = 0; i < size; i++)
		buf[i] = i % 251;
	ok = CHECK(fd >= 0) && CHECK(pwrite(fd, buf, size, 0) == page);
	ok = ok && CHECK(pwrite(fd, buf, 2 * page, page) == page);
	memset(buf, 0, size);
	ok = ok && CHECK(pread(fd, buf, size, page) == page);
	for (i = 0; ok && i < (size_t)page; i++)
		ok = CHECK(buf[i] == (char)(i % 251));
	memset(&flip, 0x5a, sizeof(flip));
	ok = ok && CHECK(!ioctl(fd, TEST_FLIP, &flip));
	for (i = 0; ok && i < sizeof(flip.bytes); i++)
		ok = CHECK(flip.bytes[i] == 0xa5);
	free(buf);
	close(fd);
	return ok;
}

/* What a 32-bit program passes is found by its own table first. */
static bool test_compat(void)
{
	int fd = bind_and_open(0), raw = open_node(".raw", 0);
	struct test_compat compat = { .fd = fd, .cmd = TEST_DOUBLE_32 };
	__u32 *low;
	bool ok;

	low = mmap((void *)0x10000000, page, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	ok = CHECK(fd >= 0) && CHECK(raw >= 0) && CHECK(low != MAP_FAILED);
	if (!ok)
		return false;
	low[0] = 21;
	low[1] = 1;
	/* The upper half of a pointer is not part of it. */
	compat.arg = (1ul << 32) + (unsigned long)low;
	ok = CHECK(ioctl(raw, TEST_COMPAT, &compat) == 32);
	ok &= CHECK(low[0] == 42 && low[1] == 1);
	compat.cmd = TEST_DOUBLE;
	ok &= CHECK(ioctl(raw, TEST_COMPAT, &compat) == -1 && errno == EINVAL);
	/* Not of a 32-bit program, but of an old one: the rest is zero. */
	ok &= CHECK(ioctl(fd, TEST_DOUBLE_32, low) == 0);
	ok &= CHECK(low[0] == 84 && low[1] == 1);
	compat.cmd = TEST_FLIP;
	ok &= CHECK(ioctl(raw, TEST_COMPAT, &compat) == 0);
	ok &= CHECK(low[0] == ~84u && low[1] == ~1u);
	compat.cmd = _IO('k', 99);
	ok &= CHECK(ioctl(raw, TEST_COMPAT, &compat) == -1 && errno == ENOTTY);
	ok &= CHECK(do_unbind());
	ok &= enodev(ioctl(raw, TEST_COMPAT, &compat), "late compat");
	munmap(low, page);
	close(raw);
	close(fd);
	return ok;
}

/* === After === */

static bool test_late(void)
{
	struct test_flip flip;
	int fd = bind_and_open(0);
	bool ok;

	ok = CHECK(fd >= 0) && CHECK(do_unbind());
	ok &= enodev(read_fn(fd), "read") && enodev(write_fn(fd), "write");
	ok &= enodev(lseek(fd, 0, SEEK_SET), "lseek");
	ok &= enodev(ioctl(fd, TEST_FLIP, &flip), "ioctl");
	ok &= enodev(ioctl(fd, TEST_HOLD), "ioctl without an argument");
	ok &= enodev(fcntl(fd, F_SETFL, O_ASYNC), "O_ASYNC");
	ok &= enodev((long)mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0),
		     "mmap");
	ok &= CHECK(marked(fd));
	close(fd);
	return ok;
}

/* The hardware's half of a close runs while there is hardware, the other always. */
static bool test_close(void)
{
	int fd = bind_and_open(0), fd2 = dup(fd);
	int stops = get("stops"), releases = get("releases");
	bool ok;

	ok = CHECK(fd >= 0) && CHECK(fd2 >= 0);
	close(fd);
	ok &= CHECK(get("stops") == stops) && CHECK(get("releases") == releases);
	close(fd2);
	ok &= CHECK(get("stops") == stops + 1) &&
	      CHECK(get("releases") == releases + 1);
	fd = bind_and_open(0);
	ok &= CHECK(fd >= 0) && CHECK(do_unbind());
	close(fd);
	ok &= CHECK(get("stops") == stops + 1) &&
	      CHECK(get("releases") == releases + 2);
	return ok;
}

static int open_fn(int fd)
{
	return open_node(flavour, 0);
}

/* An open that the removal finds half done ends well, and its file is dead. */
static bool test_open_held(void)
{
	int fd = bind_and_open(0), fd2;
	struct sleeper open = {}, unbind = {};
	bool ok;

	ok = CHECK(fd >= 0) && set("hold", "3") && start(&open, open_fn, -1) &&
	     SOON(get("holding")) && start(&unbind, unbind_fn, -1) &&
	     SOON(marked(fd));
	sleep_ms(200);
	ok = ok && CHECK(!sleeper_ended(&open)) && CHECK(!sleeper_ended(&unbind));
	ok &= set("hold", "0") && CHECK(sleeper_join(&open)) &&
	      ended(&unbind, 0, 0);
	fd2 = open.ret;
	ok = ok && CHECK(fd2 >= 0) && CHECK(marked(fd2)) &&
	     enodev(read_fn(fd2), "read");
	close(fd2);
	close(fd);
	return ok;
}

static bool test_raw(void)
{
	int fd = do_bind() ? open_node(".raw", 0) : -1;
	int stops = get("stops"), releases = get("releases");
	char byte;
	bool ok;

	ok = CHECK(fd >= 0) && CHECK(read(fd, &byte, 1) == 1);
	ok &= CHECK(do_unbind());
	ok &= enodev(read(fd, &byte, 1), "read");
	ok &= CHECK(get("releases") == releases);
	close(fd);
	ok &= CHECK(get("releases") == releases + 1);
	return ok && CHECK(get("stops") == stops);
}

/* === Mappings === */

static __thread sigjmp_buf on_sigbus;

static void sigbus(int sig)
{
	siglongjmp(on_sigbus, 1);
}

/* The byte there, or -1 after SIGBUS. */
static int peek(volatile unsigned char *p)
{
	return sigsetjmp(on_sigbus, 1) ? -1 : *p;
}

static int poke(volatile unsigned char *p, int val)
{
	if (sigsetjmp(on_sigbus, 1))
		return -1;
	*p = val;
	return 0;
}

static unsigned char *map(int fd, size_t pages, int flags, long pgoff)
{
	return mmap(NULL, pages * page, PROT_READ | PROT_WRITE, flags, fd,
		    pgoff * page);
}

/* @pgoff: 0 for pages that are counted, TEST_PFNS for bare addresses */
static bool mapped(int fd, long pgoff)
{
	unsigned char *p = map(fd, 2, MAP_SHARED, pgoff);
	unsigned char *copy = map(fd, 1, MAP_PRIVATE, 0);
	unsigned char *late = map(fd, 1, MAP_SHARED, pgoff);
	bool ok;

	ok = CHECK(p != MAP_FAILED) && CHECK(copy != MAP_FAILED) &&
	     CHECK(late != MAP_FAILED);
	ok = ok && CHECK(pwrite(fd, "a", 1, 0) == 1) && CHECK(peek(p) == 'a');
	ok = ok && CHECK(!poke(p + page, 'b')) && CHECK(pread(fd, p, 1, page) == 1);
	ok = ok && CHECK(peek(p) == 'b') && CHECK(peek(copy) == 'b');
	ok = ok && CHECK(!poke(copy, 'c')) && CHECK(peek(p) == 'b');
	ok = ok && CHECK(!pgoff || map(fd, 1, MAP_PRIVATE, pgoff) == MAP_FAILED);
	ok = ok && CHECK(map(fd, TEST_PAGES + 1, MAP_SHARED, pgoff) == MAP_FAILED);
	ok = ok && CHECK(errno == EINVAL);
	ok = ok && CHECK(mremap(p, 2 * page, 3 * page, MREMAP_MAYMOVE) ==
			 MAP_FAILED) && CHECK(errno == EFAULT);
	close(fd);
	ok = ok && CHECK(peek(p) == 'b') && CHECK(do_unbind());
	ok = ok && CHECK(peek(p) == -1) && CHECK(poke(p, 1) == -1);
	ok = ok && CHECK(peek(p + page) == -1) && CHECK(peek(copy) == -1);
	ok = ok && CHECK(peek(late) == -1);
	munmap(p, 2 * page);
	munmap(copy, page);
	munmap(late, page);
	return ok;
}

static bool test_mmap(void)
{
	return mapped(bind_and_open(0), 0) & mapped(bind_and_open(0), TEST_PFNS);
}

/* Moved, split, and the child's copy: all of it goes. */
static bool test_mmap_moved(void)
{
	int fd = bind_and_open(0), status = -1, gone[2];
	unsigned char *p, *to;
	bool ok;
	pid_t pid;
	char c;

	ok = CHECK(fd >= 0) && CHECK(!pipe(gone));
	p = map(fd, 4, MAP_SHARED, 0);
	ok = ok && CHECK(p != MAP_FAILED) && CHECK(!poke(p, 1)) &&
	     CHECK(!poke(p + page, 2)) && CHECK(!poke(p + 3 * page, 3));
	to = mmap(NULL, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ok = ok && CHECK(mremap(p, page, page, MREMAP_MAYMOVE | MREMAP_FIXED,
				to) == to) && CHECK(peek(to) == 1);
	ok = ok && CHECK(!munmap(p + 2 * page, page));
	ok = ok && CHECK(!mprotect(p + 3 * page, page, PROT_READ));
	if (!ok)
		return false;
	close(fd);
	pid = fork();
	if (!pid) {
		/* In the middle of the removal, one is gone before the others. */
		ok = CHECK(peek(to) == 1) && CHECK(read(gone[0], &c, 1) == 1) &&
		     CHECK(peek(to) == -1) && CHECK(peek(p + page) == -1) &&
		     CHECK(peek(p + 3 * page) == -1);
		_exit(!ok);
	}
	sleep_ms(300);
	ok = CHECK(do_unbind()) && CHECK(peek(to) == -1) &&
	     CHECK(peek(p + page) == -1) && CHECK(peek(p + 3 * page) == -1);
	ok &= CHECK(write(gone[1], "", 1) == 1);
	ok &= CHECK(waitpid(pid, &status, 0) == pid) && CHECK(!status);
	close(gone[0]);
	close(gone[1]);
	munmap(to, page);
	munmap(p, 4 * page);
	return ok;
}

/* Another inode of the same device has another mapping of its own. */
static bool test_mmap_alias(void)
{
	int fd = bind_and_open(0), fd2 = -1;
	unsigned char *p, *p2;
	struct stat st;
	bool ok;

	ok = CHECK(fd >= 0) && CHECK(!fstat(fd, &st)) &&
	     CHECK(!mknod("/run/alias", S_IFCHR | 0600, st.st_rdev));
	fd2 = open("/run/alias", O_RDWR);
	ok = ok && CHECK(fd2 >= 0);
	p = map(fd, 1, MAP_SHARED, 0);
	p2 = map(fd2, 1, MAP_SHARED, 0);
	ok = ok && CHECK(!poke(p, 7)) && CHECK(peek(p2) == 7);
	close(fd);
	close(fd2);
	ok = ok && CHECK(do_unbind()) && CHECK(peek(p) == -1) &&
	     CHECK(peek(p2) == -1);
	fd2 = open("/run/alias", O_RDWR);
	ok &= CHECK(fd2 < 0 && (errno == ENXIO || errno == ENODEV));
	unlink("/run/alias");
	munmap(p, page);
	munmap(p2, page);
	return ok;
}

/* A driver with operations of its own maps at once; its mapping goes too. */
static bool test_mmap_raw(void)
{
	int fd = do_bind() ? open_node(".raw", 0) : -1;
	unsigned char *p = map(fd, 1, MAP_SHARED, 0);
	bool ok;

	ok = CHECK(fd >= 0) && CHECK(p != MAP_FAILED) && CHECK(peek(p) >= 0);
	close(fd);
	ok = ok && CHECK(do_unbind()) && CHECK(peek(p) == -1);
	munmap(p, page);
	return ok;
}

/* Copying to a mapping of the device itself faults outside the section. */
static bool test_mmap_read_into(void)
{
	int fd = bind_and_open(0);
	unsigned char *p = map(fd, 2, MAP_SHARED, 0);
	bool ok;

	ok = CHECK(fd >= 0) && CHECK(p != MAP_FAILED);
	ok = ok && CHECK(pwrite(fd, "xy", 2, 0) == 2);
	ok = ok && CHECK(pread(fd, p + page, 2, 0) == 2);
	ok = ok && CHECK(pwrite(fd, p + page + 1, 1, 0) == 1);
	ok = ok && CHECK(peek(p) == 'y');
	close(fd);
	munmap(p, 2 * page);
	return ok;
}

/*
 * The unbind waits for a fault, which maps, and then it unmaps. In a process of
 * its own, which cannot map anything meanwhile.
 */
static bool test_mmap_fault_held(void)
{
	int fd = bind_and_open(0), status = -1;
	unsigned char *p = map(fd, 1, MAP_SHARED, 0);
	struct sleeper unbind = {};
	bool ok;
	pid_t pid;

	ok = CHECK(fd >= 0) && CHECK(p != MAP_FAILED) && set("hold", "2");
	pid = fork();
	if (!pid) {
		peek(p);
		_exit(!SOON(peek(p) == -1));
	}
	ok = ok && SOON(get("holding")) && start(&unbind, unbind_fn, -1) &&
	     SOON(marked(fd));
	sleep_ms(200);
	ok = ok && CHECK(!sleeper_ended(&unbind)) && CHECK(get("holding"));
	ok &= set("hold", "0") && ended(&unbind, 0, 0) && CHECK(peek(p) == -1);
	ok &= CHECK(waitpid(pid, &status, 0) == pid) && CHECK(!status);
	munmap(p, page);
	close(fd);
	return ok;
}

/* === A page fault that nobody serves === */

static int read_fault_fn(int fd)
{
	return pread(fd, fault.page, 8, 0);
}

static int write_fault_fn(int fd)
{
	return pwrite(fd, fault.page, 8, 0);
}

static int ioctl_fault_fn(int fd)
{
	return ioctl(fd, TEST_FLIP, fault.page);
}

static int (*nobody_fn)(int fd);

/* Without any privilege, of this thread alone. */
static int nobody(int fd)
{
	return CHECK(!syscall(SYS_setresuid, 65534, 65534, 65534)) ?
	       nobody_fn(fd) : 0;
}

/* The unbind is over before @fn is, which returns @ret then. */
static bool faulting(int (*fn)(int fd), int ret)
{
	int fd = bind_and_open(0);
	struct sleeper s = {};
	bool ok;

	nobody_fn = fn;
	ok = CHECK(fd >= 0) && fault_setup() && start(&s, nobody, fd) &&
	     fault_pending() && CHECK(do_unbind()) && CHECK(!sleeper_ended(&s));
	ok = ok && fault_resolve() && ended(&s, ret, ENODEV);
	close(fd);
	fault_end();
	return ok;
}

/* What was read before the removal may be had. */
static bool test_page_fault_read(void)
{
	return faulting(read_fault_fn, 8);
}

static bool test_page_fault_write(void)
{
	return faulting(write_fault_fn, -1);
}

static bool test_page_fault_ioctl(void)
{
	return faulting(ioctl_fault_fn, -1);
}

/* === Acceptance scenarios === */

static bool send_fd(int socket, int fd)
{
	char control[CMSG_SPACE(sizeof(fd))] = "", byte = 0;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	return CHECK(sendmsg(socket, &msg, 0) == 1);
}

static int receive_fd(int socket)
{
	char control[CMSG_SPACE(sizeof(int))] = "", byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	int fd;

	if (!CHECK(recvmsg(socket, &msg, 0) == 1) || !CHECK(CMSG_FIRSTHDR(&msg)))
		return -1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

static bool module_is_busy(void)
{
	errno = 0;
	return syscall(SYS_delete_module, driver, O_NONBLOCK) == -1 &&
	       errno == EAGAIN;
}

/*
 * Opened, mapped, duplicated and sent to another process; unbound; closed here;
 * and then there. Or closed here first, and then unbound.
 */
static bool close_after_unbind(bool unbind_first)
{
	int fd = settle() ? bind_and_open(0) : -1, fd2 = dup(fd), pair[2];
	int releases = get("releases"), stops = get("stops"), status = -1;
	unsigned char *p = map(fd, 1, MAP_SHARED, 0);
	bool ok;
	char c;
	pid_t pid;

	ok = CHECK(fd >= 0) && CHECK(fd2 >= 0) && CHECK(p != MAP_FAILED) &&
	     CHECK(peek(p) >= 0) &&
	     CHECK(!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
	if (!ok)
		return false;
	pid = fork();
	if (!pid) {
		close(fd);
		close(fd2);
		munmap(p, page);
		fd = receive_fd(pair[0]);
		ok = CHECK(read(pair[0], &c, 1) == 1) && CHECK(marked(fd)) &&
		     enodev(read_fn(fd), "read") && CHECK(!close(fd));
		_exit(!ok);
	}
	ok = send_fd(pair[1], fd);
	if (unbind_first)
		ok &= CHECK(do_unbind()) && CHECK(peek(p) == -1);
	close(fd);
	close(fd2);
	munmap(p, page);
	ok &= CHECK(do_unbind());
	ok &= CHECK(get("releases") == releases);
	sleep_ms(3000);
	ok &= CHECK(get("objects") == 1);
	ok &= CHECK(module_is_busy());
	ok &= CHECK(write(pair[1], "", 1) == 1);
	ok &= CHECK(waitpid(pid, &status, 0) == pid) && CHECK(!status);
	ok &= CHECK(get("releases") == releases + 1);
	/* The removal has stopped the hardware. */
	ok &= CHECK(get("stops") == stops);
	ok &= RELEASED();
	close(pair[0]);
	close(pair[1]);
	return ok;
}

static bool test_s1_unbind_close(void)
{
	return close_after_unbind(true);
}

static bool test_s1_close_unbind_close(void)
{
	return close_after_unbind(false);
}

/* A is in, the gate is marked, B is refused on the same file, A ends well. */
static bool test_s2_in_flight(void)
{
	int fd = bind_and_open(0);
	struct sleeper a = {}, unbind = {};
	bool ok;

	ok = CHECK(fd >= 0) && held(&a, hold_fn, fd, &unbind);
	ok = ok && enodev(hold_fn(fd), "B") && enodev(read_fn(fd), "read");
	sleep_ms(200);
	ok = ok && CHECK(!sleeper_ended(&unbind)) && CHECK(!sleeper_ended(&a));
	ok &= set("hold", "0") && ended(&a, 0, 0) && ended(&unbind, 0, 0);
	close(fd);
	return ok;
}

/* A has found the gate live, and enters when all is over. */
static bool test_s2_about_to_enter(void)
{
	return faulting(ioctl_fault_fn, -1);
}

/* Two on one file, and the drain of another device in between. */
static bool test_s2_shared_file(void)
{
	const char *self = driver;
	int fd = bind_and_open(0);
	struct sleeper a = {}, b = {}, unbind = {};
	bool ok;

	ok = CHECK(fd >= 0) && set("hold", "1") && start(&a, hold_fn, fd) &&
	     SOON(get("holding") == 1);
	driver = "sensor_kobjtree";
	ok = ok && CHECK(do_bind()) && CHECK(do_unbind());
	driver = self;
	ok = ok && start(&b, hold_fn, fd) && SOON(get("holding") == 2);
	ok = ok && start(&unbind, unbind_fn, -1) && SOON(marked(fd));
	ok &= set("hold", "0") && ended(&a, 0, 0) && ended(&b, 0, 0) &&
	      ended(&unbind, 0, 0);
	close(fd);
	return ok;
}

/* A process that is killed in its section leaves it. */
static bool test_s2_killed(void)
{
	int fd = bind_and_open(0), status = -1;
	bool ok;
	pid_t pid;

	ok = CHECK(fd >= 0) && set("quiet", "1");
	pid = fork();
	if (!pid)
		_exit(read_fn(fd));
	sleep_ms(300);
	ok &= CHECK(!waitpid(pid, &status, WNOHANG)) && CHECK(!kill(pid, SIGKILL));
	ok &= CHECK(waitpid(pid, &status, 0) == pid) && CHECK(status == SIGKILL);
	ok &= CHECK(do_unbind()) && set("quiet", "0");
	close(fd);
	return ok;
}

static bool test_s3_sleeper(void)
{
	int fd = bind_and_open(0);
	bool ok;

	ok = CHECK(fd >= 0) && set("quiet", "1") && unbind_under(read_fn, fd);
	close(fd);
	fd = bind_and_open(0);
	ok = ok && CHECK(fd >= 0) && unbind_under(write_fn, fd);
	ok &= set("quiet", "0");
	close(fd);
	return ok;
}

/* Who comes to sleep after the wake does not. */
static bool test_s3_late_sleeper(void)
{
	int fd = bind_and_open(0);
	struct sleeper s = {}, unbind = {};
	bool ok;

	ok = CHECK(fd >= 0) && held(&s, hold_wait_fn, fd, &unbind);
	sleep_ms(200);
	ok = ok && CHECK(!sleeper_ended(&unbind));
	ok &= set("hold", "0") && ended(&s, -1, ENODEV) && ended(&unbind, 0, 0);
	close(fd);
	return ok;
}

/* The queue that epoll waits on is there until the close. */
static bool test_s3_epoll(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int fd = bind_and_open(0), ep = epoll_create1(0);
	bool ok;

	ok = CHECK(fd >= 0) && set("quiet", "1") &&
	     CHECK(!epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event)) &&
	     CHECK(epoll_wait(ep, &event, 1, 0) == 0) && CHECK(do_unbind()) &&
	     CHECK(epoll_wait(ep, &event, 1, SOON_MS) == 1) &&
	     CHECK(event.events == (EPOLLERR | EPOLLHUP)) &&
	     CHECK(!epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL)) &&
	     CHECK(!epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event)) &&
	     CHECK(epoll_wait(ep, &event, 1, 0) == 1);
	ok &= set("quiet", "0");
	close(fd);
	close(ep);
	return ok;
}

static bool logged(const char *text)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	char line[8192];
	bool found = false;
	ssize_t n;

	while (!found && ((n = read(fd, line, sizeof(line) - 1)) > 0 ||
			  errno == EPIPE)) {
		line[n > 0 ? n : 0] = '\0';
		found = strstr(line, text);
	}
	close(fd);
	return found;
}

/* What lockdep alone knows is not said without it. */
static bool have_lockdep(void)
{
	return !access("/proc/lockdep", F_OK);
}

/* Nothing wakes it: the drain waits, says so, and gives nothing up. */
static bool test_s3_no_wake(void)
{
	int fd = settle() ? bind_and_open(0) : -1;
	struct sleeper s = {}, unbind = {};
	char who[64];
	bool ok;

	ok = CHECK(fd >= 0) && held(&s, hold_fn, fd, &unbind);
	sleep_ms(11000);
	snprintf(who, sizeof(who), "held by chrdev_ops/%d:", hold_tid);
	ok = ok && CHECK(!sleeper_ended(&unbind)) && CHECK(!sleeper_ended(&s)) &&
	     CHECK(get("objects") == 1) &&
	     CHECK(logged("test_chrdev: drain waits for 1 sections for 10 s")) &&
	     CHECK(!have_lockdep() || logged(who));
	ok &= set("hold", "0") && ended(&s, 0, 0) && ended(&unbind, 0, 0);
	close(fd);
	return ok && RELEASED();
}

/* === A freezable sleep === */

#define FREEZER		"/run/freezer"
#define FREEZER_TEST	FREEZER "/test"

static bool freezer_set(const char *file, const char *text)
{
	return CHECK(sysfs_write(FREEZER_TEST, file, text));
}

static bool frozen(void)
{
	int fd = open(FREEZER_TEST "/freezer.state", O_RDONLY);
	char text[16] = "";
	bool ok = CHECK(read(fd, text, sizeof(text) - 1) > 0);

	close(fd);
	return ok && !strcmp(text, "FROZEN\n");
}

/* Return: a process that sleeps freezably in @fd, and is frozen there. */
static pid_t freeze_in(int fd)
{
	char text[16];
	pid_t pid = fork();

	if (!pid)
		_exit(ioctl(fd, TEST_FREEZABLE));
	snprintf(text, sizeof(text), "%d", pid);
	if (!SOON(get("holding")) || !freezer_set("tasks", text))
		return -1;
	sleep_ms(200);
	return freezer_set("freezer.state", "FROZEN") && SOON(frozen()) ? pid : -1;
}

static bool thaw_and_kill(pid_t pid)
{
	int status = -1;

	return freezer_set("freezer.state", "THAWED") &&
	       CHECK(!kill(pid, SIGKILL)) &&
	       CHECK(waitpid(pid, &status, 0) == pid) && CHECK(status == SIGKILL);
}

/* Who freezes user space would hold up a removal: the freezer says so. */
static bool test_freezable(void)
{
	int fd = bind_and_open(0), raw = open_node(".raw", 0);
	struct sleeper unbind = {};
	pid_t pid;
	bool ok;

	mkdir(FREEZER, 0700);
	ok = CHECK(fd >= 0) && CHECK(raw >= 0) &&
	     CHECK(!mount("none", FREEZER, "cgroup", 0, "freezer")) &&
	     CHECK(!mkdir(FREEZER_TEST, 0700) || errno == EEXIST);
	/* It warns once. */
	ok = ok && CHECK(sysfs_write("/sys/kernel/debug", "clear_warn_once", "1"));
	if (!ok)
		return false;

	pid = freeze_in(raw);
	ok = pid > 0 && thaw_and_kill(pid);

	ok &= CHECK(!have_lockdep() ||
		    sysfs_write("/dev", "kmsg", "kobjtree-expect: __set_task_frozen"));
	pid = freeze_in(fd);
	ok &= pid > 0 && start(&unbind, unbind_fn, -1) && SOON(marked(fd));
	sleep_ms(200);
	ok = ok && CHECK(!sleeper_ended(&unbind));
	ok &= thaw_and_kill(pid) && ended(&unbind, 0, 0);
	close(fd);
	close(raw);
	ok &= CHECK(!rmdir(FREEZER_TEST)) & CHECK(!umount(FREEZER));
	return ok;
}

/* === io_uring === */

struct ring {
	int fd;
	unsigned char *rings;
	struct io_uring_sqe *sqes;
	struct io_uring_params p;
};

#define RING_SIZE	65536

static bool ring_open(struct ring *r)
{
	*r = (struct ring) { .fd = -1 };
	r->fd = syscall(SYS_io_uring_setup, 8, &r->p);
	if (!CHECK(r->fd >= 0))
		return false;
	r->rings = mmap(NULL, RING_SIZE, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQ_RING);
	r->sqes = mmap(NULL, 8 * sizeof(*r->sqes), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQES);
	return CHECK(r->p.features & IORING_FEAT_SINGLE_MMAP) &&
	       CHECK(r->rings != MAP_FAILED) && CHECK(r->sqes != MAP_FAILED);
}

static void ring_close(struct ring *r)
{
	munmap(r->rings, RING_SIZE);
	munmap(r->sqes, 8 * sizeof(*r->sqes));
	close(r->fd);
}

#define RING(r, offset)	((unsigned int *)((r)->rings + (offset)))

static bool ring_submit(struct ring *r, const struct io_uring_sqe *sqe)
{
	unsigned int tail = *RING(r, r->p.sq_off.tail);
	unsigned int i = tail & *RING(r, r->p.sq_off.ring_mask);

	r->sqes[i] = *sqe;
	RING(r, r->p.sq_off.array)[i] = i;
	__atomic_store_n(RING(r, r->p.sq_off.tail), tail + 1, __ATOMIC_RELEASE);
	return CHECK(syscall(SYS_io_uring_enter, r->fd, 1, 0, 0, NULL, 0) == 1);
}

/* One completion within SOON_MS, in @res. */
static bool ring_next(struct ring *r, int *res)
{
	unsigned int head = *RING(r, r->p.cq_off.head);
	struct io_uring_cqe *cqe;
	bool ok;

	ok = SOON(__atomic_load_n(RING(r, r->p.cq_off.tail),
				  __ATOMIC_ACQUIRE) != head);
	cqe = (struct io_uring_cqe *)(r->rings + r->p.cq_off.cqes) +
	      (head & *RING(r, r->p.cq_off.ring_mask));
	*res = cqe->res;
	__atomic_store_n(RING(r, r->p.cq_off.head), head + 1, __ATOMIC_RELEASE);
	return ok;
}

/* In flight when the device goes: @res is what it ends with. */
static bool ring_unbind(struct io_uring_sqe *sqe, int expected)
{
	int fd = bind_and_open(0), res = 0;
	char byte = 0;
	struct ring r;
	bool ok;

	sqe->fd = fd;
	if (sqe->opcode != IORING_OP_POLL_ADD) {
		sqe->addr = (unsigned long)&byte;
		sqe->len = 1;
	}
	ok = CHECK(fd >= 0) && set("quiet", "1") && ring_open(&r);
	if (!ok)
		return false;
	ok = ring_submit(&r, sqe);
	sleep_ms(200);
	ok &= CHECK(*RING(&r, r.p.cq_off.tail) == 0);
	ok &= CHECK(do_unbind()) && ring_next(&r, &res);
	if (res != expected)
		ok = fail("opcode %d: %d", sqe->opcode, res);
	/* The same once more, now late. */
	ok &= ring_submit(&r, sqe) && ring_next(&r, &res);
	if (res != expected)
		ok = fail("late opcode %d: %d", sqe->opcode, res);
	ok &= set("quiet", "0");
	close(fd);
	ring_close(&r);
	return ok;
}

static bool test_io_uring_read(void)
{
	struct io_uring_sqe sqe = { .opcode = IORING_OP_READ };

	return ring_unbind(&sqe, -ENODEV);
}

static bool test_io_uring_write(void)
{
	struct io_uring_sqe sqe = { .opcode = IORING_OP_WRITE };

	return ring_unbind(&sqe, -ENODEV);
}

/* In a worker, which cannot be told to go away. */
static bool test_io_uring_async(void)
{
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_READ, .flags = IOSQE_ASYNC,
	};

	return ring_unbind(&sqe, -ENODEV);
}

static bool test_io_uring_poll(void)
{
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_POLL_ADD, .poll32_events = POLLIN,
	};

	return ring_unbind(&sqe, POLLERR | POLLHUP);
}

/* === Each allocation fails once === */

static int op_open(int fd)
{
	fd = open_node(flavour, 0);
	return fd < 0 ? -1 : close(fd);
}

static int op_read(int fd)
{
	char buf[1024];

	return pread(fd, buf, sizeof(buf), 0) < 0 ? -1 : 0;
}

static int op_write(int fd)
{
	char buf[1024] = "";

	return pwrite(fd, buf, sizeof(buf), 0) < 0 ? -1 : 0;
}

static int op_ioctl(int fd)
{
	struct test_flip flip = {};

	return ioctl(fd, TEST_FLIP, &flip);
}

static int op_fasync(int fd)
{
	return fcntl(fd, F_SETFL, O_ASYNC) ?: fcntl(fd, F_SETFL, 0);
}

static int op_llseek(int fd)
{
	return lseek(fd, 0, SEEK_SET) ? -1 : 0;
}

/* More of them than have their place on the stack. */
static int op_poll(int fd)
{
	struct pollfd pfds[64];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(pfds); i++)
		pfds[i] = (struct pollfd){ .fd = fd, .events = POLLIN };
	return poll(pfds, ARRAY_SIZE(pfds), 0) == ARRAY_SIZE(pfds) ? 0 : -1;
}

static int op_epoll(int fd)
{
	struct epoll_event event = { .events = EPOLLIN };
	int ep = epoll_create1(0), ret;

	if (ep < 0)
		return -1;
	ret = epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event);
	close(ep);
	return ret;
}

/* That may need memory, too; but no more than one allocation fails. */
static int unmap(void *p)
{
	int ret = munmap(p, page);

	return ret && errno == ENOMEM ? munmap(p, page) : ret;
}

static int op_mmap(int fd)
{
	unsigned char *p = map(fd, 1, MAP_SHARED, 0);

	return p == MAP_FAILED ? -1 : unmap(p);
}

/* Far from all else, so that there is no table yet. */
static int touch_at(int fd, long pgoff)
{
	unsigned char *p = mmap((void *)(64ul << 30), page, PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_FIXED_NOREPLACE, fd,
				pgoff * page);
	int byte;

	if (p == MAP_FAILED)
		return -1;
	byte = peek(p);
	unmap(p);
	errno = EFAULT;
	return byte < 0 ? -1 : 0;
}

/* A fault without memory is tried again, and not SIGBUS. */
static int op_touch(int fd)
{
	return touch_at(fd, 0);
}

static int op_touch_pfn(int fd)
{
	return touch_at(fd, TEST_PFNS);
}

/* An operation of @fd that may fail for want of memory, and for nothing else. */
struct op {
	const char *name;
	int (*fn)(int fd);
	bool fails;		/* has an allocation that it cannot do without */
	int fd;
	bool wrong;
};

static bool op_try(void *arg)
{
	struct op *op = arg;

	if (!op->fn(op->fd))
		return true;
	if (errno != ENOMEM && errno != EAGAIN)
		op->wrong = !fail("%s: %s", op->name, strerror(errno));
	return false;
}

static bool op_undo(void *arg)
{
	return true;
}

static bool test_fail_nth(void)
{
	struct op ops[] = {
		{ "open", op_open }, { "read", op_read, true },
		{ "write", op_write, true }, { "llseek", op_llseek },
		{ "ioctl", op_ioctl, true }, { "poll", op_poll, true },
		{ "epoll", op_epoll, true }, { "fasync", op_fasync, true },
		{ "mmap", op_mmap, true }, { "touch", op_touch, true },
		{ "touch_pfn", op_touch_pfn, true },
	};
	int fd, failed;
	size_t i;
	bool ok;

	if (cannot_fail())
		return true;
	fd = bind_and_open(0);
	ok = CHECK(fd >= 0);
	/* Tables, and poll's entries, are pages. */
	sysfs_write("/sys/kernel/debug/fail_page_alloc", "ignore-gfp-wait", "N");
	sysfs_write("/sys/kernel/debug/fail_page_alloc", "min-order", "0");
	sysfs_write("/sys/kernel/debug/fail_page_alloc", "verbose", "0");
	for (i = 0; ok && i < ARRAY_SIZE(ops); i++) {
		ops[i].fd = fd;
		ok = fail_each(ops[i].name, op_try, op_undo, &ops[i], &failed) &&
		     CHECK(!ops[i].wrong) && CHECK(!ops[i].fails || failed);
	}
	sysfs_write("/sys/kernel/debug/fail_page_alloc", "min-order", "1");
	close(fd);
	return ok && settle();
}

/* A probe that fails leaves no object, no node, and no minor. */
static bool test_fail_nth_bind(void)
{
	return fail_each_of_probe() && settle();
}

#define TEST(name)	{ #name, test_##name }

static const struct test tests[] = {
	TEST(positions),
	TEST(large),
	TEST(compat),
	TEST(late),
	TEST(close),
	TEST(open_held),
	TEST(raw),
	TEST(mmap),
	TEST(mmap_moved),
	TEST(mmap_alias),
	TEST(mmap_raw),
	TEST(mmap_read_into),
	TEST(mmap_fault_held),
	TEST(page_fault_read),
	TEST(page_fault_write),
	TEST(page_fault_ioctl),
	TEST(s1_unbind_close),
	TEST(s1_close_unbind_close),
	TEST(s2_in_flight),
	TEST(s2_about_to_enter),
	TEST(s2_shared_file),
	TEST(s2_killed),
	TEST(s3_sleeper),
	TEST(s3_late_sleeper),
	TEST(s3_epoll),
	TEST(s3_no_wake),
	TEST(freezable),
	TEST(io_uring_read),
	TEST(io_uring_write),
	TEST(io_uring_async),
	TEST(io_uring_poll),
	TEST(fail_nth),
	TEST(fail_nth_bind),
};

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = sigbus };

	if (argc < 2) {
		fprintf(stderr, "usage: %s DRIVER [FLAVOUR]\n", argv[0]);
		return 4;
	}
	driver = argv[1];
	if (argc > 2)
		flavour = argv[2];
	page = sysconf(_SC_PAGESIZE);
	sigaction(SIGBUS, &action, NULL);
	return run_tests(tests, ARRAY_SIZE(tests));
}
