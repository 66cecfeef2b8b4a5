/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A page whose fault nobody serves, until fault_resolve(): what user space can do
 * to a driver that copies from it, with FUSE as with userfaultfd.
 */
#ifndef _SELFTESTS_KOBJTREE_FAULT_H
#define _SELFTESTS_KOBJTREE_FAULT_H

#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "unbind.h"

static struct {
	int fd;
	char *page;
} fault;

static inline bool fault_setup(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	size_t size = sysconf(_SC_PAGESIZE);

	fault.fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (!CHECK(fault.fd >= 0) || !CHECK(!ioctl(fault.fd, UFFDIO_API, &api)))
		return false;
	fault.page = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	reg.range.start = (unsigned long)fault.page;
	reg.range.len = size;
	return CHECK(!ioctl(fault.fd, UFFDIO_REGISTER, &reg));
}

static inline bool fault_resolve(void)
{
	struct uffdio_zeropage zero = {
		.range.start = (unsigned long)fault.page,
		.range.len = sysconf(_SC_PAGESIZE),
	};

	return CHECK(!ioctl(fault.fd, UFFDIO_ZEROPAGE, &zero));
}

/* Somebody is in the fault. */
static inline bool fault_pending(void)
{
	struct pollfd pfd = { .fd = fault.fd, .events = POLLIN };

	return CHECK(poll(&pfd, 1, SOON_MS) == 1) && CHECK(pfd.revents == POLLIN);
}

static inline void fault_end(void)
{
	close(fault.fd);
	munmap(fault.page, sysconf(_SC_PAGESIZE));
}

#endif /* _SELFTESTS_KOBJTREE_FAULT_H */
