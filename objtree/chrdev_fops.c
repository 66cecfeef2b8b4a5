// SPDX-License-Identifier: GPL-2.0-only
/*
 * File operations of character devices, around those of the driver, which run in
 * sections and never see user memory.
 *
 * Invariant: the driver is called inside the gate only, and user memory is
 * copied outside of it: a page fault can take as long as user space likes. From
 * the mark on, each operation is -ENODEV, poll an error, and nothing is copied.
 */
#include <linux/compat.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "chrdev.h"

/* As much of an argument goes on the stack. */
#define KOBJTREE_CHRDEV_STACK	128

/* === Kernel copies of what user space passes === */

struct kobjtree_chrdev_buf {
	void *p;
	u8 stack[KOBJTREE_CHRDEV_STACK] __aligned(sizeof(u64));
};

static int kobjtree_chrdev_buf_get(struct kobjtree_chrdev_buf *buf,
				   struct kobjtree_chrdev *chr, size_t size)
{
	if (kobjtree_marked(&chr->bound->gate))
		return -ENODEV;
	buf->p = buf->stack;
	if (size > sizeof(buf->stack))
		buf->p = kvmalloc(size, GFP_KERNEL);
	return buf->p ? 0 : -ENOMEM;
}

static void kobjtree_chrdev_buf_put(struct kobjtree_chrdev_buf *buf)
{
	if (buf->p != buf->stack)
		kvfree(buf->p);
}

/* === Read and write === */

typedef ssize_t (*kobjtree_chrdev_io)(struct file *file, struct iov_iter *iter,
				      loff_t pos);

/* One call of the driver; what it says it did is bounded by what it did. */
static ssize_t kobjtree_chrdev_io_gated(struct kiocb *iocb,
					kobjtree_chrdev_io io,
					unsigned int direction,
					void *p, size_t size)
{
	struct kobjtree_chrdev *chr = kobjtree_chrdev_of(iocb->ki_filp);
	struct kvec kvec = { .iov_base = p, .iov_len = size };
	struct iov_iter iter;
	ssize_t ret;

	CLASS(kobjtree_section, section)(&chr->bound->gate);

	if (!section)
		return -ENODEV;
	iov_iter_kvec(&iter, direction, &kvec, 1, size);
	ret = io(iocb->ki_filp, &iter, iocb->ki_pos);
	return min_t(ssize_t, ret, size - iov_iter_count(&iter));
}

static ssize_t kobjtree_chrdev_read(struct kiocb *iocb, struct iov_iter *to)
{
	struct kobjtree_chrdev *chr = kobjtree_chrdev_of(iocb->ki_filp);
	size_t size = min_t(size_t, iov_iter_count(to), PAGE_SIZE);
	struct kobjtree_chrdev_buf buf;
	ssize_t ret;

	ret = kobjtree_chrdev_buf_get(&buf, chr, size);
	if (ret)
		return ret;
	ret = kobjtree_chrdev_io_gated(iocb, chr->ops->read, ITER_DEST, buf.p,
				       size);
	if (ret > 0 && copy_to_iter(buf.p, ret, to) != ret)
		ret = -EFAULT;
	if (ret > 0)
		iocb->ki_pos += ret;
	kobjtree_chrdev_buf_put(&buf);
	return ret;
}

static ssize_t kobjtree_chrdev_write(struct kiocb *iocb, struct iov_iter *from)
{
	struct kobjtree_chrdev *chr = kobjtree_chrdev_of(iocb->ki_filp);
	size_t size = min_t(size_t, iov_iter_count(from), PAGE_SIZE);
	struct kobjtree_chrdev_buf buf;
	ssize_t ret;

	ret = kobjtree_chrdev_buf_get(&buf, chr, size);
	if (ret)
		return ret;
	ret = -EFAULT;
	if (copy_from_iter_full(buf.p, size, from))
		ret = kobjtree_chrdev_io_gated(iocb, chr->ops->write,
					       ITER_SOURCE, buf.p, size);
	if (ret > 0)
		iocb->ki_pos += ret;
	kobjtree_chrdev_buf_put(&buf);
	return ret;
}

/* === ioctl === */

/* The sizes may differ. */
static const struct kobjtree_chrdev_ioctl *
kobjtree_chrdev_find(const struct kobjtree_chrdev_ioctl *ioctl, unsigned int cmd)
{
	for (; ioctl && ioctl->fn; ioctl++)
		if (!((ioctl->cmd ^ cmd) & ~IOCSIZE_MASK))
			return ioctl;
	return NULL;
}

static long kobjtree_chrdev_ioctl_gated(struct file *file,
					const struct kobjtree_chrdev_ioctl *ioctl,
					void *arg)
{
	struct kobjtree_chrdev *chr = kobjtree_chrdev_of(file);

	CLASS(kobjtree_section, section)(&chr->bound->gate);

	return section ? ioctl->fn(file, arg) : -ENODEV;
}

/* @size: as user space sees the argument, at most as the driver does */
static long kobjtree_chrdev_ioctl_copy(struct file *file,
				       const struct kobjtree_chrdev_ioctl *ioctl,
				       void __user *arg, void *p, size_t size)
{
	unsigned int direction = _IOC_DIR(ioctl->cmd);
	long ret;

	memset(p, 0, _IOC_SIZE(ioctl->cmd));
	if (direction & _IOC_WRITE && copy_from_user(p, arg, size))
		return -EFAULT;
	ret = kobjtree_chrdev_ioctl_gated(file, ioctl, p);
	if (ret >= 0 && direction & _IOC_READ && copy_to_user(arg, p, size))
		ret = -EFAULT;
	return ret;
}

static long kobjtree_chrdev_ioctl_run(struct file *file,
				      const struct kobjtree_chrdev_ioctl *ioctl,
				      unsigned int cmd, unsigned long arg)
{
	struct kobjtree_chrdev *chr = kobjtree_chrdev_of(file);
	struct kobjtree_chrdev_buf buf;
	long ret;

	if (!ioctl)
		return kobjtree_marked(&chr->bound->gate) ? -ENODEV : -ENOTTY;
	if (_IOC_DIR(cmd) == _IOC_NONE)
		return kobjtree_chrdev_ioctl_gated(file, ioctl, (void *)arg);
	ret = kobjtree_chrdev_buf_get(&buf, chr, _IOC_SIZE(ioctl->cmd));
	if (ret)
		return ret;
	ret = -EINVAL;
	if (_IOC_SIZE(cmd) <= _IOC_SIZE(ioctl->cmd))
		ret = kobjtree_chrdev_ioctl_copy(file, ioctl,
						 (void __user *)arg, buf.p,
						 _IOC_SIZE(cmd));
	kobjtree_chrdev_buf_put(&buf);
	return ret;
}

static long kobjtree_chrdev_ioctl(struct file *file, unsigned int cmd,
				  unsigned long arg)
{
	const struct kobjtree_chrdev_ops *ops = kobjtree_chrdev_of(file)->ops;

	return kobjtree_chrdev_ioctl_run(file,
					 kobjtree_chrdev_find(ops->ioctls, cmd),
					 cmd, arg);
}

static long kobjtree_chrdev_compat_ioctl(struct file *file, unsigned int cmd,
					 unsigned long arg)
{
	const struct kobjtree_chrdev_ops *ops = kobjtree_chrdev_of(file)->ops;
	const struct kobjtree_chrdev_ioctl *ioctl;

	ioctl = kobjtree_chrdev_find(ops->compat_ioctls, cmd);
	if (!ioctl)
		ioctl = kobjtree_chrdev_find(ops->ioctls, cmd);
	if (_IOC_DIR(cmd) != _IOC_NONE)
		arg = (unsigned long)compat_ptr(arg);
	return kobjtree_chrdev_ioctl_run(file, ioctl, cmd, arg);
}

/* === The other file operations === */

static loff_t kobjtree_chrdev_llseek(struct file *file, loff_t offset,
				     int whence)
{
	struct kobjtree_chrdev *chr = kobjtree_chrdev_of(file);

	CLASS(kobjtree_section, section)(&chr->bound->gate);

	return section ? chr->ops->llseek(file, offset, whence) : -ENODEV;
}

static __poll_t kobjtree_chrdev_poll(struct file *file,
				     struct poll_table_struct *wait)
{
	struct kobjtree_chrdev *chr = kobjtree_chrdev_of(file);

	/* The mark wakes it. */
	poll_wait(file, &chr->bound->gate.wait, wait);

	CLASS(kobjtree_section, section)(&chr->bound->gate);

	if (!section)
		return EPOLLHUP | EPOLLERR;
	return chr->ops->poll ? chr->ops->poll(file, wait) : DEFAULT_POLLMASK;
}

/* Who is on the list when the last section ends gets the removal's signal. */
static int kobjtree_chrdev_fasync(int fd, struct file *file, int on)
{
	struct kobjtree_chrdev *chr = kobjtree_chrdev_of(file);

	if (!on)
		return fasync_helper(fd, file, 0, &chr->fasync);

	CLASS(kobjtree_section, section)(&chr->bound->gate);

	return section ? fasync_helper(fd, file, 1, &chr->fasync) : -ENODEV;
}

/* === Mappings === */

/*
 * A page is mapped in here, in the section: what is mapped after the drain would
 * not be unmapped by the removal.
 */
static vm_fault_t kobjtree_chrdev_fault_page(struct vm_fault *vmf)
{
	struct page *page = vmf->page;
	vm_fault_t ret;

	if (!page)
		return VM_FAULT_SIGBUS;
	vmf->page = NULL;
	ret = vmf_insert_page(vmf->vma, vmf->address, page);
	put_page(page);
	return ret;
}

static vm_fault_t kobjtree_chrdev_fault(struct vm_fault *vmf)
{
	struct file *file = vmf->vma->vm_file;
	struct kobjtree_chrdev *chr = kobjtree_chrdev_of(file);
	vm_fault_t ret;

	CLASS(kobjtree_section, section)(&chr->bound->gate);

	if (!section)
		return VM_FAULT_SIGBUS;
	ret = chr->ops->fault(file, vmf);
	return ret ?: kobjtree_chrdev_fault_page(vmf);
}

static const struct vm_operations_struct kobjtree_chrdev_vm_ops = {
	.fault = kobjtree_chrdev_fault,
};

static int kobjtree_chrdev_mmap_gated(struct file *file,
				      struct vm_area_struct *vma)
{
	struct kobjtree_chrdev *chr = kobjtree_chrdev_of(file);

	CLASS(kobjtree_section, section)(&chr->bound->gate);

	if (!section)
		return -ENODEV;
	return chr->ops->mmap ? chr->ops->mmap(file, vma) : 0;
}

static int kobjtree_chrdev_mmap(struct file *file, struct vm_area_struct *vma)
{
	int ret;

	vma->vm_ops = &kobjtree_chrdev_vm_ops;
	ret = kobjtree_chrdev_mmap_gated(file, vma);
	if (ret)
		return ret;
	if (WARN_ONCE(vma->vm_ops != &kobjtree_chrdev_vm_ops,
		      "kobjtree: %ps: vm_ops of the driver's own; see Documentation/core-api/kobjtree.rst\n",
		      vma->vm_ops))
		return -EINVAL;
	/* There is no page to copy. */
	if (vma->vm_flags & VM_PFNMAP && is_cow_mapping(vma->vm_flags))
		return -EINVAL;
	/* What was looked at does not grow. */
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	if (!(vma->vm_flags & VM_PFNMAP))
		vm_flags_set(vma, VM_MIXEDMAP);
	return 0;
}

static const struct file_operations kobjtree_chrdev_fops = {
	.llseek = kobjtree_chrdev_llseek,
	.read_iter = kobjtree_chrdev_read,
	.write_iter = kobjtree_chrdev_write,
	.poll = kobjtree_chrdev_poll,
	.unlocked_ioctl = kobjtree_chrdev_ioctl,
	.compat_ioctl = kobjtree_chrdev_compat_ioctl,
	.fasync = kobjtree_chrdev_fasync,
	.mmap = kobjtree_chrdev_mmap,
};

/* The VFS looks at which there are. */
void kobjtree_chrdev_set_fops(struct kobjtree_chrdev *chr)
{
	if (chr->ops->raw) {
		chr->fops = *chr->ops->raw;
		return;
	}
	chr->fops = kobjtree_chrdev_fops;
	if (!chr->ops->llseek)
		chr->fops.llseek = NULL;
	if (!chr->ops->read)
		chr->fops.read_iter = NULL;
	if (!chr->ops->write)
		chr->fops.write_iter = NULL;
	if (!chr->ops->fault)
		chr->fops.mmap = NULL;
}
