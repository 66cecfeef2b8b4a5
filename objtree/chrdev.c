// SPDX-License-Identifier: GPL-2.0-only
/*
 * Character devices: minors, device nodes, and file operations around the
 * driver's, which run in sections and never see user memory.
 *
 * Invariant: each file operation has a reference to the driver's object, by way
 * of its cdev, and calls the driver inside the gate only. User memory is copied
 * outside of it: a page fault can take as long as user space likes.
 *
 *   registered -> node gone (wake) -> last file closed -> minor free
 */
#include <linux/idr.h>
#include <linux/init.h>
#include <linux/kobjtree_chrdev.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uio.h>

/* As much of an argument goes on the stack. */
#define KOBJTREE_CHRDEV_STACK	128

static dev_t kobjtree_chrdev_devt;
static DEFINE_IDA(kobjtree_chrdev_minors);

static struct class *kobjtree_chrdev_class;

/* === Kernel copies of what user space passes === */

struct kobjtree_chrdev_buf {
	void *p;
	u8 stack[KOBJTREE_CHRDEV_STACK] __aligned(sizeof(u64));
};

static int kobjtree_chrdev_buf_get(struct kobjtree_chrdev_buf *buf, size_t size)
{
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

typedef ssize_t (*kobjtree_chrdev_io)(struct file *file, struct iov_iter *iter);

/* One call of the driver; what it says it did is bounded by what it did. */
static ssize_t kobjtree_chrdev_io_gated(struct file *file,
					kobjtree_chrdev_io io,
					unsigned int direction,
					void *p, size_t size)
{
	struct kobjtree_chrdev *chr = kobjtree_chrdev_of(file);
	struct kvec kvec = { .iov_base = p, .iov_len = size };
	struct iov_iter iter;
	ssize_t ret;

	CLASS(kobjtree_section, section)(&chr->bound->gate);

	if (!section)
		return -ENODEV;
	iov_iter_kvec(&iter, direction, &kvec, 1, size);
	ret = io(file, &iter);
	return min_t(ssize_t, ret, size - iov_iter_count(&iter));
}

static ssize_t kobjtree_chrdev_read(struct kiocb *iocb, struct iov_iter *to)
{
	size_t size = min_t(size_t, iov_iter_count(to), PAGE_SIZE);
	struct file *file = iocb->ki_filp;
	struct kobjtree_chrdev_buf buf;
	kobjtree_chrdev_io read;
	ssize_t ret;

	read = kobjtree_chrdev_of(file)->ops->read;
	if (!read)
		return -EINVAL;
	ret = kobjtree_chrdev_buf_get(&buf, size);
	if (ret)
		return ret;
	ret = kobjtree_chrdev_io_gated(file, read, ITER_DEST, buf.p, size);
	if (ret > 0 && copy_to_iter(buf.p, ret, to) != ret)
		ret = -EFAULT;
	kobjtree_chrdev_buf_put(&buf);
	return ret;
}

static ssize_t kobjtree_chrdev_write(struct kiocb *iocb, struct iov_iter *from)
{
	size_t size = min_t(size_t, iov_iter_count(from), PAGE_SIZE);
	struct file *file = iocb->ki_filp;
	struct kobjtree_chrdev_buf buf;
	kobjtree_chrdev_io write;
	ssize_t ret;

	write = kobjtree_chrdev_of(file)->ops->write;
	if (!write)
		return -EINVAL;
	ret = kobjtree_chrdev_buf_get(&buf, size);
	if (ret)
		return ret;
	if (copy_from_iter_full(buf.p, size, from))
		ret = kobjtree_chrdev_io_gated(file, write, ITER_SOURCE, buf.p,
					       size);
	else
		ret = -EFAULT;
	kobjtree_chrdev_buf_put(&buf);
	return ret;
}

/* === ioctl === */

static long kobjtree_chrdev_ioctl_gated(struct file *file, unsigned int cmd,
					void *arg)
{
	struct kobjtree_chrdev *chr = kobjtree_chrdev_of(file);

	CLASS(kobjtree_section, section)(&chr->bound->gate);

	if (!section)
		return -ENODEV;
	if (!chr->ops->ioctl)
		return -ENOTTY;
	return chr->ops->ioctl(file, cmd, arg);
}

static long kobjtree_chrdev_ioctl_copy(struct file *file, unsigned int cmd,
				       void __user *arg, void *p)
{
	size_t size = _IOC_SIZE(cmd);
	long ret;

	if (!(_IOC_DIR(cmd) & _IOC_WRITE))
		memset(p, 0, size);
	else if (copy_from_user(p, arg, size))
		return -EFAULT;
	ret = kobjtree_chrdev_ioctl_gated(file, cmd, p);
	if (ret >= 0 && _IOC_DIR(cmd) & _IOC_READ && copy_to_user(arg, p, size))
		ret = -EFAULT;
	return ret;
}

static long kobjtree_chrdev_ioctl(struct file *file, unsigned int cmd,
				  unsigned long arg)
{
	struct kobjtree_chrdev_buf buf;
	long ret;

	if (_IOC_DIR(cmd) == _IOC_NONE)
		return kobjtree_chrdev_ioctl_gated(file, cmd, (void *)arg);
	ret = kobjtree_chrdev_buf_get(&buf, _IOC_SIZE(cmd));
	if (ret)
		return ret;
	ret = kobjtree_chrdev_ioctl_copy(file, cmd, (void __user *)arg, buf.p);
	kobjtree_chrdev_buf_put(&buf);
	return ret;
}

/* === The other file operations === */

static int kobjtree_chrdev_open(struct inode *inode, struct file *file)
{
	struct kobjtree_chrdev *chr = kobjtree_chrdev_of(file);

	CLASS(kobjtree_section, section)(&chr->bound->gate);

	if (!section)
		return -ENODEV;
	/* The driver's, from here on. */
	file->private_data = NULL;
	stream_open(inode, file);
	return chr->ops->open ? chr->ops->open(file) : 0;
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

static void kobjtree_chrdev_stop(struct file *file)
{
	struct kobjtree_chrdev *chr = kobjtree_chrdev_of(file);

	CLASS(kobjtree_section, section)(&chr->bound->gate);

	/* Without a section, the removal has stopped the hardware. */
	if (section)
		chr->ops->stop(file);
}

static int kobjtree_chrdev_release(struct inode *inode, struct file *file)
{
	const struct kobjtree_chrdev_ops *ops = kobjtree_chrdev_of(file)->ops;

	if (ops->stop)
		kobjtree_chrdev_stop(file);
	if (ops->release)
		ops->release(file);
	return 0;
}

static const struct file_operations kobjtree_chrdev_fops = {
	.owner = THIS_MODULE,
	.open = kobjtree_chrdev_open,
	.read_iter = kobjtree_chrdev_read,
	.write_iter = kobjtree_chrdev_write,
	.poll = kobjtree_chrdev_poll,
	.unlocked_ioctl = kobjtree_chrdev_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.release = kobjtree_chrdev_release,
};

/* === Registration === */

/* The last file is closed, and its minor means nothing any more. */
static void kobjtree_chrdev_free_minor(struct kobjtree *obj)
{
	struct kobjtree_chrdev *chr = container_of(obj, struct kobjtree_chrdev,
						   kdev.tree);

	ida_free(&kobjtree_chrdev_minors, MINOR(chr->kdev.dev.devt));
}

DEFINE_KOBJTREE_TYPE(kobjtree_chrdev_type, struct kobjtree_chrdev, kdev.tree,
		     .release = kobjtree_chrdev_free_minor);

static void kobjtree_chrdev_wake(struct kobjtree_watcher *watcher)
{
	struct kobjtree_chrdev *chr = container_of(watcher, struct kobjtree_chrdev,
						   watcher);

	cdev_device_del(&chr->cdev, &chr->kdev.dev);
}

static void kobjtree_chrdev_quiesce(struct kobjtree_watcher *watcher)
{
	struct kobjtree_chrdev *chr = container_of(watcher, struct kobjtree_chrdev,
						   watcher);

	put_device(&chr->kdev.dev);
}

/* From here on put_device() undoes everything. */
static int kobjtree_chrdev_init(struct kobjtree_chrdev *chr)
{
	struct device *dev = &chr->kdev.dev;
	int minor;

	minor = ida_alloc_max(&kobjtree_chrdev_minors, MINORMASK, GFP_KERNEL);
	if (minor < 0)
		return minor;
	kobjtree_device_init_member(&chr->kdev, &kobjtree_chrdev_type,
				    &chr->bound->tree);
	dev->class = kobjtree_chrdev_class;
	dev->parent = chr->bound->dev;
	dev->devt = MKDEV(MAJOR(kobjtree_chrdev_devt), minor);
	return 0;
}

static int kobjtree_chrdev_add(struct kobjtree_chrdev *chr)
{
	int ret;

	ret = cdev_device_add(&chr->cdev, &chr->kdev.dev);
	if (ret)
		return ret;
	chr->watcher.wake = kobjtree_chrdev_wake;
	chr->watcher.quiesce = kobjtree_chrdev_quiesce;
	ret = kobjtree_watch(&chr->bound->gate, &chr->watcher);
	if (ret)
		cdev_device_del(&chr->cdev, &chr->kdev.dev);
	return ret;
}

/* The macro kobjtree_chrdev_register() has the documentation. */
int __kobjtree_chrdev_register(struct kobjtree_chrdev *chr,
			       struct kobjtree_bound *bound,
			       const struct kobjtree_chrdev_ops *ops,
			       struct module *owner, const char *fmt, ...)
{
	struct va_format name = { .fmt = fmt };
	va_list args;
	int ret;

	ret = kobjtree_publish(bound);
	if (ret)
		return ret;
	chr->bound = bound;
	chr->ops = ops;
	ret = kobjtree_chrdev_init(chr);
	if (ret)
		return ret;
	cdev_init(&chr->cdev, &kobjtree_chrdev_fops);
	chr->cdev.owner = owner;

	va_start(args, fmt);
	name.va = &args;
	ret = dev_set_name(&chr->kdev.dev, "%pV", &name);
	va_end(args);
	ret = ret ?: kobjtree_chrdev_add(chr);
	if (ret)
		put_device(&chr->kdev.dev);
	return ret;
}
EXPORT_SYMBOL_GPL(__kobjtree_chrdev_register);

/* === Init and exit === */

static int __init kobjtree_chrdev_module_init(void)
{
	int ret;

	ret = alloc_chrdev_region(&kobjtree_chrdev_devt, 0, MINORMASK + 1,
				  "kobjtree");
	if (ret)
		return ret;
	/* Not a static one: it may be used until after the module is gone. */
	kobjtree_chrdev_class = class_create("kobjtree");
	if (IS_ERR(kobjtree_chrdev_class)) {
		unregister_chrdev_region(kobjtree_chrdev_devt, MINORMASK + 1);
		return PTR_ERR(kobjtree_chrdev_class);
	}
	return 0;
}
module_init(kobjtree_chrdev_module_init);

static void __exit kobjtree_chrdev_module_exit(void)
{
	kobjtree_owner_barrier();
	class_destroy(kobjtree_chrdev_class);
	unregister_chrdev_region(kobjtree_chrdev_devt, MINORMASK + 1);
}
module_exit(kobjtree_chrdev_module_exit);

MODULE_DESCRIPTION("Character devices whose files may outlive the hardware");
MODULE_LICENSE("GPL");
