// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device with every file operation, and with places to stop in them: its nodes
 * are kobjtree_test_chrdev, .misc of the misc core, and .raw with file operations
 * and sections of its own. All have the same few pages of memory, which is the
 * hardware: devres frees it.
 */
#include <linux/file.h>
#include <linux/kobjtree_chrdev.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "chrdev.h"

#define TEST_SIZE	(TEST_PAGES * PAGE_SIZE)

static int hold;
module_param(hold, int, 0644);
MODULE_PARM_DESC(hold, "1: TEST_HOLD holds. 2: a page fault holds. 3: open holds.");

static int quiet;
module_param(quiet, int, 0644);
MODULE_PARM_DESC(quiet, "1: read and write sleep");

static int holding;
module_param(holding, int, 0444);
MODULE_PARM_DESC(holding, "who is being held");

static int stops, releases, objects;
module_param(stops, int, 0444);
module_param(releases, int, 0444);
module_param(objects, int, 0444);
MODULE_PARM_DESC(objects, "those whose release was not called yet");

static DEFINE_MUTEX(objects_lock);

struct test {
	struct kobjtree_bound bound;
	struct kobjtree_chrdev chr;
	struct kobjtree_chrdev misc;
	struct kobjtree_chrdev raw;
	void *hw;
	wait_queue_head_t wait;
	bool counted;
};

static struct test *test_of(struct file *file)
{
	return file->private_data;
}

/* As hardware that does not answer. */
static void test_hold(int how)
{
	holding++;
	while (READ_ONCE(hold) == how)
		schedule_timeout_uninterruptible(1);
	holding--;
}

static int test_open(struct file *file)
{
	struct kobjtree_chrdev *chr = kobjtree_chrdev_of(file);
	struct test *t = container_of(chr->bound, struct test, bound);

	test_hold(3);
	file->private_data = t;
	WRITE_ONCE(*(u8 *)t->hw, READ_ONCE(*(u8 *)t->hw));
	return 0;
}

static loff_t test_llseek(struct file *file, loff_t offset, int whence)
{
	return fixed_size_llseek(file, offset, whence, TEST_SIZE);
}

static int test_wait(struct file *file)
{
	struct test *t = test_of(file);

	if (file->f_flags & O_NONBLOCK && READ_ONCE(quiet))
		return -EAGAIN;
	return kobjtree_wait_event_interruptible(&t->bound.gate, t->wait,
						 !READ_ONCE(quiet));
}

static ssize_t test_read(struct file *file, struct iov_iter *to, loff_t pos)
{
	struct test *t = test_of(file);
	int ret = test_wait(file);

	if (ret)
		return ret;
	if (pos >= TEST_SIZE)
		return 0;
	return copy_to_iter(t->hw + pos, TEST_SIZE - pos, to);
}

static ssize_t test_write(struct file *file, struct iov_iter *from, loff_t pos)
{
	struct test *t = test_of(file);
	int ret = test_wait(file);

	if (ret)
		return ret;
	if (pos >= TEST_SIZE)
		return -ENOSPC;
	return copy_from_iter(t->hw + pos, TEST_SIZE - pos, from);
}

static __poll_t test_poll(struct file *file, struct poll_table_struct *wait)
{
	poll_wait(file, &test_of(file)->wait, wait);
	return READ_ONCE(quiet) ? 0 : DEFAULT_POLLMASK;
}

static long test_ioctl_hold(struct file *file, void *arg)
{
	test_hold(1);
	return READ_ONCE(*(u8 *)test_of(file)->hw);
}

static long test_ioctl_hold_wait(struct file *file, void *arg)
{
	struct test *t = test_of(file);

	test_hold(1);
	return kobjtree_wait_event(&t->bound.gate, t->wait, false);
}

/* As no section may. */
static long test_sleep_freezably(struct test *t)
{
	long ret;

	holding++;
	ret = wait_event_freezable(t->wait, false);
	holding--;
	return ret;
}

static long test_ioctl_freezable(struct file *file, void *arg)
{
	return test_sleep_freezably(test_of(file));
}

static long test_ioctl_flip(struct file *file, void *arg)
{
	struct test_flip *flip = arg;
	int i;

	for (i = 0; i < ARRAY_SIZE(flip->bytes); i++)
		flip->bytes[i] = ~flip->bytes[i];
	return 0;
}

static long test_ioctl_double(struct file *file, void *arg)
{
	*(u64 *)arg *= 2;
	return 0;
}

static long test_ioctl_double_32(struct file *file, void *arg)
{
	*(u32 *)arg *= 2;
	return 32;
}

static const struct kobjtree_chrdev_ioctl test_ioctls[] = {
	{ TEST_HOLD, test_ioctl_hold },
	{ TEST_HOLD_WAIT, test_ioctl_hold_wait },
	{ TEST_FREEZABLE, test_ioctl_freezable },
	{ TEST_FLIP, test_ioctl_flip },
	{ TEST_DOUBLE, test_ioctl_double },
	{}
};

static const struct kobjtree_chrdev_ioctl test_compat_ioctls[] = {
	{ TEST_DOUBLE_32, test_ioctl_double_32 },
	{}
};

static int test_mmap(struct file *file, struct vm_area_struct *vma)
{
	if (vma->vm_pgoff % TEST_PFNS + vma_pages(vma) > TEST_PAGES)
		return -EINVAL;
	if (vma->vm_pgoff >= TEST_PFNS)
		vm_flags_set(vma, VM_PFNMAP | VM_IO);
	return 0;
}

static vm_fault_t test_fault(struct file *file, struct vm_fault *vmf)
{
	void *p = test_of(file)->hw + vmf->pgoff % TEST_PFNS * PAGE_SIZE;

	test_hold(2);
	WRITE_ONCE(*(u8 *)p, READ_ONCE(*(u8 *)p));
	if (vmf->pgoff >= TEST_PFNS)
		return vmf_insert_pfn(vmf->vma, vmf->address,
				      page_to_pfn(virt_to_page(p)));
	vmf->page = virt_to_page(p);
	get_page(vmf->page);
	return 0;
}

static void test_stop(struct file *file)
{
	u8 *p = test_of(file)->hw;

	WRITE_ONCE(*p, READ_ONCE(*p));
	stops++;
}

static void test_release(struct file *file)
{
	releases++;
}

static const struct kobjtree_chrdev_ops test_ops = {
	.open = test_open,
	.llseek = test_llseek,
	.read = test_read,
	.write = test_write,
	.poll = test_poll,
	.ioctls = test_ioctls,
	.compat_ioctls = test_compat_ioctls,
	.mmap = test_mmap,
	.fault = test_fault,
	.stop = test_stop,
	.release = test_release,
};

/* === Sections of its own === */

static int test_raw_open(struct inode *inode, struct file *file)
{
	struct test *t = kobjtree_chrdev_data(file, struct test, raw);

	CLASS(kobjtree_section, section)(&t->bound.gate);

	return section ? test_open(file) : -ENODEV;
}

static int test_raw_byte(struct test *t, u8 *byte)
{
	CLASS(kobjtree_section, section)(&t->bound.gate);

	if (!section)
		return -ENODEV;
	*byte = READ_ONCE(*(u8 *)t->hw);
	return 0;
}

static ssize_t test_raw_read(struct file *file, char __user *to, size_t size,
			     loff_t *pos)
{
	u8 byte;
	int ret = test_raw_byte(test_of(file), &byte);

	if (ret)
		return ret;
	size = min(size, sizeof(byte));
	return copy_to_user(to, &byte, size) ? -EFAULT : size;
}

static long test_raw_ioctl(struct file *file, unsigned int cmd,
			   unsigned long arg)
{
	struct test_compat compat;
	long ret = -ENOTTY;

	if (cmd == TEST_FREEZABLE)
		return test_sleep_freezably(test_of(file));
	if (cmd != TEST_COMPAT)
		return -ENOTTY;
	if (copy_from_user(&compat, (void __user *)arg, sizeof(compat)))
		return -EFAULT;
	file = fget(compat.fd);
	if (!file)
		return -EBADF;
	if (file->f_op->compat_ioctl)
		ret = file->f_op->compat_ioctl(file, compat.cmd, compat.arg);
	fput(file);
	return ret;
}

static int test_raw_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct test *t = test_of(file);

	CLASS(kobjtree_section, section)(&t->bound.gate);

	if (!section)
		return -ENODEV;
	return remap_pfn_range(vma, vma->vm_start,
			       page_to_pfn(virt_to_page(t->hw)), PAGE_SIZE,
			       vma->vm_page_prot);
}

static int test_raw_release(struct inode *inode, struct file *file)
{
	releases++;
	return 0;
}

static const struct file_operations test_raw_fops = {
	.open = test_raw_open,
	.read = test_raw_read,
	.unlocked_ioctl = test_raw_ioctl,
	.mmap = test_raw_mmap,
	.release = test_raw_release,
};

static const struct kobjtree_chrdev_ops test_raw_ops = {
	.raw = &test_raw_fops,
};

/* === Binding === */

static void test_end(struct kobjtree *obj)
{
	struct test *t = container_of(obj, struct test, bound.tree);

	guard(mutex)(&objects_lock);
	objects -= t->counted;
}

DEFINE_KOBJTREE_TYPE(test_type, struct test, bound.tree, .release = test_end);

static int test_probe(struct platform_device *pdev)
{
	struct test *t;
	int ret;

	t = kobjtree_alloc_bound(&pdev->dev, struct test, bound, &test_type);
	if (IS_ERR(t))
		return PTR_ERR(t);
	scoped_guard(mutex, &objects_lock)
		objects++;
	t->counted = true;
	init_waitqueue_head(&t->wait);
	t->hw = (void *)devm_get_free_pages(&pdev->dev, GFP_KERNEL | __GFP_ZERO |
					    __GFP_COMP, get_order(TEST_SIZE));
	if (!t->hw)
		return -ENOMEM;
	ret = kobjtree_chrdev_register(&t->chr, &t->bound, &test_ops, "%s",
				       dev_name(&pdev->dev));
	ret = ret ?: kobjtree_chrdev_register_misc(&t->misc, &t->bound,
						   &test_ops,
						   MISC_DYNAMIC_MINOR, "%s.misc",
						   dev_name(&pdev->dev));
	return ret ?: kobjtree_chrdev_register(&t->raw, &t->bound, &test_raw_ops,
					       "%s.raw", dev_name(&pdev->dev));
}

static struct platform_driver test_driver = {
	.probe = test_probe,
	.driver.name = KBUILD_MODNAME,
};

static struct platform_device *test_device;

static int __init test_init(void)
{
	int ret;

	test_device = platform_device_register_simple(KBUILD_MODNAME,
						      PLATFORM_DEVID_NONE,
						      NULL, 0);
	if (IS_ERR(test_device))
		return PTR_ERR(test_device);
	ret = platform_driver_register(&test_driver);
	if (ret)
		platform_device_unregister(test_device);
	return ret;
}
module_init(test_init);

static void __exit test_exit(void)
{
	platform_driver_unregister(&test_driver);
	platform_device_unregister(test_device);
	kobjtree_owner_barrier();
}
module_exit(test_exit);

MODULE_DESCRIPTION("Test: a character device with every file operation");
MODULE_LICENSE("GPL");
